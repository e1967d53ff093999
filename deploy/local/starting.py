"""Starting, changing and stopping a whole stack: what `up`, `down` and `reset` do."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

from aiokafka.errors import KafkaError

from deploy.local.console import NAME as CONSOLE
from deploy.local.console import console_settings, ensure_console
from deploy.local.credentials import SERVICES, Credentials, credentials_of, token_for
from deploy.local.database import prepare, service_dsns
from deploy.local.failure import CannotRun
from deploy.local.fleet import Fleet, Surroundings, is_ready
from deploy.local.home import Home
from deploy.local.kafka import Kafka, answers
from deploy.local.ports import HOST, Ports
from deploy.local.postgres import Postgres
from deploy.local.processes import Processes, Record
from deploy.local.screen import Screen
from deploy.local.stack import Stack

DATABASE = "flacon"
ONE_EACH: Mapping[str, int] = dict.fromkeys(SERVICES, 1)
TOPICS_SECONDS = 60.0


class LocalStack:
    """The stack of one folder."""

    def __init__(self, home: Home, screen: Screen, *, console: bool = True) -> None:
        """Without the console where the services are measured alone."""
        self.home = home
        self.screen = screen
        self.processes = Processes(home)
        self._console = (CONSOLE,) if console else ()

    async def up(self, counts: Mapping[str, int] = ONE_EACH) -> Stack:
        """Have everything running and ready, with that many instances of each service; keeps data that are there."""
        self.home.prepare()
        with self.home.locked():
            if (stack := await self._as_wanted(counts)) is not None:
                return stack
            async with self._all_or_nothing():
                return await self._start(counts)

    async def up_or_as_it_runs(self) -> Stack:
        """The stack with the instances that it has, started if it does not run."""
        counts = Counter(record.name.partition("-")[0] for record in self._services())
        return await self.up({service: max(1, counts[service]) for service in SERVICES})

    async def down(self) -> int:
        """Stop services, then Kafka, then Postgres; data stay. How many processes were stopped."""
        if not self.home.path.exists():
            return 0
        with self.home.locked():
            self.home.stack.unlink(missing_ok=True)
            running = self.processes.all()
            await self._stop(running)
            self.processes.forget_the_dead()
            return len(running)

    async def reset(self) -> None:
        """Stop everything and delete the data."""
        await self.down()
        self.home.erase()

    async def stop_broker(self) -> None:
        """Stop Kafka alone, as an outage would; services go on."""
        if (record := self.processes.find("kafka")) is not None:
            await Kafka(self.home, self.processes).stop(record)

    async def start_broker(self) -> None:
        """Start Kafka again on the same data and ports."""
        ports = Ports(self.home.ports)
        await Kafka(self.home, self.processes).start(ports.take("kafka"), ports.take("kafka-controller"))

    async def _as_wanted(self, counts: Mapping[str, int]) -> Stack | None:
        try:
            stack = Stack.load(self.home.stack)
        except CannotRun:
            return None
        running = {record.name: record for record in self.processes.all()}
        if set(running) != {"postgres", "kafka", *self._console, *_names(counts)}:
            return None
        services = (record for name, record in running.items() if name not in ("postgres", "kafka"))
        ready = await asyncio.gather(*(is_ready(record.port) for record in services))
        return stack if all(ready) else None

    @contextlib.asynccontextmanager
    async def _all_or_nothing(self) -> AsyncIterator[None]:
        """Whatever ends a start early also ends the processes that it had started."""
        try:
            yield
        except BaseException:
            await self._stop([record for record in self.processes.spawned if record.alive()])
            raise

    async def _start(self, counts: Mapping[str, int]) -> Stack:
        secrets = credentials_of(self.home)
        await self._clear_leftovers()
        postgres, kafka = self._servers(secrets)
        async with asyncio.TaskGroup() as group:
            database = group.create_task(self._database(postgres, secrets))
            broker = group.create_task(self._broker(kafka))
        fleet = self._fleet(postgres.dsn(database.result().port), broker.result(), secrets)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._migrate(fleet))
            group.create_task(self._topics(broker.result().port))
        with self.screen.step("services ready"):
            await fleet.scale(counts)
        stack = self._stack(postgres.dsn(database.result().port, DATABASE), fleet, broker.result(), secrets)
        if self._console:
            with self.screen.step("console"):
                settings = console_settings(stack.services, stack.kafka, stack.jwt_secret)
                stack = replace(stack, console=await ensure_console(self.home, self.processes, settings))
        stack.save(self.home.stack)
        return stack

    async def _clear_leftovers(self) -> None:
        """A killed start left processes without `stack.json`; a killed stack left one that is not true."""
        if not self.home.stack.exists():
            await self._stop(self.processes.all())
        elif not _intact(self.home, self.processes):
            self.home.stack.unlink()
        self.processes.forget_the_dead()

    def _servers(self, secrets: Credentials) -> tuple[Postgres, Kafka]:
        postgres = Postgres(self.home, self.processes, password=secrets.admin)
        return postgres, Kafka(self.home, self.processes)

    async def _database(self, postgres: Postgres, secrets: Credentials) -> Record:
        with self.screen.step("PostgreSQL 18"):
            record = self.processes.find("postgres")
            if record is None or not await postgres.answers(record.port):
                await self._stop([*([record] if record else []), *self._services()])
                record = await postgres.start(Ports(self.home.ports).take("postgres"))
            await prepare(postgres.dsn(record.port), DATABASE, secrets.passwords)
            return record

    async def _broker(self, kafka: Kafka) -> Record:
        if not kafka.fetched:
            with self.screen.step("Apache Kafka downloaded (once, from Maven Central)"):
                await kafka.fetch()
        with self.screen.step("Apache Kafka 4.3"):
            record = self.processes.find("kafka")
            if record is None or not await answers(record.port):
                await self._stop([*([record] if record else []), *self._services()])
                ports = Ports(self.home.ports)
                record = await kafka.start(ports.take("kafka"), ports.take("kafka-controller"))
            return record

    def _fleet(self, admin_dsn: str, broker: Record, secrets: Credentials) -> Fleet:
        dsns = service_dsns(admin_dsn, DATABASE, secrets.passwords)
        return Fleet(self.home, self.processes, Surroundings(dsns, f"{HOST}:{broker.port}", secrets.jwt_secret))

    async def _migrate(self, fleet: Fleet) -> None:
        with self.screen.step("schemas migrated"):
            await fleet.migrate()

    async def _topics(self, port: int) -> None:
        from shared.runtime.topics import TopicsError, make_topics

        with self.screen.step("topics made"):
            try:
                await asyncio.wait_for(make_topics(f"{HOST}:{port}"), TOPICS_SECONDS)
            except (TopicsError, KafkaError, TimeoutError) as error:
                raise CannotRun(f"the topics could not be made: {error}", look=self.home.log("kafka")) from error

    def _services(self) -> list[Record]:
        return [record for record in self.processes.all() if record.name.partition("-")[0] in SERVICES]

    async def _stop(self, records: list[Record]) -> None:
        """Services and steps first, side by side; then Kafka, which may still take their last events; then Postgres."""
        by_name = {record.name: record for record in records}
        broker, database = by_name.pop("kafka", None), by_name.pop("postgres", None)
        await asyncio.gather(*(self.processes.stop(record, seconds=30) for record in by_name.values()))
        postgres, kafka = self._servers(Credentials("", {}, ""))
        if broker is not None:
            await kafka.stop(broker)
        if database is not None:
            await postgres.stop(database)

    def _stack(self, admin: str, fleet: Fleet, broker: Record, secrets: Credentials) -> Stack:
        instances = fleet.instances()
        return Stack(
            services={service: many[0].url for service, many in instances.items()},
            instances=instances,
            kafka=f"{HOST}:{broker.port}",
            postgres={**service_dsns(admin, DATABASE, secrets.passwords), "admin": admin},
            token=token_for(secrets.jwt_secret),
            jwt_secret=secrets.jwt_secret,
        )


def fleet_of(home: Home, stack: Stack) -> Fleet:
    """The services of a running stack, to restart or kill single instances."""
    surroundings = Surroundings(stack.postgres, stack.kafka, stack.jwt_secret, stack.topic_prefix)
    return Fleet(home, Processes(home), surroundings)


def _intact(home: Home, processes: Processes) -> bool:
    """Whether everything that `stack.json` names still runs."""
    with contextlib.suppress(CannotRun):
        told = {instance.pid for many in Stack.load(home.stack).instances.values() for instance in many}
        running = {record.name: record.pid for record in processes.all()}
        return told <= set(running.values()) and {"postgres", "kafka"} <= set(running)
    return False


def _names(counts: Mapping[str, int]) -> list[str]:
    return [f"{service}-{number}" for service in SERVICES for number in range(1, counts[service] + 1)]
