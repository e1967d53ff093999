"""The builders make every event of the catalog."""

import pytest
from pydantic import BaseModel

from shared.contracts.catalog import BY_PAYLOAD
from shared.contracts.envelope import read
from shared.contracts.order import OrderReady
from tests.builders import PAYLOADS, event, make, record


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.__name__)
def test_every_event_can_be_made_and_read_back_from_its_record(payload: type[BaseModel]) -> None:
    made = event(make(payload), version=3)
    key, value, headers = record(made)
    assert key.decode() == made.subject
    found = read(BY_PAYLOAD[payload].name, value, headers)
    assert found is not None
    assert (found.type, found.subject, found.data) == (made.type, made.subject, made.data)


def test_a_line_tells_only_what_is_different() -> None:
    told = [{"product_id": "A", "quantity": 5}, {"product_id": "B", "quantity": 5, "target": 2}]
    ready = make(OrderReady, lines=told)
    assert [(line.product_id, line.quantity, line.target, line.short) for line in ready.lines] == [
        ("A", 5, 5, 0),
        ("B", 5, 2, 0),
    ]
