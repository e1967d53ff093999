"""The four services as real processes on the tests' servers, with a database and topics of their own."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.credentials import SERVICES, token_for
from deploy.local.database import with_database
from deploy.local.fleet import Fleet, Surroundings
from deploy.local.home import Home
from deploy.local.processes import Processes
from deploy.local.stack import Stack
from deploy.local.starting import ONE_EACH
from tests import databases
from tests.servers import Servers

JWT_SECRET = "flacon-test-secret-of-more-than-32-bytes"


@dataclass
class System:
    """A running installation: `stack` is what `stack.json` would say, `fleet` starts, stops and kills instances."""

    stack: Stack
    fleet: Fleet
    home: Home
    database: str

    def url(self, service: str) -> str:
        """The address of a service's first instance."""
        return self.stack.services[service]

    def urls(self, service: str) -> list[str]:
        """The addresses of all its instances that run now."""
        return [instance.url for instance in self.fleet.instances()[service]]

    def client(self, service: str, *, seconds: float = 30.0) -> httpx.AsyncClient:
        """A client of the first instance that may do everything."""
        return httpx.AsyncClient(base_url=self.url(service), headers=self.stack.headers(), timeout=seconds)


async def start_system(
    servers: Servers, folder: Path, *, counts: Mapping[str, int] | None = None, more: Mapping[str, str] | None = None
) -> System:
    """Start an installation and wait until it is ready; `more` are settings such as `ORDER_LOG_LEVEL`."""
    from shared.runtime.topics import make_topics

    prefix = f"t{secrets.token_hex(4)}."
    database, _ = await asyncio.gather(
        databases.clone(servers.postgres_admin_dsn, SERVICES), make_topics(servers.kafka_bootstrap, prefix=prefix)
    )
    home = Home(folder)
    home.prepare()
    dsns = databases.dsns_of(servers.postgres_admin_dsn, database)
    surroundings = Surroundings(dsns, servers.kafka_bootstrap, JWT_SECRET, topic_prefix=prefix, more=more or {})
    fleet = Fleet(home, Processes(home), surroundings)
    try:
        await fleet.scale({**ONE_EACH, **(counts or {})})
    except BaseException:
        await fleet.stop_all()
        raise
    return System(stack_of(servers, database, fleet, surroundings), fleet, home, database)


async def stop_system(servers: Servers, system: System) -> None:
    """Stop the processes and delete the database and the topics."""
    await system.fleet.stop_all()
    await asyncio.gather(
        databases.drop(servers.postgres_admin_dsn, system.database),
        delete_topics(servers.kafka_bootstrap, system.stack.topic_prefix),
    )


async def delete_topics(bootstrap: str, prefix: str) -> None:
    """Delete every topic of that prefix."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        if topics := [topic for topic in await client.list_topics() if topic.startswith(prefix)]:
            await client.delete_topics(topics)
    finally:
        await client.close()


def stack_of(servers: Servers, database: str, fleet: Fleet, surroundings: Surroundings) -> Stack:
    """What `stack.json` would say of the instances that run now."""
    instances = fleet.instances()
    admin = with_database(servers.postgres_admin_dsn, database)
    return Stack(
        services={service: many[0].url for service, many in instances.items()},
        instances=instances,
        kafka=servers.kafka_bootstrap,
        postgres={**surroundings.postgres, "admin": admin},
        token=token_for(JWT_SECRET),
        jwt_secret=JWT_SECRET,
        topic_prefix=surroundings.topic_prefix,
    )
