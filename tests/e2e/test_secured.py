"""The secured containers: orders flow over TLS with logins, outside readers see what is public and write nothing."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from shared.runtime.kafka.security import security_for
from tests.e2e.buying import inventory_of, levels, order_of, order_of_units, placed, stocked
from tests.e2e.conftest import Composed, by_secret, postgres_speaks_tls

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


IN_THE_CLEAR = """
SELECT usename, application_name FROM pg_stat_activity JOIN pg_stat_ssl USING (pid)
WHERE backend_type = 'client backend' AND client_addr IS NOT NULL AND NOT ssl
"""


def test_services_speak_to_postgres_by_tls_and_nobody_else_may_without(secured: Composed) -> None:
    if not postgres_speaks_tls():
        pytest.skip(
            "this image of Postgres was built without TLS; tests/component/runtime/test_postgres_tls.py tries ours"
        )

    def asked(sql: str) -> str:
        return secured.run("exec", "-T", "postgres", "psql", "--username=postgres", "--no-align", "-tc", sql, "flacon")

    assert int(asked("SELECT count(*) FROM pg_stat_ssl WHERE ssl AND version = 'TLSv1.3'")) >= 4
    assert asked(IN_THE_CLEAR).split() == []
    password = (secured.secrets / "order_postgres_password").read_text()
    place = f"postgresql://order_service:{password}@127.0.0.1/flacon?sslmode="
    assert secured.run("exec", "-T", "postgres", "psql", place + "require", "-Atc", "SELECT 1").split() == ["1"]
    with pytest.raises(AssertionError, match=r"pg_hba\.conf rejects"):
        secured.run("exec", "-T", "postgres", "psql", place + "disable", "-Atc", "SELECT 1")


def test_tokens_are_the_issuers_and_no_secret_opens_anything(secured: Composed) -> None:
    wrong = {"Authorization": f"Bearer {by_secret(secured)}"}
    routes = {"order": "/api/orders", "inventory": "/api/inventory/products"}
    routes |= {"bottling": "/api/bottling/batches", "fulfillment": "/api/fulfillment/fulfillments"}
    for service, route in routes.items():
        assert httpx.get(secured.urls[service] + route, headers=wrong).status_code == 401
        assert httpx.get(secured.urls[service] + route, headers=secured.headers).status_code == 200


def test_the_console_hears_by_its_own_login(secured: Composed) -> None:
    deadline = time.monotonic() + SECONDS
    while (told := httpx.get(secured.urls["console"] + "/readyz").json())["checks"]["events"] != "ok":
        assert time.monotonic() < deadline, told
        time.sleep(0.5)
