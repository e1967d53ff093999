"""The secured containers: orders flow over TLS with logins, outside readers see what is public and write nothing."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from shared.runtime.kafka.security import security_for
from tests.e2e.buying import inventory_of, levels, order_of, order_of_units, placed, stocked
from tests.e2e.conftest import Composed

pytestmark = pytest.mark.timeout(1200)
SECONDS = 60.0


def login(secured: Composed, folder: Path, principal: str) -> dict[str, Any]:
    """As that principal, with its password and the installation's own authority."""
    ca_file = folder / "ca.pem"
    ca_file.write_text(secured.run("exec", "-T", "kafka", "cat", "/certificates/ca.pem"))
    return security_for(str(ca_file), principal, (secured.secrets / f"{principal}_kafka_password").read_text())


async def test_an_order_flows_and_an_outside_reader_hears_of_its_hold(secured: Composed, tmp_path: Path) -> None:
    inventory, order = inventory_of(secured), order_of(secured)
    stocked(inventory, "ROSE-50", 100)
    answer = placed(order, order_of_units("ROSE-50", 25))
    assert answer.status_code == 201, answer.text
    assert levels(inventory, "ROSE-50") == (100, 25, 75)

    reader = AIOKafkaConsumer(
        "stock.reserved",
        bootstrap_servers=secured.kafka,
        group_id="reader.e2e",
        auto_offset_reset="earliest",
        **login(secured, tmp_path, "reader"),
    )
    async with reader:
        record = await asyncio.wait_for(reader.getone(), SECONDS)
    assert json.loads(record.value)["order_id"] == answer.json()["order_id"]


async def test_a_reader_writes_nothing_and_a_stranger_does_not_come_in(secured: Composed, tmp_path: Path) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=secured.kafka, enable_idempotence=False, **login(secured, tmp_path, "reader")
    )
    async with producer:
        with pytest.raises(TopicAuthorizationFailedError):
            await asyncio.wait_for(producer.send_and_wait("stock.reserved", b"{}"), SECONDS)
    for security in ({}, {**login(secured, tmp_path, "reader"), "sasl_plain_password": "a wrong one"}):
        stranger = AIOKafkaProducer(bootstrap_servers=secured.kafka, request_timeout_ms=5000, **security)
        with pytest.raises(KafkaError):
            await asyncio.wait_for(stranger.start(), SECONDS)
        await stranger.stop()
