"""The AsyncAPI 3 document of a service: what it publishes and reads, from the catalog that also makes the topics."""

from collections.abc import Sequence
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from shared.contracts.catalog import EventType
from shared.contracts.envelope import CONTENT_TYPE

BINDING: Final = {"bindingVersion": "0.5.0"}
RETENTION_MS: Final = 7 * 24 * 3600 * 1000
_HEADERS: Final = (
    ("ce_specversion", True, {"type": "string", "const": "1.0"}),
    ("ce_id", True, {"type": "string", "format": "uuid", "description": "UUIDv7; the same on every delivery"}),
    ("ce_source", True, {"type": "string", "description": "`/flacon/` and the service"}),
    ("ce_type", True, {"type": "string"}),
    ("ce_subject", True, {"type": "string", "description": "the record's key"}),
    ("ce_time", True, {"type": "string", "format": "date-time"}),
    ("ce_aggregateversion", True, {"type": "string", "pattern": "^[0-9]+$", "description": "orders the snapshots"}),
    ("ce_correlationid", True, {"type": "string"}),
    ("ce_causationid", False, {"type": "string", "description": "`ce_id` of the cause"}),
    ("content-type", True, {"type": "string", "const": CONTENT_TYPE}),
    ("traceparent", False, {"type": "string"}),
)


def document(
    service: str,
    *,
    version: str,
    published: Sequence[EventType],
    read: Sequence[EventType],
    prefix: str = "",
    partitions: int = 4,
) -> dict[str, Any]:
    """The document; an event that a service both publishes and reads has one channel and two operations."""
    events = {event.name: event for event in (*published, *read)}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"Flacon {service}: events",
            "version": version,
            "description": "CloudEvents 1.0 over Kafka in binary mode; the value is the data as JSON.",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {name: _channel(events[name], prefix, partitions) for name in sorted(events)},
        "operations": {
            **{f"publish_{event.name}": _operation("send", event) for event in published},
            **{f"read_{event.name}": _operation("receive", event, prefix + service) for event in read},
        },
        "components": {
            "messages": {name: _message(events[name]) for name in sorted(events)},
            "schemas": _schemas(list(events.values())),
            "correlationIds": {"correlation": {"location": "$message.header#/ce_correlationid"}},
        },
    }


def _channel(event: EventType, prefix: str, partitions: int) -> dict[str, Any]:
    kept = (
        {"cleanup.policy": ["compact"]}
        if event.compacted
        else {"cleanup.policy": ["delete"], "retention.ms": RETENTION_MS}
    )
    return {
        "address": prefix + event.name,
        "messages": {event.name: {"$ref": f"#/components/messages/{event.name}"}},
        "bindings": {
            "kafka": {
                "topic": prefix + event.name,
                "partitions": partitions,
                "topicConfiguration": kept,
                **BINDING,
            }
        },
    }


def _operation(action: str, event: EventType, group: str | None = None) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "action": action,
        "channel": {"$ref": f"#/channels/{event.name}"},
        "messages": [{"$ref": f"#/channels/{event.name}/messages/{event.name}"}],
    }
    if group is not None:
        operation["bindings"] = {"kafka": {"groupId": {"type": "string", "const": group}, **BINDING}}
    return operation


def _message(event: EventType) -> dict[str, Any]:
    marks = {"x-public": event.public, "x-question": event.question, "x-fact": event.fact}
    return {
        "name": event.name,
        "title": event.payload.__name__,
        "summary": (event.payload.__doc__ or "").strip().split("\n")[0],
        "contentType": CONTENT_TYPE,
        "headers": _headers(event),
        "payload": {"$ref": f"#/components/schemas/{event.payload.__name__}"},
        "correlationId": {"$ref": "#/components/correlationIds/correlation"},
        "bindings": {
            "kafka": {"key": {"type": "string", "description": ":".join(event.key)}, **BINDING},
        },
        **{mark: True for mark, is_so in marks.items() if is_so},
    }


def _headers(event: EventType) -> dict[str, Any]:
    """What upstream publishes needs no `ce_` header: its type is the topic's."""
    needs = event.owner != "upstream"
    return {
        "type": "object",
        "required": [name for name, required, _ in _HEADERS if required and needs],
        "properties": {name: dict(schema) for name, _, schema in _HEADERS},
    }


def _schemas(events: Sequence[EventType]) -> dict[str, Any]:
    payloads = [event.payload for event in events]
    names, definitions = models_json_schema(
        [(payload, "serialization") for payload in payloads], ref_template="#/components/schemas/{model}"
    )
    schemas: dict[str, Any] = dict(definitions["$defs"])
    for payload in payloads:
        known = names[(payload, "serialization")]["$ref"].rsplit("/", 1)[-1]
        if known != payload.__name__:
            # Two modules use the same class name; the message's own keeps it.
            schemas[payload.__name__] = schemas[known]
    return dict(sorted(schemas.items()))
