"""Puts the order service together: settings -> database, routes, subscriptions, timers."""

import asyncio
from pathlib import Path

from services.order.api.alerts import alert_routes
from services.order.api.retrying import retry_routes
from services.order.api.routes import routes
from services.order.api.stream import stream_routes
from services.order.handlers import subscriptions
from services.order.jobs import jobs
from services.order.settings import OrderSettings
from shared.runtime.database import Database
from shared.runtime.service import Service
from shared.runtime.wakeups import Wakeups

MIGRATIONS = Path(__file__).parent / "migrations"


def build(settings: OrderSettings) -> Service:
    """The service of these settings; nothing is opened yet."""
    wakeups = Wakeups("order", settings.postgres_dsn)
    database = Database(
        "order",
        settings.postgres_dsn,
        wakeups=wakeups,
        shards=settings.outbox_shards,
        largest=settings.pool_size,
    )
    policy, stopping = settings.policy(), asyncio.Event()
    return Service(
        name="order",
        settings=settings,
        database=database,
        wakeups=wakeups,
        subscriptions=subscriptions(policy),
        jobs=jobs(policy, settings.ask_again_every_seconds, settings.promises_every_seconds),
        routers=(
            alert_routes(database),
            retry_routes(database),
            stream_routes(database, stopping),
            routes(database, policy),
        ),
        migrations=MIGRATIONS,
        path="/api/orders",
        stopping=stopping,
    )
