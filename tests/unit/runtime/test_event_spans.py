"""What happens to one order is one trace: its caller's, or its own, whose id is the order's."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.contracts.envelope import Event
from shared.contracts.fulfillment import FulfillmentCreated
from shared.runtime import event_spans
from shared.runtime.clock import new_id
from shared.runtime.event_spans import Heard, handling, own_trace, published
from shared.runtime.telemetry import server_span

ORDER, OTHER = str(UUID(int=7 << 76 | 2 << 62 | 5)), str(UUID(int=7 << 76 | 2 << 62 | 6))
CALLERS = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(event_spans, "_tracer", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


def trace_id(traceparent: str | None) -> str:
    assert traceparent is not None
    return traceparent.split("-")[1]


def own(order_id: str) -> str:
    return UUID(order_id).hex


def heard_event(subject: str, traceparent: str | None, source: str = "/flacon/order") -> Event[Any]:
    data = FulfillmentCreated(
        occurred_at=datetime(2026, 1, 31, tzinfo=UTC),
        order_id=subject,
        fulfillment_id="f-1",
        customer_id=None,
        order_version=1,
        status="created",
        closed=False,
        lines=(),
    )
    return Event(new_id(), "fulfillment.created", source, subject, 1, data, traceparent=traceparent)


def handled(event: Event[Any]) -> Heard:
    """What is known of an event while it is handled."""
    heard: dict[UUID, Heard] = {}
    with handling([event], heard):
        return heard[event.id]


def spans_of(recorded: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in recorded.get_finished_spans()}


def test_an_order_nobody_traces_has_the_trace_of_its_own_id() -> None:
    assert trace_id(published("order.created", ORDER, None)) == own(ORDER)
    with server_span(None, None, "POST"):
        assert trace_id(published("order.created", ORDER, None)) == own(ORDER)


def test_a_callers_trace_is_the_orders() -> None:
    with server_span(None, CALLERS, "POST"):
        first = published("order.created", ORDER, None)
    assert trace_id(first) == "a" * 32
    assert trace_id(published("stock.reserved", ORDER, handled(heard_event(ORDER, first)))) == "a" * 32


def test_a_trace_that_upstream_began_goes_on_in_the_order_that_came_of_it() -> None:
    submitted = heard_event("erp:4711", CALLERS, source="erp")
    assert trace_id(published("order.created", ORDER, handled(submitted))) == "a" * 32
    untraced = heard_event("erp:4711", None, source="erp")
    assert trace_id(published("order.created", ORDER, handled(untraced))) == own(ORDER)


def test_another_order_that_an_event_moves_stays_in_its_own_trace(recorded: InMemorySpanExporter) -> None:
    released = handled(heard_event(ORDER, published("order.cancelled", ORDER, None)))
    assert trace_id(published("stock.reserved", OTHER, released)) == own(OTHER)
    [link] = spans_of(recorded)["publish stock.reserved"].links
    assert f"{link.context.trace_id:032x}" == own(ORDER)


def test_what_follows_from_an_event_is_its_child_and_the_batch_is_linked(recorded: InMemorySpanExporter) -> None:
    with server_span(None, None, "batch") as batch:
        first = published("order.created", ORDER, None)
        published("stock.reserved", ORDER, handled(heard_event(ORDER, first)))
    spans = spans_of(recorded)
    ids = {name: f"{span.context.span_id:016x}" for name, span in spans.items() if span.context}
    parents = {name: f"{span.parent.span_id:016x}" for name, span in spans.items() if span.parent}
    assert parents["handle fulfillment.created"] == ids["publish order.created"]
    assert parents["publish stock.reserved"] == ids["handle fulfillment.created"]
    assert {link.context.trace_id for span in spans.values() for link in span.links} == {
        batch.get_span_context().trace_id
    }


def test_a_batch_that_fails_is_told_in_the_span_of_each_event(recorded: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="poison"), handling([heard_event(ORDER, None)], {}):
        raise ValueError("poison")
    [span] = recorded.get_finished_spans()
    assert (span.status.is_ok, span.status.description) == (False, "ValueError")


def test_what_is_no_uuid_has_no_trace_of_its_own() -> None:
    assert own_trace("ROSE-50") is None
    assert published("item.changed", "ROSE-50", None) is None


def test_what_comes_without_a_trace_is_handled_in_that_of_its_subject(recorded: InMemorySpanExporter) -> None:
    told, _ = handled(heard_event(ORDER, None))
    assert trace_id(told) == own(ORDER)
    span = spans_of(recorded)["handle fulfillment.created"]
    assert f"{span.context.trace_id:032x}" == own(ORDER)
