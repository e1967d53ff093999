"""Documents are valid by their standards, and nothing in them breaks who built against a release."""

import copy
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from deploy.documents.access import openapi_of
from deploy.documents.interfaces import asyncapi_of
from shared.contracts.catalog import EVENTS, SERVICES
from tests.contract.compatibility import Way, event_breaks, rest_breaks, shape

ROOT = Path(__file__).parents[2]
RELEASED = Path(__file__).parent / "released"
VERSIONS = sorted(path.name for path in RELEASED.iterdir())
CASES = [(version, service) for version in VERSIONS for service in SERVICES]


def released(version: str, service: str, kind: str) -> Any:
    return json.loads((RELEASED / version / f"{service}.{kind}.json").read_text(encoding="utf-8"))


def public_of(service: str) -> dict[str, Way]:
    """What outsiders read of a service, and what they send to it."""
    sent: dict[str, Way] = {event.name: "sent" for event in EVENTS if event.public and event.owner == service}
    taken: dict[str, Way] = {
        event.name: "taken" for event in EVENTS if event.owner == "upstream" and service in event.readers
    }
    return {**sent, **taken}


@pytest.mark.parametrize("service", SERVICES)
def test_the_rest_document_is_valid(service: str) -> None:
    validate(openapi_of(service))


def test_the_events_documents_are_valid() -> None:
    """By AsyncAPI's own parser, which needs Node and `npm ci` in `examples/node`."""
    folder = ROOT / "examples" / "node"
    if shutil.which("node") is None or not (folder / "node_modules").exists():
        assert "FLACON_NODE" not in os.environ, "Node or its packages are missing"
        pytest.skip("Node or its packages are not there: npm ci in examples/node")
    documents = sorted(str(path) for path in (ROOT / "docs" / "contracts").glob("*.asyncapi.json"))
    assert len(documents) == len(SERVICES)
    done = subprocess.run(
        ["node", "check_documents.mjs", *documents],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize(("version", "service"), CASES)
def test_nothing_of_a_released_rest_document_is_broken(version: str, service: str) -> None:
    assert rest_breaks(released(version, service, "openapi"), shape(openapi_of(service))) == []


@pytest.mark.parametrize(("version", "service"), CASES)
def test_nothing_of_a_released_events_document_is_broken(version: str, service: str) -> None:
    old, new = released(version, service, "asyncapi"), shape(asyncapi_of(service))
    assert event_breaks(old, new, public_of(service)) == []


def _body(document: Any) -> Any:
    return document["paths"]["/api/orders"]["post"]["requestBody"]["content"]["application/json"]["schema"]


def _payload(document: Any, name: str) -> Any:
    return document["components"]["schemas"][
        document["components"]["messages"][name]["payload"]["$ref"].rsplit("/")[-1]
    ]


REST: list[tuple[str, Callable[[Any], Any]]] = [
    ("is gone", lambda new: new["paths"].pop("/api/orders/{order_id}/history")),
    ("GET /api/orders: is gone", lambda new: new["paths"]["/api/orders"].pop("get")),
    (
        "asks for ['operations']",
        lambda new: new["paths"]["/api/orders"]["get"]["security"][0]["bearer"].append("operations"),
    ),
    ("does not answer 201", lambda new: new["paths"]["/api/orders"]["post"]["responses"].pop("201")),
    ("takes no parameter", lambda new: new["paths"]["/api/orders"]["post"]["parameters"].pop()),
    ("body/email: is asked for", lambda new: _body(new)["required"].append("email")),
    ("body/email: is gone", lambda new: _body(new)["properties"].pop("email")),
    ("is ['integer'] no more", lambda new: _body(new)["properties"]["priority"].update(type="string")),
    ("maximum 5 is tighter", lambda new: _body(new)["properties"]["priority"].update(maximum=5)),
]
EVENTS_BROKEN: list[tuple[str, Callable[[Any], Any]]] = [
    ("order.created: is gone", lambda new: new["channels"].pop("order.created")),
    ("order.created/status: is gone", lambda new: _payload(new, "order.created")["properties"].pop("status")),
    ("order_id: may be absent", lambda new: _payload(new, "order.created")["required"].remove("order_id")),
    (
        "is ['string'] too now",
        lambda new: _payload(new, "order.created")["properties"]["priority"].update(type="string"),
    ),
    (
        "order.submitted/customer_id: is gone",
        lambda new: _payload(new, "order.submitted")["properties"].pop("customer_id"),
    ),
    (
        "order.submitted/priority: is asked for",
        lambda new: _payload(new, "order.submitted")["required"].append("priority"),
    ),
]


@pytest.mark.parametrize(("told", "change"), REST, ids=[told for told, _ in REST])
def test_a_change_that_would_break_a_client_is_told(told: str, change: Callable[[Any], Any]) -> None:
    old = shape(openapi_of("order"))
    new = copy.deepcopy(old)
    assert rest_breaks(old, new) == []
    change(new)
    assert any(told in sentence for sentence in rest_breaks(old, new)), rest_breaks(old, new)


@pytest.mark.parametrize(("told", "change"), EVENTS_BROKEN, ids=[told for told, _ in EVENTS_BROKEN])
def test_a_change_that_would_break_a_reader_or_a_publisher_is_told(told: str, change: Callable[[Any], Any]) -> None:
    old = shape(asyncapi_of("order"))
    new = copy.deepcopy(old)
    assert event_breaks(old, new, public_of("order")) == []
    change(new)
    found = event_breaks(old, new, public_of("order"))
    assert any(told in sentence for sentence in found), found


def test_what_only_grows_breaks_nobody() -> None:
    old = shape(asyncapi_of("order"))
    new = copy.deepcopy(old)
    new["channels"]["order.praised"] = {}
    _payload(new, "order.created")["properties"]["colour"] = {"type": "string"}
    _payload(new, "order.created")["required"].append("colour")
    _payload(new, "order.submitted")["properties"]["colour"] = {"type": "string"}
    assert event_breaks(old, new, public_of("order")) == []
