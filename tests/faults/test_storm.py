"""Four services under seeded faults and mixed load: when it is calm again, no order, no unit and no event is lost."""

import asyncio
import os
import random
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from deploy.local.audit.command import examine
from shared.contracts.catalog import SERVICES
from tests.faults.hooks import Faults
from tests.faults.points import armed
from tests.faults.stage import Stage, refuse_what_is_not_here, staged
from tests.faults.storm import Storm
from tests.faults.traffic import Traffic
from tests.servers import Servers
from tests.shop import Shop, until

SEED = int(os.environ.get("FLACON_FAULTS_SEED", "1"))
SECONDS = float(os.environ.get("FLACON_FAULTS_SECONDS", "20"))
SEEDS = int(os.environ.get("FLACON_FAULTS_SEEDS", "1"))
ORDERS_MIN, LONGER_SECONDS = 20, 180.0
"""A run goes on for longer if it was so slow that nothing has happened yet."""
POINTS = int(os.environ.get("FLACON_FAULTS_POINTS", "12"))


async def weathered(
    stage: Stage, shop: Shop, seed: int, seconds: float, *, pause_seconds: float | None = None
) -> tuple[Traffic, Storm]:
    """Load under faults for so long, then calm; `pause_seconds` between faults from outside, if there are any."""
    print(f"\nagain: make faults SEED={seed}")
    traffic, storm, stop = Traffic(shop, seed), Storm(stage, shop, seed, some=SEEDS > 1), asyncio.Event()
    await traffic.prepare()
    await stage.suffer()
    async with asyncio.TaskGroup() as group:
        group.create_task(traffic.run(stop))
        if pause_seconds is not None:
            group.create_task(storm.run(stop, pause_seconds))
        await asyncio.sleep(seconds)
        await until(partial(_enough, traffic), seconds=LONGER_SECONDS, what=f"{ORDERS_MIN} orders under faults")
        stop.set()
    await stage.calm()
    return traffic, storm


async def _enough(traffic: Traffic) -> bool:
    return len(traffic.accepted) >= ORDERS_MIN


async def _survives(stage: Stage, seed: int, *, pause_seconds: float | None = None) -> dict[str, object]:
    """What happened, once the end state is found to be true."""
    async with Shop(stage.stack) as shop:
        traffic, storm = await weathered(stage, shop, seed, SECONDS, pause_seconds=pause_seconds)
        ends = await traffic.end()
        await shop.settled()
        report = await examine(stage.stack)
        assert [str(one) for one in report.all] == []
        assert report.unrest is None
        assert await traffic.lost() == set()
        assert await _buried(shop) == []
        return {"ends": ends, "deaths": stage.deaths(), "happened": dict(storm.happened)}


async def _buried(shop: Shop) -> list[str]:
    """Dead letters of records that can be read: an outage must never make one."""
    letters = []
    for service in SERVICES:
        place = "orders" if service == "order" else service
        letters += await shop.every(service, f"/api/{place}/dead-letters")
    return [letter["error"] for letter in letters if letter["reason"] == "handler_failed"]


def _told(happened: Mapping[str, object]) -> None:
    print("".join(f"\n{name}: {value}" for name, value in happened.items()))


@pytest.mark.timeout(1800)
async def test_a_death_at_any_step_of_any_handler_loses_nothing(servers: Servers, tmp_path: Path) -> None:
    points = armed(SEED, POINTS)
    faults: dict[str, Faults] = {name: Faults(seed=SEED, points=tuple(points[name])) for name in SERVICES}
    async with staged(servers, tmp_path, SEED, faults) as stage:
        _told(await _survives(stage, SEED))
        assert sum(len(deaths) for deaths in stage.deaths().values()) > len(SERVICES)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(SEED, SEED + SEEDS))
async def test_a_storm_of_faults_loses_nothing(servers: Servers, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    faults: dict[str, Faults] = {name: Faults(seed=seed, lost_news=0.05) for name in SERVICES}
    late: str = draw.choice(SERVICES)
    faults[late] = replace(faults[late], clock_seconds=draw.choice((-600.0, 600.0)))
    async with staged(servers, tmp_path, seed, faults) as stage:
        happened = await _survives(stage, seed, pause_seconds=1.0)
        _told({**happened, "late": (late, faults[late].clock_seconds)})
        assert happened["happened"]


def test_faults_are_for_this_machine_only() -> None:
    refuse_what_is_not_here(Servers("postgresql://a:b@127.0.0.1:1/x", "localhost:1,[::1]:2"))
    for far in (
        Servers("postgresql://a:b@db.example/x", "127.0.0.1:1"),
        Servers("postgresql://a:b@localhost/x", "k:1"),
    ):
        with pytest.raises(ValueError, match="loopback only"):
            refuse_what_is_not_here(far)
