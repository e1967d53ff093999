"""Puts the bottling service together: settings -> database, routes, subscriptions, timers."""

from pathlib import Path

from services.bottling.api.alerts import alert_routes
from services.bottling.api.batches import batch_routes, stuck_routes
from services.bottling.api.figures import figure_routes
from services.bottling.api.recipes import recipe_routes
from services.bottling.api.schedule import schedule_routes
from services.bottling.handlers import subscriptions
from services.bottling.jobs import jobs
from services.bottling.settings import BottlingSettings
from shared.runtime.database import Database
from shared.runtime.service import Service
from shared.runtime.wakeups import Wakeups

MIGRATIONS = Path(__file__).parent / "migrations"


def build(settings: BottlingSettings) -> Service:
    """The service, not started."""
    wakeups = Wakeups("bottling", settings.postgres_dsn)
    database = Database(
        "bottling",
        settings.postgres_dsn,
        wakeups=wakeups,
        shards=settings.outbox_shards,
        largest=settings.pool_size,
    )
    return Service(
        name="bottling",
        settings=settings,
        database=database,
        wakeups=wakeups,
        subscriptions=subscriptions(settings.delays()),
        jobs=jobs(settings),
        routers=(
            recipe_routes(database, settings),
            batch_routes(database, settings),
            schedule_routes(database),
            stuck_routes(database),
            alert_routes(database),
            figure_routes(database, settings.currency),
        ),
        migrations=MIGRATIONS,
        path="/api/bottling",
    )
