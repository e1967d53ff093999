"""Without one of its defences an installation does not come out of the same faults with true books."""

from pathlib import Path

from deploy.local.audit.command import examine
from shared.contracts.catalog import SERVICES
from tests.faults.hooks import Faults
from tests.faults.stage import staged
from tests.faults.test_storm import weathered
from tests.servers import Servers
from tests.shop import Shop

SEED, SECONDS = 7, 15.0


async def _deviations(servers: Servers, folder: Path, faults: Faults, instances: int = 1) -> set[str]:
    """The checks of the audit that fail after the faults."""
    suffering: dict[str, Faults] = dict.fromkeys(SERVICES, faults)
    async with staged(servers, folder, SEED, suffering, instances) as stage, Shop(stage.stack) as shop:
        await weathered(stage, shop, SEED, SECONDS)
        return {one.check for one in (await examine(stage.stack)).all}


async def test_without_the_inbox_effects_happen_twice(servers: Servers, tmp_path: Path) -> None:
    faults = Faults(seed=SEED, lost_news=0.3, without=("inbox",))
    assert await _deviations(servers, tmp_path, faults) != set()


async def test_without_the_lock_of_the_relay_events_overtake_each_other(servers: Servers, tmp_path: Path) -> None:
    faults = Faults(seed=SEED, lost_news=0.3, without=("relay_lock",))
    assert "version_order" in await _deviations(servers, tmp_path, faults, instances=2)
