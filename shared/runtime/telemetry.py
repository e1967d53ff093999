"""What a service tells about itself: JSON logs with trace and correlation ids, and OpenTelemetry spans."""

import logging
import re
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TextIO, cast

import orjson
import structlog
from opentelemetry import context as tracing
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
QUIET_LOGGERS: Final = ("aiokafka", "asyncio", "uvicorn.access")
_BROUGHT: Final = "flacon.trace_of_the_caller"
_REQUESTS: Final = "flacon.requests_of_a_transaction"
_TRACEPARENT: Final = re.compile(r"^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?\Z")


def configure_logs(service: str, level: str, stream: TextIO | None = None) -> None:
    """One JSON object a line, for our own logs and for the libraries'."""
    out = stream or sys.stdout
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, _add_service(service), structlog.processors.JSONRenderer(serializer=_json)],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    renderer = structlog.processors.JSONRenderer(serializer=_json)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _add_service(service)], processors=[remove, renderer]
        )
    )
    logging.basicConfig(handlers=[handler], level=LEVELS[level], force=True)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def _json(event: dict[str, Any], **_: Any) -> str:
    return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()


def _add_service(service: str) -> Any:
    def add(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
        event["service"] = service
        return event

    return add


def _add_trace(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
        event["span_id"] = f"{context.span_id:016x}"
    return event


def configure_traces(service: str, endpoint: str | None) -> TracerProvider | None:
    """Sends spans to an OTLP endpoint (`http://host:4318`); without one nothing is recorded, only passed on."""
    if endpoint is None:
        return None
    provider = TracerProvider(resource=Resource.create({"service.name": f"flacon-{service}"}))
    exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + "/v1/traces", timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return provider


def parse_traceparent(text: str | None) -> SpanContext | None:
    """The caller's span (W3C Trace Context); None when there is none or it is not well-formed."""
    match = _TRACEPARENT.match(text.strip()) if text else None
    if match is None or not int(match[1], 16) or not int(match[2], 16):
        return None
    flags = TraceFlags(int(match[3], 16) & TraceFlags.SAMPLED)
    return SpanContext(int(match[1], 16), int(match[2], 16), is_remote=True, trace_flags=flags)


@contextmanager
def server_span(provider: TracerProvider | None, traceparent: str | None, name: str) -> Iterator[Span]:
    """The span of one request, current inside; a part of the caller's trace if it has one."""
    parent = parse_traceparent(traceparent)
    span = _own_span(parent) if provider is None else _recorded_span(provider, parent, name)
    brought = tracing.set_value(_BROUGHT, parent is not None, tracing.Context())
    token = tracing.attach(trace.set_span_in_context(span, brought))
    try:
        yield span
    finally:
        tracing.detach(token)
        span.end()


@contextmanager
def requests_of(subjects: Mapping[str, tracing.Context]) -> Iterator[None]:
    """While many requests are handled in one transaction: by the ids that they are about, the context of each."""
    brought = {
        subject: trace.get_current_span(context).get_span_context()
        for subject, context in subjects.items()
        if tracing.get_value(_BROUGHT, context)
    }
    token = tracing.attach(tracing.set_value(_REQUESTS, brought))
    try:
        yield
    finally:
        tracing.detach(token)


def callers_span(subject: str) -> SpanContext | None:
    """The span of the request in hand, or of that about the subject, if its trace is one that the caller brought."""
    if tracing.get_value(_BROUGHT):
        return trace.get_current_span().get_span_context()
    requests = cast(Mapping[str, SpanContext], tracing.get_value(_REQUESTS) or {})
    return requests.get(subject)


def traceparent_of(context: SpanContext) -> str | None:
    """The header that hands a span on; None if there is none."""
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def _own_span(parent: SpanContext | None) -> Span:
    """Ids only: the trace goes on through this service although it records nothing."""
    trace_id = parent.trace_id if parent else secrets.randbits(128) or 1
    flags = parent.trace_flags if parent else TraceFlags(TraceFlags.DEFAULT)
    return NonRecordingSpan(SpanContext(trace_id, secrets.randbits(64) or 1, is_remote=False, trace_flags=flags))


def _recorded_span(provider: TracerProvider, parent: SpanContext | None, name: str) -> Span:
    context = trace.set_span_in_context(NonRecordingSpan(parent), tracing.Context()) if parent else tracing.Context()
    return provider.get_tracer("flacon.http").start_span(name, context, SpanKind.SERVER)
