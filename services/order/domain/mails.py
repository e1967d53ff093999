"""What a customer is told by mail and when: a table of kinds over an order before and after, and each mail's fate."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from services.order.domain.order import Line, Order

Kind = Literal["confirmed", "shortage", "backordered", "expired", "shipped", "cancelled"]
KINDS: Final[tuple[Kind, ...]] = ("confirmed", "shortage", "backordered", "expired", "shipped", "cancelled")
Language = Literal["en", "de"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "de")
GERMAN: Final = frozenset(
    ("de", "deu", "germany", "deutschland", "at", "aut", "austria", "österreich", "li", "lie", "liechtenstein")
)
"""Countries, as people write them in an address, whose customers are written to in German."""


def queued(line: Line) -> int:
    """Units of a line that wait in a queue and that nobody has given up meanwhile."""
    return min(line.backordered, max(0, line.open - line.held_still))


def newly_given_up(before: Line, line: Line) -> int:
    """Units of a line that were given up since."""
    return max(0, line.given_up - before.given_up)


def _confirmation_stands(before: Order, order: Order) -> bool:
    return order.confirmation_told and not before.confirmation_told


def _is_refused(before: Order, order: Order) -> bool:
    """The order was, or a confirmation after its expiry."""
    if order.status == "rejected":
        return before.status != "rejected"
    return order.stock_status == "expired" and before.confirm and not order.confirm and order.rejection is not None


def _queues_anew(before: Order, order: Order) -> bool:
    """Units have to wait, or their date moved; fewer of them than before is no news."""
    if order.has_ended or order.status == "expired" or (order.is_cancelling and order.cancel_whole):
        return False
    if not any(line.backordered for line in order.lines):
        return False
    known = {line.product_id: line.expected_date for line in before.lines if queued(line)}
    return any(
        line.product_id not in known or known[line.product_id] != line.expected_date
        for line in order.lines
        if queued(line)
    )


def _has_lapsed(before: Order, order: Order) -> bool:
    return order.expiry_told and not before.expiry_told


def _gave_more_up(before: Order, order: Order) -> bool:
    return any(
        line.cancelled > was.cancelled and newly_given_up(was, line)
        for was, line in zip(before.lines, order.lines, strict=True)
    )


TABLE: Final[tuple[tuple[Kind, Callable[[Order, Order], bool]], ...]] = (
    ("confirmed", _confirmation_stands),
    ("shortage", _is_refused),
    ("backordered", _queues_anew),
    ("expired", _has_lapsed),
    ("cancelled", _gave_more_up),
)
"""Which mail is due when an order went from one state to another; a parcel that left is a mail by itself."""


def due_mails(before: Order | None, order: Order, parcels: int = 0) -> tuple[Kind, ...]:
    """The mails that follow from a step of an order in which so many parcels turned out to have left.

    A step that changed nothing makes none, so a repeat, a replay or an older snapshot never does. The confirmation
    tells what queues, too.
    """
    if before is None:
        return ()
    due: list[Kind] = [kind for kind, is_due in TABLE if is_due(before, order)]
    if "confirmed" in due and "backordered" in due:
        due.remove("backordered")
    shipped: list[Kind] = ["shipped"]
    return (*due, *shipped * parcels)


def language_of(address: Mapping[str, Any]) -> Language:
    """The language for an address, by its `country` or `country_code`; English where it tells none that is known."""
    told = (address.get("country_code"), address.get("country"))
    return "de" if any(isinstance(text, str) and text.strip().casefold() in GERMAN for text in told) else "en"


def name_of(address: Mapping[str, Any]) -> str | None:
    """Whom a mail greets: the `name` of an address on one line, None if it has none."""
    told = address.get("name")
    return " ".join(told.split())[:100] or None if isinstance(told, str) else None


Outcome = Literal["sent", "refused", "unusable", "failed"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an attempt to send a mail.

    `refused`: the server will not have it (5xx); `unusable`: it cannot be written to that address at all; `failed`:
    anything that time may heal.
    """

    outcome: Outcome
    detail: str = ""


State = Literal["waiting", "sent", "dead"]
STATES: Final[tuple[State, ...]] = ("waiting", "sent", "dead")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited after each attempt at most, the last one for ever, and how many refusals are enough."""

    retry_seconds: Sequence[float] = (60, 300, 900, 3600)
    refusals_max: int = 3


@dataclass(frozen=True, slots=True)
class Fate:
    """What a mail is after an attempt; one that still waits is tried again within so many seconds."""

    state: State
    refusals: int
    within_seconds: float = 0.0


def fate_of(answer: Answer, attempts: int, refusals: int, patience: Patience) -> Fate:
    """What becomes of a mail after its `attempts`-th attempt; only refusals can ever give it up."""
    refused = refusals + (answer.outcome == "refused")
    if answer.outcome == "sent":
        return Fate("sent", refused)
    if answer.outcome == "unusable" or refused >= patience.refusals_max:
        return Fate("dead", refused)
    waits = patience.retry_seconds
    return Fate("waiting", refused, waits[min(attempts, len(waits)) - 1])
