"""The composition root: settings -> services, events, pages."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from console.entrance import nowhere
from console.identity import Door
from console.live.hearing import Hearing
from console.live.picture import Picture
from console.live.signals import Signals
from console.pages import live, orders, overview, signing
from console.readings import Readings
from console.services import Services
from console.settings import ConsoleSettings
from console.visit import House

STATIC: Final = Path(__file__).parent / "static"


def build(settings: ConsoleSettings) -> Starlette:
    """The console; its events are heard while it serves."""
    house = _house(settings)

    @asynccontextmanager
    async def running(_: Starlette) -> AsyncIterator[None]:
        stop = asyncio.Event()
        hearing = asyncio.create_task(house.hearing.run(stop))
        try:
            yield
        finally:
            stop.set()
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
            await house.services.close()

    app = Starlette(routes=_routes(), lifespan=running, exception_handlers={404: nowhere})
    app.state.house = house
    return app


def _house(settings: ConsoleSettings) -> House:
    services, picture, signals = Services(settings.addresses()), Picture(), Signals()
    readings = Readings(services)

    def tell(names: Iterable[str]) -> None:
        told = set(names)
        readings.stir(told)
        signals.mark(told)

    hearing = Hearing(settings.kafka, settings.topic_prefix, picture, tell)
    return House(settings, services, readings, picture, signals, hearing, Door(settings.jwt_secret))


def _routes() -> list[BaseRoute]:
    return [
        *live.routes(),
        *signing.routes(),
        *overview.routes(),
        *orders.routes(),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
