"""What many look at is asked once, and anew when something happened; nobody sees more than their rights."""

from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from console import readings as module
from console.identity import Person
from console.readings import Readings
from console.services import Services

PATH = "/schedule"


class Bottling:
    """The bottling service as far as it is asked: answers how often that was, or with a status."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status = 200

    async def answer(self, request: Request) -> JSONResponse:
        self.asked.append(request.headers["authorization"].removeprefix("Bearer "))
        return JSONResponse({"n": len(self.asked)}, self.status)

    def readings(self) -> Readings:
        """Shared answers of this service."""
        app = Starlette(routes=[Route("/api/bottling/schedule", self.answer)])
        services = Services({})
        services.clients["bottling"] = AsyncClient(transport=ASGITransport(app=app), base_url="http://bottling")
        return Readings(services)


def _person(name: str, *scopes: str) -> Person:
    return Person(name, frozenset(scopes), name, float("inf"))


INES, VIC, NOBODY = _person("ines", "bottling:read"), _person("vic", "bottling:read"), _person("nobody", "orders:read")


@pytest.fixture
def old_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "YOUNG_SECONDS", 0.0)


async def _read(readings: Readings, person: Person) -> dict[str, Any] | None:
    return await readings.read(person, "bottling", PATH, "production", seconds=3600)


async def test_an_answer_is_shared_until_something_happens_there(old_at_once: None) -> None:
    bottling = Bottling()
    readings = bottling.readings()

    assert [await _read(readings, person) for person in (INES, VIC)] == [{"n": 1}, {"n": 1}]
    readings.stir({"orders", "batch:7"})
    assert await _read(readings, VIC) == {"n": 1}
    readings.stir({"production"})
    assert await _read(readings, VIC) == {"n": 2}
    assert bottling.asked == ["ines", "vic"]


async def test_however_much_happens_a_route_is_not_asked_all_the_time() -> None:
    bottling = Bottling()
    readings = bottling.readings()
    for _ in range(50):
        readings.stir({"production"})
        await _read(readings, INES)

    assert len(bottling.asked) == 1


async def test_who_has_no_right_gets_nothing_and_asks_nothing() -> None:
    bottling = Bottling()

    assert await _read(bottling.readings(), NOBODY) is None
    assert bottling.asked == []


async def test_a_refusal_is_no_answer_and_one_persons_limit_is_not_anothers(old_at_once: None) -> None:
    bottling = Bottling()
    readings = bottling.readings()
    bottling.status = 429
    assert await _read(readings, INES) is None
    bottling.status = 200
    assert await _read(readings, VIC) == {"n": 2}
    bottling.status = 503
    readings.stir({"production"})
    assert await _read(readings, VIC) is None
    assert await _read(readings, INES) is None
    assert len(bottling.asked) == 3
