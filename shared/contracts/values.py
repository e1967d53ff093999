"""The values that payloads are made of: ids, times, money, text; each refuses what could not be stored or read back."""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

ITEM_ID_PATTERN = r"^[A-Za-z0-9._:-]{1,64}$"


def rfc3339(moment: datetime) -> str:
    """A time in UTC with milliseconds, as in `2026-01-31T12:00:00.000Z` (RFC 3339)."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain the character NUL")
    return text


def _decimal_text(value: Any) -> Decimal:
    try:
        if isinstance(value, Decimal | str):
            return Decimal(value)
    except InvalidOperation:
        pass
    raise ValueError('must be a decimal string such as "12.50"')


def _plain(value: Decimal) -> str:
    return format(value, "f")


Identifier = Annotated[str, Field(pattern=ITEM_ID_PATTERN)]
"""An id chosen by its creator: 1-64 of `A-Z a-z 0-9 . _ : -`."""

Text = Annotated[str, Field(max_length=4000), AfterValidator(_without_nul)]
"""Free text that Postgres can store."""

Timestamp = Annotated[AwareDatetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]
"""A moment; in JSON RFC 3339 UTC with milliseconds."""

DecimalText = Annotated[
    Decimal,
    BeforeValidator(_decimal_text),
    Field(max_digits=24, decimal_places=12, allow_inf_nan=False),
    PlainSerializer(_plain, return_type=str, when_used="json"),
]
"""An exact decimal; in JSON a string, never a float."""

Quantity = Annotated[int, Field(ge=0, le=2**53 - 1, strict=True)]
"""Units in the item's base unit, never negative."""


class Value(BaseModel):
    """A part of a payload: immutable; readers ignore what they do not know."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Money(Value):
    """An amount in a currency (ISO 4217), e.g. `{"amount": "12.3400", "currency": "EUR"}`."""

    amount: DecimalText
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"


class LotQuantity(Value):
    """Units of one lot."""

    lot_id: str
    lot_code: str
    expires_on: str | None
    quantity: Quantity


class Payload(Value):
    """The data of an event; `occurred_at` is the clock of the database that decided it."""

    occurred_at: Timestamp
