"""Spans of events: whatever happens to one order, in any service, is one trace: its caller's, or else its own.

An order's id is a UUID and so is a trace's: the order's own trace has the order's id, and nobody has to remember it. So
has a batch's. What led to an event without being about the same order is linked to it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from opentelemetry import context as tracing
from opentelemetry import trace
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from shared.contracts.envelope import Event
from shared.runtime.telemetry import callers_span, parse_traceparent, traceparent_of

Heard = tuple[str | None, str | None]
"""The traceparent of an event's handling, and what it is about; None: whatever came of it goes on in its trace."""
_SPAN_BITS: Final = (1 << 64) - 1

_tracer = trace.get_tracer("flacon.events")


def own_trace(subject: str) -> SpanContext | None:
    """The trace of an order or batch by its id; None for what is known by another kind of id."""
    try:
        id = UUID(subject).int
    except ValueError:
        return None
    return SpanContext(id, id & _SPAN_BITS or 1, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def published(type: str, subject: str, cause: Heard | None) -> str | None:
    """The traceparent of an event about `subject`; `cause` is what was heard and led to it."""
    parent, link = _parent_of(subject, cause)
    span = _started(f"publish {type}", SpanKind.PRODUCER, subject, parent, link)
    span.end()
    return traceparent_of(span.get_span_context())


@contextmanager
def handling(events: Sequence[Event[Any]], heard: dict[UUID, Heard]) -> Iterator[None]:
    """A span for each event while a batch of them is handled, each in its own trace and linked with the batch's."""
    batch = trace.get_current_span().get_span_context()
    spans = [_heard(event, batch) for event in events]
    for event, span in zip(events, spans, strict=True):
        # Who brings a trace from outside has begun the order's; nobody else's event is about what it leads to.
        began = event.traceparent is not None and not event.own
        heard[event.id] = (traceparent_of(span.get_span_context()), None if began else event.subject)
    try:
        yield
    except BaseException as error:
        for span in spans:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        raise
    finally:
        for span in spans:
            span.end()


def _heard(event: Event[Any], batch: SpanContext) -> Span:
    parent = parse_traceparent(event.traceparent) or own_trace(event.subject)
    return _started(f"handle {event.type}", SpanKind.CONSUMER, event.subject, parent, batch)


def _parent_of(subject: str, cause: Heard | None) -> tuple[SpanContext | None, SpanContext]:
    """The span that an event follows, and the one that it is only linked with."""
    current = trace.get_current_span().get_span_context()
    caused = parse_traceparent(cause[0]) if cause is not None else None
    if caused is not None and cause is not None and cause[1] in (None, subject):
        return caused, current
    called = callers_span(subject)
    return called or own_trace(subject) or (current if current.is_valid else None), caused or current


def _started(name: str, kind: SpanKind, subject: str, parent: SpanContext | None, link: SpanContext) -> Span:
    context = tracing.Context()
    if parent is not None:
        context = trace.set_span_in_context(NonRecordingSpan(parent), context)
    links = [Link(link)] if link.is_valid and (parent is None or link.trace_id != parent.trace_id) else []
    return _tracer.start_span(name, context, kind, {"messaging.system": "kafka", "flacon.subject": subject}, links)
