"""Topics are made from the catalog, once, and grow."""

import socket

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError

from shared.contracts.catalog import EVENTS, SERVICES
from shared.runtime.topics import main, make_topics, topic_specs
from tests.servers import Servers


async def partitions_of(admin: AIOKafkaAdminClient, prefix: str) -> dict[str, int]:
    described = await admin.describe_topics([spec.name for spec in topic_specs(prefix)])
    return {topic["topic"]: len(topic["partitions"]) for topic in described if topic["error_code"] == 0}


async def settings_of(admin: AIOKafkaAdminClient, name: str) -> dict[str, str]:
    [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    [(_, _, _, _, entries)] = answer.resources
    return {entry[0]: entry[1] for entry in entries}


async def test_topics_are_made_once_with_their_settings_and_grow(servers: Servers, topic_prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka_bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(f"{topic_prefix}order.created", 1, 1)])
        made = await make_topics(servers.kafka_bootstrap, prefix=topic_prefix, partitions=2)
        assert len(made) == len(EVENTS) + len(SERVICES) - 1
        assert set((await partitions_of(admin, topic_prefix)).values()) == {2}
        assert await make_topics(servers.kafka_bootstrap, prefix=topic_prefix, partitions=2) == []
        assert await make_topics(servers.kafka_bootstrap, prefix=topic_prefix, partitions=3) == []
        assert set((await partitions_of(admin, topic_prefix)).values()) == {3}
        compacted = await settings_of(admin, f"{topic_prefix}item.changed")
        kept = await settings_of(admin, f"{topic_prefix}stock.reserved")
        letters = await settings_of(admin, f"{topic_prefix}order.dlq")
    finally:
        await admin.close()
    assert compacted["cleanup.policy"] == "compact"
    assert (kept["cleanup.policy"], kept["retention.ms"]) == ("delete", str(7 * 24 * 3600 * 1000))
    assert letters["max.message.bytes"] == str(2 * 1024 * 1024)


async def test_the_broker_takes_a_record_of_a_megabyte_and_refuses_a_larger_one(
    servers: Servers, topic_prefix: str
) -> None:
    await make_topics(servers.kafka_bootstrap, prefix=topic_prefix, partitions=1)
    producer = AIOKafkaProducer(bootstrap_servers=servers.kafka_bootstrap, max_request_size=4_000_000)
    await producer.start()
    try:
        topic = f"{topic_prefix}order.submitted"
        await producer.send_and_wait(topic, b"x" * 1024 * 1024)
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(topic, b"x" * (1024 * 1024 + 1024))
        await producer.send_and_wait(f"{topic_prefix}order.dlq", b"x" * (1024 * 1024 + 64 * 1024))
    finally:
        await producer.stop()


def test_the_command_says_in_one_line_that_kafka_does_not_answer(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["--bootstrap", nobody]) == 3
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1 and nobody in told.err
    with pytest.raises(SystemExit) as exit:
        main(["--bootstrap", nobody, "--partitions", "0"])
    assert exit.value.code == 2
