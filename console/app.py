"""The composition root: settings -> services, events, pages."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from console.entrance import broken, nowhere
from console.identity import Door
from console.live.hearing import Hearing
from console.live.picture import Picture
from console.live.signals import Signals
from console.pages import alerts, fulfillment, live, lots, operations, orders, overview, production, signing, stock
from console.readings import Readings
from console.services import Services
from console.settings import ConsoleSettings
from console.visit import House
from shared.runtime.auth import Tokens

STATIC: Final = Path(__file__).parent / "static"


def build(settings: ConsoleSettings) -> Starlette:
    """The console; its events are heard while it serves."""
    tokens = settings.tokens()
    house = _house(settings, tokens)

    @asynccontextmanager
    async def running(_: Starlette) -> AsyncIterator[None]:
        stop = asyncio.Event()
        tasks = [asyncio.create_task(house.hearing.run(stop))]
        if tokens.keys is not None:
            tasks.append(asyncio.create_task(tokens.keys.run(stop)))
        try:
            yield
        finally:
            stop.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await house.services.close()

    app = Starlette(routes=_routes(), lifespan=running, exception_handlers={404: nowhere, 500: broken})
    app.state.house = house
    return app


def _house(settings: ConsoleSettings, tokens: Tokens) -> House:
    services, picture, signals = Services(settings.addresses()), Picture(), Signals()
    readings = Readings(services)

    def tell(names: Iterable[str]) -> None:
        told = set(names)
        readings.stir(told)
        signals.mark(told)

    hearing = Hearing(settings.kafka, settings.topic_prefix, picture, tell, settings.kafka_security())
    return House(settings, services, readings, picture, signals, hearing, Door(tokens, settings.jwt_secret))


def _routes() -> list[BaseRoute]:
    return [
        *live.routes(),
        *signing.routes(),
        *overview.routes(),
        *orders.routes(),
        *lots.routes(),
        *stock.routes(),
        *production.routes(),
        *fulfillment.routes(),
        *alerts.routes(),
        *operations.routes(),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
