"""The answer to a request as a value: status, body and headers, and how values are written as JSON."""

import json
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel

from shared.contracts.values import rfc3339


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client gets; `replayed` says that its idempotency key had an answer already."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    replayed: bool = False

    @property
    def is_problem(self) -> bool:
        """Problems are `application/problem+json`."""
        return self.status >= 400


def encode(value: Any) -> bytes:
    """JSON in UTF-8: times RFC 3339 UTC with milliseconds, decimals as strings."""
    try:
        return orjson.dumps(value, default=plain, option=orjson.OPT_PASSTHROUGH_DATETIME)
    except TypeError:
        # An integer over 64 bits, which JSON allows in what a client sent to be kept.
        return json.dumps(value, default=plain, ensure_ascii=False, separators=(",", ":")).encode()


def plain(value: Any) -> Any:
    """What a value that JSON does not know is written as; TypeError if it has no form."""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID | Enum):
        return str(value.value if isinstance(value, Enum) else value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
