"""Fixtures that every kind of test shares: servers, databases, topics, the four services as processes."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings

from deploy.local.home import Home
from deploy.local.screen import Screen
from deploy.local.starting import LocalStack
from tests import databases
from tests.installation import System, delete_topics, start_system, stop_system
from tests.servers import Servers, begin_run, end_run, shared_servers

T = TypeVar("T")

# A test that is right is right on a busy machine too: no example has a time to keep.
settings.register_profile("flacon", deadline=None)
settings.load_profile("flacon")

collect_ignore_glob = [] if os.environ.get("FLACON_E2E") == "1" else ["e2e/test_*"]


def pytest_configure(config: pytest.Config) -> None:
    """The first process of a run owns its servers; the workers use them."""
    if not hasattr(config, "workerinput"):
        begin_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers once every worker has ended."""
    if not hasattr(config, "workerinput"):
        end_run()


def _wait(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end beside whatever loop the test itself runs in."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()


@pytest.fixture(scope="session")
def servers() -> Servers:
    """PostgreSQL and Kafka: `FLACON_TEST_POSTGRES` and `FLACON_TEST_KAFKA`, or containers, or the local stack's."""
    return shared_servers()


@pytest.fixture
async def fresh_database(servers: Servers) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """Make databases in which a service is migrated: `await fresh_database("order")` is the DSN of its role."""
    made: list[str] = []

    async def make(service: str) -> str:
        made.append(await databases.clone(servers.postgres_admin_dsn, (service,)))
        return databases.dsns_of(servers.postgres_admin_dsn, made[-1])[service]

    yield make
    for name in made:
        await databases.drop(servers.postgres_admin_dsn, name)


@pytest.fixture
async def topic_prefix(servers: Servers) -> AsyncIterator[str]:
    """A prefix that no other test has; its topics are deleted after the test."""
    prefix = f"t{secrets.token_hex(4)}."
    yield prefix
    await delete_topics(servers.kafka_bootstrap, prefix)


@pytest.fixture
def new_system(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., System]]:
    """Start an installation for one test: `new_system(counts={"inventory": 2}, more={"ORDER_...": "..."})`."""
    made: list[System] = []

    def make(**options: Any) -> System:
        made.append(_wait(start_system(servers, tmp_path_factory.mktemp("system"), **options)))
        return made[-1]

    yield make
    for system in made:
        _wait(stop_system(servers, system))


@pytest.fixture(scope="module")
def system(
    request: pytest.FixtureRequest, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """The four services, shared by the tests of one module: use item and customer ids of your own.

    A module's `SETTINGS`, if it has any, are the services' settings.
    """
    more = getattr(request.module, "SETTINGS", None)
    running = _wait(start_system(servers, tmp_path_factory.mktemp("system"), more=more))
    yield running
    _wait(stop_system(servers, running))


@pytest.fixture
async def own_stack(tmp_path: Path) -> AsyncIterator[LocalStack]:
    """A whole local stack, servers too, for tests that stop those; started with `asyncio.run(own_stack.up())`."""
    stack = LocalStack(Home(tmp_path / "home"), Screen())
    yield stack
    await stack.down()
