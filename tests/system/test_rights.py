"""A secured broker lets each principal do to each topic what the catalog says, and nothing else: the whole matrix."""

import asyncio
from collections.abc import Iterator
from typing import Literal

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from shared.contracts.catalog import BY_NAME, EVENTS, SERVICES, dead_letter_topic
from shared.contracts.rights import CONSOLE, PRINCIPALS, READER, UPSTREAM, rights
from shared.runtime.access import apply
from tests.secured_kafka import Secured, secured_kafka

TOPICS = sorted([*(event.name for event in EVENTS), *(dead_letter_topic(service) for service in SERVICES)])
SECONDS = 20.0
Way = Literal["read", "write"]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured_kafka(tmp_path_factory.mktemp("secured")) as secured:
        asyncio.run(_fill(secured.admin))
        yield secured


async def _fill(bootstrap: str) -> None:
    """A record in every topic, so that whoever may read it gets something."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for topic in TOPICS:
            await producer.send_and_wait(topic, b"{}", b"key", 0)


def expected(principal: str, way: Way) -> list[str]:
    """By the catalog, told here once more and not by the code that gives the rights."""
    if principal == UPSTREAM:
        return ["order.submitted"] if way == "write" else []
    if principal == READER:
        return [name for name in TOPICS if way == "read" and name in BY_NAME and BY_NAME[name].public]
    if principal == CONSOLE:
        private = ("order.submitted", "order.ready")
        return [name for name in TOPICS if way == "read" and name in BY_NAME and name not in private]
    if way == "read":
        return [name for name in TOPICS if name in BY_NAME and principal in BY_NAME[name].readers]
    own = [name for name in TOPICS if name in BY_NAME and BY_NAME[name].owner == principal]
    return sorted([*own, f"{principal}.dlq"])


@pytest.mark.parametrize("principal", PRINCIPALS)
async def test_a_principal_writes_to_its_own_topics_and_to_no_other(kafka: Secured, principal: str) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap, enable_idempotence=False, **kafka.security(principal)
    )
    written = []
    async with producer:
        for topic in TOPICS:
            try:
                await asyncio.wait_for(producer.send_and_wait(topic, b"{}", b"key", 0), SECONDS)
                written.append(topic)
            except TopicAuthorizationFailedError:
                continue
    assert written == expected(principal, "write")


@pytest.mark.parametrize("principal", PRINCIPALS)
async def test_a_principal_reads_what_it_is_to_read_and_nothing_else(kafka: Secured, principal: str) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest", **kafka.security(principal)
    )
    read = []
    async with consumer:
        # Who may read a topic sees it, so what is not seen need not be tried.
        for topic in sorted(set(TOPICS) & await consumer.topics()):
            consumer.assign([TopicPartition(topic, 0)])
            try:
                await asyncio.wait_for(consumer.getone(), SECONDS)
                read.append(topic)
            except TopicAuthorizationFailedError:
                continue
    assert read == expected(principal, "read")


@pytest.mark.parametrize(
    ("principal", "group", "allowed"),
    [
        ("order", "order", True),
        ("order", "inventory", False),
        (READER, "reader.warehouse", True),
        (READER, "warehouse", False),
        (READER, "order", False),
    ],
)
async def test_a_principal_is_in_its_own_group_and_in_no_other(
    kafka: Secured, principal: str, group: str, allowed: bool
) -> None:
    topic = expected(principal, "read")[0]
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka.bootstrap, group_id=group, **kafka.security(principal))
    try:
        await asyncio.wait_for(consumer.start(), SECONDS)
        joined = True
    except GroupAuthorizationFailedError:
        joined = False
    finally:
        await consumer.stop()
    assert joined is allowed


@pytest.mark.parametrize("principal", ["order", "stranger"])
async def test_nobody_comes_in_with_a_wrong_password_or_a_name_of_his_own(kafka: Secured, principal: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, **kafka.security(principal, "a wrong one"))
    with pytest.raises(KafkaError):
        await asyncio.wait_for(producer.start(), SECONDS)
    await producer.stop()


async def test_nobody_comes_in_without_tls(kafka: Secured) -> None:
    plain = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, request_timeout_ms=3000)
    with pytest.raises(KafkaConnectionError):
        await asyncio.wait_for(plain.start(), SECONDS)
    await plain.stop()


async def test_giving_the_rights_again_changes_nothing_and_a_right_too_much_is_taken(kafka: Secured) -> None:
    assert await apply(kafka.admin) == (0, 0)
    other = "elsewhere."
    assert await apply(kafka.admin, prefix=other) == (len(rights(other)), 0)
    assert await apply(kafka.admin) == (0, len(rights(other)))
    assert await apply(kafka.admin) == (0, 0)
