"""The OpenAPI document: bodies that `http.body` reads, the problems of every route, scopes."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from shared.runtime.problems import KINDS, MEDIA_TYPE

METHODS: Final = ("get", "put", "post", "patch", "delete")
PUBLIC: Final = ("/livez", "/readyz", "/metrics", "/openapi.json", "/asyncapi.json")
_REF: Final = "#/components/schemas/{model}"
_PROBLEM_REF: Final = {"$ref": _REF.format(model="Problem")}


def documented(
    body: type[BaseModel] | None = None,
    *,
    optional: bool = False,
    answers: dict[int, str] | None = None,
    problems: Sequence[str] = (),
    waits: bool = False,
) -> dict[str, Any]:
    """Arguments of a route's decorator: `@router.post("/api/orders", **documented(NewOrder, answers={201: "..."}))`.

    `body` is the model that the route gives to `http.body`, `optional` as there. `problems` are the names that this
    route answers besides those of every route. `waits`: it waits for the saga and may answer 202.
    """
    extra: dict[str, Any] = {"x-problems": list(problems)}
    if body is not None:
        schema = body.model_json_schema(mode="validation", ref_template=_REF)
        extra["requestBody"] = {"required": not optional, "content": {"application/json": {"schema": schema}}}
    told: dict[int | str, dict[str, Any]] = {
        status: {"description": text} for status, text in (answers or {200: "Done"}).items()
    }
    if waits:
        told[202] = {"description": "Not known yet: the same body with the unknown facts null; `Location` tells more"}
        extra["parameters"] = [_PREFER]
    return {"responses": told, "openapi_extra": extra, "status_code": min(int(status) for status in told)}


_PREFER: Final = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "`wait=N` (0-10 s, 2 without it) or `respond-async`",
    "schema": {"type": "string"},
}
_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "1-255 characters; a repeat within 24 h gets the first answer",
    "schema": {"type": "string", "minLength": 1, "maxLength": 257},
}
_PROBLEM: Final = {
    "title": "Problem",
    "description": "RFC 9457; `type` names the kind, whose own fields stand beside these",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "correlation_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "correlation_id": {"type": "string"},
    },
    "additionalProperties": True,
}


def document(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        for path, operations in made["paths"].items():
            for method in METHODS:
                if method in operations:
                    _complete(operations[method], path, method, schemas)
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas["Problem"] = _PROBLEM
        made["components"]["schemas"] = dict(sorted(schemas.items()))
        app.openapi_schema = made
    return app.openapi_schema


def _complete(operation: dict[str, Any], path: str, method: str, schemas: dict[str, Any]) -> None:
    """A route's own problems and those of every route; its body's parts among the document's schemas."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schemas.update(content.get("schema", {}).pop("$defs", {}))
    if path in PUBLIC:
        return
    own = set(operation.pop("x-problems", ()))
    has_body = bool(content)
    if method == "post":
        operation["parameters"] = [*operation.get("parameters", ()), _IDEMPOTENCY_KEY]
    responses = operation.setdefault("responses", {})
    responses.pop("422", None)
    for kind in KINDS:
        if kind.name in own or (kind.anywhere and _concerns(kind.name, method, has_body)):
            told = responses.setdefault(str(kind.status), {"description": "", "content": {MEDIA_TYPE: {}}})
            told["description"] = " / ".join(filter(None, (told["description"], f"`{kind.name}`: {kind.meaning}")))
            told["content"] = {MEDIA_TYPE: {"schema": _PROBLEM_REF}}
    operation["responses"] = dict(sorted(responses.items()))


def _concerns(name: str, method: str, has_body: bool) -> bool:
    if name == "method-not-allowed":
        return False
    if name.startswith("idempotency-key"):
        return method == "post"
    return has_body or name not in ("payload-too-large", "unsupported-media-type")
