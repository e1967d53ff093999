"""Catalog = what services subscribe to = what they publish = the documents."""

import importlib

import pytest

from shared.contracts.catalog import EVENTS, SERVICES, Service, published_by, read_by
from tests.structure.house import modules


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_subscribes_to_what_the_catalog_says_it_reads(service: Service) -> None:
    handlers = importlib.import_module(f"services.{service}.handlers")
    subscribed = [name for subscription in handlers.SUBSCRIPTIONS for name in subscription.types]
    assert sorted(subscribed) == sorted(event.name for event in read_by(service))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_makes_every_event_it_owns_and_no_other(service: Service) -> None:
    text = "".join(module.text for module in modules(f"services/{service}"))
    owned = {event.payload.__name__ for event in published_by(service)}
    foreign = {event.payload.__name__ for event in EVENTS if event.owner != service}
    assert {name for name in owned if name not in text} == set()
    assert {
        name for name in foreign if f"{name}(\n" in text or f"{name}(**" in text or f"{name}(occurred" in text
    } == set()


def test_every_topic_is_read_or_public() -> None:
    assert [event.name for event in EVENTS if not event.readers and not event.public] == []
