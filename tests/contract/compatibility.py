"""What would break somebody who built against a released document: told as sentences, empty if nothing would.

Two directions: what we send (events we own, answers) may gain fields and must keep those it had; what we take (bodies,
`order.submitted`) may ask for less and allow more, never the other way.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

Document = Mapping[str, Any]
Way = Literal["sent", "taken"]
METHODS: Final = ("get", "put", "post", "patch", "delete")
WORDS: Final = frozenset({"description", "title", "summary", "examples", "example", "tags", "info"})
LIMITS: Final = {
    "maxLength": -1,
    "maximum": -1,
    "maxItems": -1,
    "exclusiveMaximum": -1,
    "minLength": 1,
    "minimum": 1,
    "minItems": 1,
    "exclusiveMinimum": 1,
}
"""Which way a bound moves when it gets tighter."""
DEPTH_MAX: Final = 40


def shape(value: Any, *, names: bool = False) -> Any:
    """A document without its words: what a release is kept as. `names`: the keys are names of somebody's own."""
    if isinstance(value, dict):
        return {
            key: shape(inside, names=key in ("properties", "schemas", "channels", "messages", "paths", "headers"))
            for key, inside in value.items()
            if names or key not in WORDS
        }
    if isinstance(value, list):
        return [shape(inside) for inside in value]
    return value


def rest_breaks(old: Document, new: Document) -> list[str]:
    """Of two OpenAPI documents of a service."""
    return [
        f"{method.upper()} {path}: {told}"
        for path, methods in old["paths"].items()
        for method in METHODS
        if method in methods
        for told in _route_breaks(old, new, methods[method], new["paths"].get(path, {}).get(method))
    ]


def _route_breaks(old: Document, new: Document, was: Document, now: Document | None) -> Iterator[str]:
    if now is None:
        yield "is gone"
        return
    if _scopes(now) - _scopes(was):
        yield f"asks for {sorted(_scopes(now) - _scopes(was))}"
    known = {(one["in"], one["name"]) for one in was.get("parameters", ())}
    for parameter in now.get("parameters", ()):
        if parameter.get("required") and (parameter["in"], parameter["name"]) not in known:
            yield f"asks for the parameter {parameter['name']}"
    for place, name in sorted(known - {(one["in"], one["name"]) for one in now.get("parameters", ())}):
        yield f"takes no parameter {name} in {place} any more"
    for status in was["responses"]:
        if status.startswith("2") and status not in now["responses"]:
            yield f"does not answer {status} any more"
    bodies = [_body(one) for one in (was, now)]
    if bodies[1] is not None and bodies[0] is None and now["requestBody"].get("required"):
        yield "asks for a body"
    elif bodies[0] is not None and bodies[1] is not None:
        yield from schema_breaks(old, new, bodies[0], bodies[1], "taken", "body")


def _scopes(operation: Document) -> set[str]:
    return {scope for way in operation.get("security", ()) for scopes in way.values() for scope in scopes}


def _body(operation: Document) -> Any:
    return operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")


def event_breaks(old: Document, new: Document, public: Mapping[str, Way]) -> list[str]:
    """Of two AsyncAPI documents, for these public events."""
    broken: list[str] = []
    for name, way in public.items():
        if name not in old["channels"]:
            continue
        if name not in new["channels"]:
            broken.append(f"{name}: is gone")
            continue
        was, now = (document["components"]["messages"][name] for document in (old, new))
        broken += schema_breaks(old, new, was["payload"], now["payload"], way, name)
        broken += schema_breaks(old, new, was["headers"], now["headers"], way, f"headers of {name}")
    return broken


def schema_breaks(
    old: Document, new: Document, was: Any, now: Any, way: Way, place: str, depth: int = 0
) -> Iterator[str]:
    """Of two JSON Schemas within their documents."""
    assert depth < DEPTH_MAX, f"{place} is too deep"
    was, now = _resolved(old, was), _resolved(new, now)
    yield from _kind_breaks(was, now, way, place)
    yield from _bound_breaks(was, now, way, place)
    yield from _field_breaks(was, now, way, place)
    for name, inside in was.get("properties", {}).items():
        if name in now.get("properties", {}):
            yield from schema_breaks(old, new, inside, now["properties"][name], way, f"{place}/{name}", depth + 1)
    if "items" in was and "items" in now:
        yield from schema_breaks(old, new, was["items"], now["items"], way, f"{place}[]", depth + 1)


def _kind_breaks(was: Document, now: Document, way: Way, place: str) -> Iterator[str]:
    """Kinds and closed sets of values: sent ones may become fewer, taken ones more."""
    for told, before, after in (("is", _kinds(was), _kinds(now)), ("has the value", _values(was), _values(now))):
        if before is None and after is None:
            continue
        if before is None or after is None:
            narrower = before is None
            if narrower == (way == "taken"):
                yield f"{place}: {told} restricted differently"
            continue
        lost = (before - after) if way == "taken" else (after - before)
        if lost:
            yield f"{place}: {told} {sorted(lost)} {'no more' if way == 'taken' else 'too now'}"


def _bound_breaks(was: Document, now: Document, way: Way, place: str) -> Iterator[str]:
    if way == "taken":
        for name, tighter in LIMITS.items():
            if name in now and (name not in was or (now[name] - was[name]) * tighter > 0):
                yield f"{place}: {name} {now[name]} is tighter"
        if now.get("pattern", was.get("pattern")) != was.get("pattern"):
            yield f"{place}: another pattern"


def _field_breaks(was: Document, now: Document, way: Way, place: str) -> Iterator[str]:
    for name in sorted(was.get("properties", {}).keys() - now.get("properties", {}).keys()):
        yield f"{place}/{name}: is gone"
    needed_before, needed_now = set(was.get("required", ())), set(now.get("required", ()))
    if way == "taken":
        for name in sorted(needed_now - needed_before):
            yield f"{place}/{name}: is asked for"
    else:
        for name in sorted((needed_before - needed_now) & now.get("properties", {}).keys()):
            yield f"{place}/{name}: may be absent"


def _resolved(document: Document, schema: Any) -> Any:
    while isinstance(schema, Mapping) and "$ref" in schema:
        place: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            place = place[step]
        schema = place
    return schema


def _kinds(schema: Document) -> set[str] | None:
    """JSON types that are allowed, `$ref`s by name; None: not restricted."""
    if "anyOf" in schema:
        return {one.get("type") or one.get("$ref", "any").rsplit("/", 1)[-1] for one in schema["anyOf"]}
    kind = schema.get("type")
    return None if kind is None else {kind} if isinstance(kind, str) else set(kind)


def _values(schema: Document) -> set[str] | None:
    if "const" in schema:
        return {str(schema["const"])}
    return {str(value) for value in schema["enum"]} if "enum" in schema else None
