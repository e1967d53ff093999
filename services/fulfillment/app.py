"""Puts the fulfillment service together."""

from pathlib import Path

from services.fulfillment.api import routes
from services.fulfillment.handlers import SUBSCRIPTIONS
from services.fulfillment.jobs import JOBS
from services.fulfillment.settings import FulfillmentSettings
from shared.runtime.database import Database
from shared.runtime.service import Service
from shared.runtime.wakeups import Wakeups


def build(settings: FulfillmentSettings) -> Service:
    """The service of these settings; nothing is opened yet."""
    wakeups = Wakeups("fulfillment", settings.postgres_dsn)
    database = Database(
        "fulfillment",
        settings.postgres_dsn,
        wakeups=wakeups,
        shards=settings.outbox_shards,
        largest=settings.pool_size,
    )
    return Service(
        name="fulfillment",
        settings=settings,
        database=database,
        wakeups=wakeups,
        subscriptions=SUBSCRIPTIONS,
        jobs=JOBS,
        routers=(routes(database, settings.wave_seconds),),
        migrations=Path(__file__).parent / "migrations",
    )
