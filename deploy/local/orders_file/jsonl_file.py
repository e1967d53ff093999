"""Orders in JSON lines: an `order.submitted` a line; a later `{"cancel": EXTERNAL_ID, "items"?, "reason"?}` cancels."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deploy.local.orders_file.entries import (
    NOT_IN_FILE,
    TOO_LARGE,
    UNREADABLE,
    Cancellation,
    Entry,
    FileError,
    Order,
    Skipped,
    Survey,
)
from shared.contracts.order import OrderSubmitted
from shared.contracts.values import Identifier

RECORD_BYTES_MAX: Final = 1024 * 1024


class CancelItem(BaseModel):
    """Units of one product that are cancelled in all."""

    product_id: str
    quantity: int = Field(ge=1)


class CancelLine(BaseModel):
    """A line that cancels an earlier order of the file, whole if it names no items."""

    model_config = ConfigDict(extra="forbid")
    cancel: Identifier
    source: Identifier | None = None
    items: tuple[CancelItem, ...] | None = Field(default=None, min_length=1)
    reason: str = "cancelled by the customer"


def survey_jsonl(path: Path) -> Survey:
    """First pass: the demand for each product."""
    survey = Survey()
    for entry in read_jsonl(path, source="survey"):
        if isinstance(entry, Order):
            for item in entry.submission["items"]:
                survey.ask(item["product_id"], "", item["quantity"])
    return survey


def read_jsonl(path: Path, *, source: str) -> Iterator[Entry]:
    """Each line as an order, a cancellation of an earlier one, or skipped; `source` fills in where a line has none."""
    known: set[tuple[str, str]] = set()
    for number, raw in _lines(path):
        entry = _entry(path, number, raw, source)
        if isinstance(entry, Order):
            known.add(entry.identity)
        elif isinstance(entry, Cancellation) and entry.identity not in known:
            entry = Skipped(str(path), number, "cancel", NOT_IN_FILE, entry.external_id)
        yield entry


def _entry(path: Path, number: int, raw: bytes, source: str) -> Entry:
    if len(raw) > RECORD_BYTES_MAX:
        return Skipped(str(path), number, str(RECORD_BYTES_MAX + 1), TOO_LARGE, "the broker refuses it")
    try:
        content = json.loads(_text(path, number, raw))
    except json.JSONDecodeError as error:
        return Skipped(str(path), number, str(error.colno), UNREADABLE, f"not JSON: {error.msg}")
    except (ValueError, RecursionError) as error:
        return Skipped(str(path), number, "1", UNREADABLE, f"not JSON: {error}")
    if not isinstance(content, dict):
        return Skipped(str(path), number, "1", UNREADABLE, "not a JSON object")
    try:
        return _cancellation(content, number, source) if "cancel" in content else _order(content, number, source)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        column = "/" + "/".join(str(part) for part in first["loc"])
        return Skipped(str(path), number, column, UNREADABLE, first["msg"])


def _order(content: dict[str, Any], number: int, source: str) -> Order:
    submission = {"source": source, "external_id": f"line-{number}"} | content
    OrderSubmitted.model_validate_json(json.dumps(submission))
    return Order(submission, number)


def _cancellation(content: dict[str, Any], number: int, source: str) -> Cancellation:
    line = CancelLine.model_validate_json(json.dumps(content))
    items = None if line.items is None else {item.product_id: item.quantity for item in line.items}
    return Cancellation(line.source or source, line.cancel, items, line.reason, number)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Line number and content without its end; of a line that is too long only its beginning."""
    try:
        with path.open("rb") as file:
            number = 0
            while part := file.readline(RECORD_BYTES_MAX + 2):
                number += 1
                line = part.removeprefix(b"\xef\xbb\xbf") if number == 1 else part
                while not part.endswith(b"\n") and (part := file.readline(RECORD_BYTES_MAX)):
                    pass
                if line.strip():
                    yield number, line.rstrip(b"\r\n")
    except OSError as error:
        raise FileError(path, f"cannot be read: {error.strerror or error}") from error


def _text(path: Path, number: int, raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        why = "not UTF-8; save the file as UTF-8 and try again"
        raise FileError(path, why, row=number, column=error.start + 1) from error
