"""Puts the inventory service together."""

from pathlib import Path
from typing import Final

from services.inventory.api import routes
from services.inventory.api.alerts import alert_routes
from services.inventory.api.figures import figure_routes
from services.inventory.domain.shelf import Terms
from services.inventory.handlers import subscriptions
from services.inventory.jobs import jobs
from services.inventory.operations.shelves import House
from services.inventory.settings import InventorySettings
from services.inventory.store.archive import LEDGER
from shared.runtime.database import Database
from shared.runtime.service import Service
from shared.runtime.wakeups import Wakeups

PARTITIONS: Final = (LEDGER,)


def build(settings: InventorySettings) -> Service:
    """The service of these settings; nothing is opened yet."""
    wakeups = Wakeups("inventory", settings.postgres_dsn)
    database = Database(
        "inventory",
        settings.postgres_dsn,
        wakeups=wakeups,
        shards=settings.outbox_shards,
        largest=settings.pool_size,
    )
    house = house_of(settings)
    return Service(
        name="inventory",
        settings=settings,
        database=database,
        wakeups=wakeups,
        subscriptions=subscriptions(house),
        jobs=jobs(house, settings),
        routers=(alert_routes(database), figure_routes(database), routes(database, house)),
        migrations=Path(__file__).parent / "migrations",
        partitions=PARTITIONS,
        path="/api/inventory",
    )


def house_of(settings: InventorySettings) -> House:
    """What the operations are set to."""
    terms = Terms(settings.hold_seconds, settings.late_confirm_seconds, settings.confirmed_seconds)
    return House(terms, settings.currency)
