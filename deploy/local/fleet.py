"""The service processes: migrated, started, asked whether they are ready, stopped, killed; one or many of each."""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from deploy.local.credentials import SERVICES
from deploy.local.home import Home
from deploy.local.ports import HOST, Ports
from deploy.local.processes import Processes, Record
from deploy.local.stack import Instance

MIGRATE_SECONDS = 120.0
START_SECONDS = 90.0
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Surroundings:
    """What the services of one installation are told; `postgres` has a DSN for each."""

    postgres: Mapping[str, str]
    kafka: str
    jwt_secret: str
    topic_prefix: str = ""
    topic_partitions: int = 4
    more: Mapping[str, str] = field(default_factory=dict)

    def environment(self, service: str, port: int) -> dict[str, str]:
        """The settings of one process, over the environment that this one has."""
        prefix = service.upper()
        return {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            f"{prefix}_POSTGRES_DSN": self.postgres[service],
            f"{prefix}_KAFKA": self.kafka,
            f"{prefix}_HOST": HOST,
            f"{prefix}_PORT": str(port),
            f"{prefix}_JWT_SECRET": self.jwt_secret,
            "TOPIC_PREFIX": self.topic_prefix,
            "TOPIC_PARTITIONS": str(self.topic_partitions),
            **self.more,
        }


class Fleet:
    """The services of one installation; an instance's name is `order-1`, `order-2`, ..."""

    def __init__(self, home: Home, processes: Processes, surroundings: Surroundings) -> None:
        self._home = home
        self._processes = processes
        self._surroundings = surroundings
        self._ports = Ports(home.ports)

    async def migrate(self) -> None:
        """Bring every service's schema up to date."""
        async with asyncio.TaskGroup() as group:
            for service in SERVICES:
                group.create_task(self.run(service, "migrate"))

    async def scale(self, counts: Mapping[str, int]) -> None:
        """Have as many ready instances of each service as told: start what is missing, stop what is too much."""
        wanted = {f"{service}-{number}" for service in SERVICES for number in range(1, counts[service] + 1)}
        async with asyncio.TaskGroup() as group:
            for record in self.running():
                if record.name not in wanted:
                    group.create_task(self.stop(record.name))
            for name in sorted(wanted):
                group.create_task(self.ensure(name))

    async def ensure(self, name: str) -> Record:
        """Have that instance ready: one that runs and is ready is left alone."""
        record = self._processes.find(name)
        if record is not None and await is_ready(record.port):
            return record
        if record is not None:
            await self._processes.stop(record, seconds=STOP_SECONDS)
        return await self.start_instance(name)

    async def start_instance(self, name: str) -> Record:
        """Start an instance that does not run and wait until it is ready; its port stays the same."""
        record = self.spawn(name)
        await self._processes.ready(record, lambda: is_ready(record.port), seconds=START_SECONDS)
        return record

    def spawn(self, name: str) -> Record:
        """Start an instance without waiting for it."""
        service = name.partition("-")[0]
        port = self._ports.take(name)
        return self._processes.spawn(
            name,
            self.command(service),
            marker=f"services.{service}",
            port=port,
            env=self._surroundings.environment(service, port),
        )

    def command(self, service: str) -> list[str]:
        """What runs as that service."""
        return [sys.executable, "-m", f"services.{service}", "serve"]

    async def restart_instance(self, name: str) -> Record:
        """Stop an instance gracefully and start it again."""
        await self.stop(name)
        return await self.start_instance(name)

    def kill_instance(self, name: str) -> None:
        """Kill an instance with SIGKILL, as a crash would."""
        if (record := self._processes.find(name)) is not None:
            self._processes.kill(record)

    async def stop(self, name: str) -> None:
        """Stop an instance gracefully: it finishes what it has taken."""
        if (record := self._processes.find(name)) is not None:
            await self._processes.stop(record, seconds=STOP_SECONDS)

    async def stop_all(self) -> None:
        """Stop every instance, side by side."""
        await asyncio.gather(*(self.stop(record.name) for record in self.running()))

    def running(self) -> list[Record]:
        """The processes of services that run."""
        return [record for record in self._processes.all() if record.name.partition("-")[0] in SERVICES]

    def instances(self) -> dict[str, list[Instance]]:
        """The running instances by service, the first one first."""
        found: dict[str, list[Instance]] = {service: [] for service in SERVICES}
        for record in sorted(self.running(), key=lambda record: int(record.name.partition("-")[2])):
            instance = Instance(url_of(record.port), record.pid, str(self._home.log(record.name)))
            found[record.name.partition("-")[0]].append(instance)
        return found

    async def run(self, service: str, *words: str) -> None:
        """Run one of a service's commands to its end: `run("order", "republish", "--since", ...)`."""
        command = [sys.executable, "-m", f"services.{service}", *words]
        environment = self._surroundings.environment(service, 0)
        await self._processes.run(f"{words[0]}-{service}", command, env=environment, seconds=MIGRATE_SECONDS)


def url_of(port: int) -> str:
    """The address of a process of this machine."""
    return f"http://{HOST}:{port}"


async def is_ready(port: int) -> bool:
    """Whether `/readyz` answers 200."""
    try:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            return (await client.get(f"{url_of(port)}/readyz")).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
