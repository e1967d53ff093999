"""Reading requests and writing responses: bodies, preferences, cursors, ids, and the headers that every answer has."""

import asyncio
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote
from uuid import UUID

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from shared.runtime.answers import Answer, encode
from shared.runtime.problems import MEDIA_TYPE, Refused, invalid, problem, refused

BODY_BYTES_MAX: Final = 1024 * 1024
BODY_SECONDS_MAX: Final = 30.0
ERRORS_MAX: Final = 100
WAIT_SECONDS: Final = 2.0
WAIT_SECONDS_MAX: Final = 10
LIMIT: Final = 50
LIMIT_MAX: Final = 500
CURSOR_CHARACTERS_MAX: Final = 2000

M = TypeVar("M", bound=BaseModel)


async def body(request: Request, model: type[M], *, optional: bool = False) -> M:
    """The request's JSON body as a model; `optional`: no body is the same as `{}`.

    Raises:
        Refused: 400 not JSON, or not there within 30 s, 413 over 1 MiB, 415 another content type, 422 with a pointer to
            each wrong field.
    """
    raw = await raw_body(request)
    if not raw and optional:
        raw = b"{}"
    elif not is_json(request.headers.get("content-type", "")):
        raise refused("unsupported-media-type", "the body must be application/json")
    return parse(raw, model)


def parse(raw: bytes, model: type[M]) -> M:
    """A model from JSON text; raises what `body` raises."""
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise refused("malformed-request", f"the body is not JSON: {error}") from error
    if b"\\u0000" in raw:
        _refuse_nul(found)
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise Refused(validation_problem(error.errors(include_url=False, include_input=False), found)) from error


async def raw_body(request: Request) -> bytes:
    """The bytes of the body, read once and at most 1 MiB."""
    known = getattr(request.state, "raw_body", None)
    if known is not None:
        return cast(bytes, known)
    raw = await _read_body(request)
    request.state.raw_body = raw
    return raw


def raw_body_of(request: Request) -> bytes:
    """The bytes that `body` or `raw_body` read, empty if neither did."""
    return cast(bytes, getattr(request.state, "raw_body", b""))


async def _read_body(request: Request) -> bytes:
    chunks = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for chunk in request.stream():
                chunks += chunk
                if len(chunks) > BODY_BYTES_MAX:
                    raise Refused(too_large())
    except ClientDisconnect as error:
        raise refused("malformed-request", "the body ended early") from error
    except TimeoutError as error:
        # The rest of it may still come, so the connection is of no use for another request.
        told = f"the body did not arrive within {BODY_SECONDS_MAX:.0f} s"
        raise refused("malformed-request", told, headers={"Connection": "close"}) from error
    return bytes(chunks)


def too_large() -> Answer:
    """413 for a body over the limit; the server drops the rest as it comes, so that the client gets to read this."""
    return problem("payload-too-large", f"the body is larger than {BODY_BYTES_MAX} bytes", limit=BODY_BYTES_MAX)


def is_json(content_type: str) -> bool:
    """True for `application/json` and `application/*+json`, in UTF-8 if it says which."""
    media_type, _, parameters = content_type.partition(";")
    media_type = media_type.strip().lower()
    named = media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", parameters, re.IGNORECASE)
    return named and (charset is None or charset[1].lower() in ("utf-8", "utf8"))


def validation_problem(errors: Sequence[Mapping[str, Any]], found: Any) -> Answer:
    """`invalid-request` of pydantic's errors about the parsed value `found`."""
    told = [(str(error["msg"]), pointer_of(error["loc"], found)) for error in errors[:ERRORS_MAX]]
    first, place = told[0]
    return invalid(f"{place}: {first}" if place else first, *told)


def pointer_of(location: Sequence[str | int], found: Any) -> str:
    """The JSON pointer (RFC 6901) of an error; names that pydantic adds (of a union's branch) are left out."""
    pointer = ""
    for position, part in enumerate(location):
        inside = _step(found, part)
        if inside is not _ABSENT:
            found = inside
        elif position < len(location) - 1 or not isinstance(found, dict):
            continue
        pointer += "/" + str(part).replace("~", "~0").replace("/", "~1")
    return pointer


_ABSENT: Final = object()


def _step(found: Any, part: str | int) -> Any:
    if isinstance(found, dict):
        return found.get(part, _ABSENT)
    if isinstance(found, list) and isinstance(part, int) and part < len(found):
        return found[part]
    return _ABSENT


def _refuse_nul(found: Any) -> None:
    """Postgres stores no NUL, so no text of a body may have one."""
    pending: list[tuple[str, Any]] = [("", found)]
    while pending:
        place, value = pending.pop()
        if isinstance(value, str) and "\x00" in value:
            raise Refused(invalid("text must not contain the character NUL", ("must not contain NUL", place)))
        if isinstance(value, list):
            pending += [(f"{place}/{index}", inside) for index, inside in enumerate(value)]
        if isinstance(value, dict):
            pending += [(f"{place}{pointer_of([name], value)}", inside) for name, inside in value.items()]
            pending += [(place, name) for name in value]


@dataclass(frozen=True, slots=True)
class Prefer:
    """How long the client waits for an outcome; `applied` is the `Preference-Applied` of the response."""

    wait: float = WAIT_SECONDS
    respond_async: bool = False
    applied: str | None = None


def prefer_of(request: Request) -> Prefer:
    """The request's preferences; `respond` tells the client which were applied."""
    prefer = parse_prefer(request.headers.getlist("prefer"))
    if prefer.applied is not None:
        response_headers(request)["Preference-Applied"] = prefer.applied
    return prefer


_PREFERENCE: Final = re.compile(r'^\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s;"]*)))?\s*(?:;.*)?$')


def parse_prefer(headers: Sequence[str]) -> Prefer:
    """RFC 7240: the first mention of a preference counts, what is not understood is ignored.

    `wait=N` is 0-10 s (larger is 10). `respond-async` alone means that nothing is waited for; beside `wait` it adds
    nothing, for an answer after the wait is always 202.
    """
    named: dict[str, str] = {}
    for item in ",".join(headers).split(","):
        match = _PREFERENCE.match(item)
        if match:
            named.setdefault(match[1].lower(), (match[2] or match[3] or "").strip())
    asks_async = "respond-async" in named
    seconds = named.get("wait", "")
    if not (seconds.isascii() and seconds.isdigit()):
        return Prefer(0.0, True, "respond-async") if asks_async else Prefer()
    wait = min(int(seconds[:9]), WAIT_SECONDS_MAX)
    return Prefer(float(wait), asks_async, f"respond-async, wait={wait}" if asks_async else f"wait={wait}")


def response_headers(request: Request) -> dict[str, str]:
    """Headers that are added to whatever the response will be."""
    added: dict[str, str] = request.scope["state"].setdefault("response_headers", {})
    return added


def respond(answer: Answer, request: Request) -> Response:
    """The response of an answer; a problem gets `instance` and `correlation_id`."""
    headers = dict(answer.headers)
    if answer.replayed:
        headers["Idempotent-Replayed"] = "true"
    if answer.status == 204:
        return Response(status_code=204, headers=headers)
    if not answer.is_problem:
        return Response(encode(answer.body), answer.status, headers, "application/json")
    told = {**answer.body, "instance": instance_of(request), "correlation_id": correlation_id_of(request)}
    return Response(encode(told), answer.status, headers, MEDIA_TYPE)


def answered(request: Request, body: dict[str, Any], status: int = 200) -> Response:
    """A plain JSON response: what a view answers."""
    return respond(Answer(status, body), request)


def instance_of(request: Request) -> str:
    """The path that was asked for, as a URI reference."""
    return quote(request.scope["path"], safe="/:@!$&'()*+,;=-._~")


def correlation_id_of(request: Request) -> str:
    """The id under which the logs tell of this request."""
    return cast(str, request.scope["state"].get("correlation_id", ""))


def page(items: list[dict[str, Any]], next_cursor: str | None) -> dict[str, Any]:
    """The body of a list."""
    return {"items": items, "next_cursor": next_cursor}


def make_cursor(*values: Any) -> str:
    """The place after the last row of a page, opaque to the client; times and ids come back as text."""
    return urlsafe_b64encode(encode(list(values))).rstrip(b"=").decode()


def cursor_of(text: str | None, *, width: int | None = None) -> list[Any] | None:
    """The values of a cursor that `make_cursor` made; `width` is how many it must have. None without a cursor.

    Raises:
        Refused: 400, it is none of ours.
    """
    if text is None or text == "":
        return None
    try:
        if len(text) > CURSOR_CHARACTERS_MAX:
            raise ValueError("too long")
        values = orjson.loads(urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    except ValueError as error:
        raise bad_cursor() from error
    if not isinstance(values, list) or (width is not None and len(values) != width):
        raise bad_cursor()
    return values


def bad_cursor() -> Refused:
    """400, also for a view that finds a cursor's values of the wrong kind."""
    return refused("malformed-request", "`cursor` is not one that this list gave")


def limit_of(request: Request) -> int:
    """`?limit=`, 1-500, 50 without it; else 422."""
    text = request.query_params.get("limit")
    if text is None:
        return LIMIT
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= LIMIT_MAX:
        return int(text)
    raise Refused(invalid(f"`limit` must be 1-{LIMIT_MAX}", (f"must be an integer from 1 to {LIMIT_MAX}", "/limit")))


def id_of(text: str) -> UUID:
    """The UUID in a path; anything else names nothing (404)."""
    if _UUID.match(text) is None:
        raise refused("not-found", "there is nothing with this id")
    return UUID(text)


_UUID: Final = re.compile(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")


def if_match_of(request: Request) -> int | None:
    """The version in `If-Match`, quoted or bare; None without one or for `*`; else 400."""
    text = request.headers.get("if-match", "*").strip()
    if text == "*":
        return None
    match = re.match(r'^(?:W/)?"?([0-9]{1,18})"?\Z', text)
    if match is None:
        raise refused("malformed-request", "`If-Match` must be the version of the record")
    return int(match[1])
