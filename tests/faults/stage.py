"""An installation whose services run under faults, any number of each, behind a proxy; on loopback and nowhere else."""

import os
import random
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local.credentials import SERVICES
from deploy.local.fleet import START_SECONDS, Fleet, Surroundings, is_ready
from deploy.local.home import Home
from deploy.local.processes import Processes
from deploy.local.stack import Stack
from shared.runtime.topics import make_topics
from tests import databases
from tests.faults.hooks import TOLD, Faults, fired
from tests.faults.proxy import Proxy
from tests.installation import JWT_SECRET, delete_topics, stack_of
from tests.servers import Servers
from tests.shop import until

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SETTINGS = {
    **{f"{service.upper()}_RATE_LIMIT": "100000/second" for service in SERVICES},
    "INVENTORY_HOLD_SECONDS": "6",
    "ORDER_ASK_AGAIN_SECONDS": "[5, 10, 20]",
}


class FaultyFleet(Fleet):
    """Starts services by the entry point of these tests."""

    def command(self, service: str) -> list[str]:
        return [sys.executable, "-m", "tests.faults.service", f"services.{service}", "serve"]


@dataclass
class Stage:
    """A running installation; `calm` ends all faults."""

    servers: Servers
    stack: Stack
    proxy: Proxy
    faulty: FaultyFleet
    ordinary: Fleet
    folder: Path
    counts: Mapping[str, int]

    def signal(self, name: str, number: signal.Signals) -> bool:
        """Sends a signal to an instance and its lives; False if it does not run."""
        record = next((one for one in self.faulty.running() if one.name == name), None)
        if record is None:
            return False
        os.killpg(record.pid, number)
        return True

    def deaths(self) -> dict[str, list[str]]:
        """The points at which each service died."""
        return {service: fired(self.folder / f"{service}.fired") for service in SERVICES}

    async def suffer(self) -> None:
        """Starts suffering services in the place of the ordinary ones, and waits until each was ready once."""
        stopped = self.ordinary.running()
        for record in stopped:
            await self.ordinary.stop(record.name)
            self.faulty.spawn(record.name)
        for record in stopped:
            await until(partial(is_ready, record.port), seconds=START_SECONDS, what=f"{record.name} ready once")

    async def calm(self) -> None:
        """Kills whatever still suffers and starts ordinary services in its place, at the same addresses."""
        self.proxy.closed, self.proxy.delay_seconds_max = False, 0.0
        gone = {f"{service}-1" for service in SERVICES} - {record.name for record in self.faulty.running()}
        assert not gone, f"{gone} ended by themselves; see {self.folder}"
        for record in self.faulty.running():
            self.faulty.kill_instance(record.name)
        await self.ordinary.scale(self.counts)


def refuse_what_is_not_here(servers: Servers) -> None:
    """Faults are for servers of this machine.

    Raises:
        ValueError: one of the addresses is not loopback.
    """
    postgres = urlsplit(servers.postgres_admin_dsn).hostname or ""
    hosts = [postgres, *(one.rpartition(":")[0].strip("[]") for one in servers.kafka_bootstrap.split(","))]
    far = [host for host in hosts if host not in LOOPBACK]
    if far:
        raise ValueError(f"faults are injected on loopback only, not at {', '.join(far)}")


@asynccontextmanager
async def staged(
    servers: Servers, folder: Path, seed: int, faults: Mapping[str, Faults], instances: int = 1
) -> AsyncIterator[Stage]:
    """Each service suffers what `faults` says of it."""
    refuse_what_is_not_here(servers)
    prefix, counts = f"f{secrets.token_hex(4)}.", dict.fromkeys(SERVICES, instances)
    database = await databases.clone(servers.postgres_admin_dsn, SERVICES)
    await make_topics(servers.kafka_bootstrap, prefix=prefix)
    home = Home(folder / "home")
    home.prepare()
    told = urlsplit(servers.postgres_admin_dsn)
    async with Proxy(told.hostname or "", told.port or 5432, random.Random(seed)) as proxy:
        straight = databases.dsns_of(servers.postgres_admin_dsn, database)
        behind = {name: dsn.replace(f":{told.port}/", f":{proxy.port}/") for name, dsn in straight.items()}
        surroundings = Surroundings(straight, servers.kafka_bootstrap, JWT_SECRET, topic_prefix=prefix, more=SETTINGS)
        processes = Processes(home)
        suffering = _Suffering(
            **{**vars(surroundings), "postgres": behind},
            faults={
                name: replace(one, fired=str(folder / f"{name}.fired"), prefix=prefix) for name, one in faults.items()
            },
        )
        faulty, ordinary = FaultyFleet(home, processes, suffering), Fleet(home, processes, surroundings)
        try:
            await ordinary.scale(counts)
            stack = stack_of(servers, database, ordinary, surroundings)
            yield Stage(servers, stack, proxy, faulty, ordinary, folder, counts)
        finally:
            for record in ordinary.running():
                ordinary.kill_instance(record.name)
            await databases.drop(servers.postgres_admin_dsn, database)
            await delete_topics(servers.kafka_bootstrap, prefix)


@dataclass(frozen=True)
class _Suffering(Surroundings):
    faults: Mapping[str, Faults] = field(default_factory=dict)

    def environment(self, service: str, port: int) -> dict[str, str]:
        return {**super().environment(service, port), TOLD: self.faults[service].as_text()}
