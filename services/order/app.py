"""Puts the order service together: settings -> database, routes, subscriptions, timers."""

import asyncio
from pathlib import Path

from services.order.api.alerts import alert_routes
from services.order.api.figures import figure_routes
from services.order.api.retrying import retry_routes
from services.order.api.routes import routes
from services.order.api.stream import stream_routes
from services.order.handlers import subscriptions
from services.order.jobs.posting import LogInstead, Mailroom, Post, count_job, post_errand
from services.order.jobs.smtp import PORTS, MailServer
from services.order.jobs.timers import jobs
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
        jobs=(
            *jobs(policy, settings.ask_again_every_seconds, settings.promises_every_seconds),
            post_errand(mailroom(settings), settings.smtp_every_seconds),
            count_job(),
        ),
        routers=(
            alert_routes(database),
            figure_routes(database),
            retry_routes(database),
            stream_routes(database, stopping),
            routes(database, policy),
        ),
        migrations=MIGRATIONS,
        path="/api/orders",
        stopping=stopping,
    )


def mailroom(settings: OrderSettings) -> Mailroom:
    """How mails leave: through the server that is set, else into the log."""
    return Mailroom(_post(settings), settings.mail_sender(), settings.patience(), settings.smtp_round_max)


def _post(settings: OrderSettings) -> Post:
    if settings.smtp_host is None:
        return LogInstead()
    return MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port or PORTS[settings.smtp_tls],
        tls=settings.smtp_tls,
        username=settings.smtp_username,
        password=settings.smtp_password,
        seconds=settings.smtp_timeout_seconds,
        ca_file=settings.smtp_ca_file,
    )
