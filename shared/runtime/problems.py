"""Every refusal a client can get, by name, as `application/problem+json` (RFC 9457)."""

from dataclasses import dataclass
from typing import Any, Final

from shared.runtime.answers import Answer

URN: Final = "urn:flacon:problem:"
MEDIA_TYPE: Final = "application/problem+json"
QUOTA_EXCEEDED: Final = "https://iana.org/assignments/http-problem-types#quota-exceeded"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem; `anywhere`: any route may answer it."""

    name: str
    status: int
    title: str
    meaning: str
    anywhere: bool = False
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def type(self) -> str:
        """The URI that names this kind for ever."""
        return QUOTA_EXCEEDED if self.name == "quota-exceeded" else URN + self.name


_RETRY: Final = (("Retry-After", "1"),)
_BEARER: Final = (("WWW-Authenticate", "Bearer"),)

KINDS: Final = (
    Kind("malformed-request", 400, "Malformed request", "Not JSON, or a bad cursor or header.", True),
    Kind(
        "idempotency-key-missing", 400, "Idempotency-Key is missing", "This service requires one on every POST.", True
    ),
    Kind(
        "idempotency-key-in-flight",
        409,
        "A request with this Idempotency-Key is being handled",
        "Ask again: the first request is not committed yet.",
        True,
        _RETRY,
    ),
    Kind(
        "idempotency-key-reused", 422, "Idempotency-Key was used before", "The same key came with another body.", True
    ),
    Kind("unauthorized", 401, "Unauthorized", "No token, or one that is not valid.", True, _BEARER),
    Kind("insufficient-scope", 403, "Insufficient scope", "The token lacks a scope that this route needs.", True),
    Kind("not-found", 404, "Not found", "There is no such thing, or it is not this client's.", True),
    Kind("method-not-allowed", 405, "Method not allowed", "`Allow` tells the methods of this path.", True),
    Kind("out-of-stock", 409, "Out of stock", "Less is available than was asked for; `lines` tells what is short."),
    Kind("unknown-product", 409, "Unknown product", "Inventory does not know a product of this order."),
    Kind("reservation-expired", 409, "Reservation expired", "The hold lapsed and cannot be taken again."),
    Kind("illegal-transition", 409, "Illegal transition", "The present state does not allow this command."),
    Kind("already-exists", 409, "Already exists", "The same id exists with other content."),
    Kind("stale-version", 412, "Stale version", "The record has changed since it was read."),
    Kind("payload-too-large", 413, "Payload too large", "The body is larger than `limit` bytes.", True),
    Kind("unsupported-media-type", 415, "Unsupported media type", "Bodies are `application/json`.", True),
    Kind("invalid-request", 422, "Invalid request", "`errors` tells each field and what is wrong with it.", True),
    Kind("quota-exceeded", 429, "Quota exceeded", "Too many requests; `Retry-After` tells when to go on.", True),
    Kind("internal-error", 500, "Internal error", "Unexpected; the correlation id finds it in the logs.", True),
    Kind("unavailable", 503, "Unavailable", "Overload, or Postgres cannot be written; ask again.", True, _RETRY),
)

BY_NAME: Final = {kind.name: kind for kind in KINDS}


def problem(name: str, detail: str, *, headers: dict[str, str] | None = None, **extra: Any) -> Answer:
    """The answer of that name with its status; `extra` are the name's own fields.

    Headers that the name demands (`Retry-After`, `WWW-Authenticate`) are set unless `headers` has them.
    """
    kind = BY_NAME[name]
    body = {"type": kind.type, "title": kind.title, "status": kind.status, "detail": detail, **extra}
    return Answer(kind.status, body, {**dict(kind.headers), **(headers or {})})


def invalid(detail: str, *errors: tuple[str, str]) -> Answer:
    """`invalid-request`; each error is (detail, JSON pointer)."""
    told = [{"detail": what, "pointer": pointer} for what, pointer in errors]
    return problem("invalid-request", detail, errors=told)


class Refused(Exception):
    """Raised by an api function: its answer becomes the response."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer.body.get("detail", answer.status)))
        self.answer = answer


def refused(name: str, detail: str, *, headers: dict[str, str] | None = None, **extra: Any) -> Refused:
    """The exception that answers with this problem."""
    return Refused(problem(name, detail, headers=headers, **extra))
