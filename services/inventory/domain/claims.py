"""Claims on stock: what an order or a batch wants, holds, waits for and got, item by item."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from services.inventory.domain.lots import Shares

ClaimKind = Literal["order", "batch"]
ClaimStatus = Literal["new", "active", "confirmed", "issued", "settled", "rejected", "expired", "closed"]
Policy = Literal["reject", "backorder", "partial"]
RefusalReason = Literal["insufficient_stock", "unknown_product", "expired"]

LIVE: Final[frozenset[ClaimStatus]] = frozenset({"active", "confirmed"})
"""The statuses in which a claim queues and takes holds."""

BATCH_PRIORITY: Final = 5

QueueKey = tuple[int, datetime, str]


@dataclass(slots=True)
class Line:
    """One item of one claim, in base units: `want = held + backordered + deducted + cancelled`.

    `short` = all units ever reported short; `returned` (of `deducted`) and `cost` are of batches. `kept` marks what a
    closed claim still holds because it shipped and its shipment was not heard of yet. `lots` are those that an order's
    line is promised by name, or got.
    """

    item_id: str
    want: int = 0
    held: int = 0
    backordered: int = 0
    deducted: int = 0
    cancelled: int = 0
    short: int = 0
    returned: int = 0
    cost: Decimal = Decimal(0)
    kept: bool = False
    lots: Shares = field(default_factory=dict)

    @property
    def values(self) -> tuple[object, ...]:
        """Everything that is stored, to see whether it changed."""
        return (
            self.want,
            self.held,
            self.backordered,
            self.deducted,
            self.cancelled,
            self.short,
            self.returned,
            self.cost,
            self.kept,
            tuple((lot_id, share.pinned, share.gone) for lot_id, share in self.lots.items()),
        )

    @property
    def issued(self) -> int:
        """Units of a batch that left stock and did not return."""
        return self.deducted - self.returned

    def balance(self) -> None:
        """Wants what is in its places, no more and no less."""
        self.want = self.held + self.backordered + self.deducted + self.cancelled


@dataclass(frozen=True, slots=True)
class Refused:
    """One line of a question that was refused; short or unknown where `short`."""

    item_id: str
    requested: int
    available: int
    short: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing was taken, with every line of the question."""

    reason: RefusalReason
    lines: tuple[Refused, ...]


@dataclass(slots=True)
class Claim:
    """All that one order or batch has of stock; `asked` = its newest question's version, `version` = events told."""

    id: str
    kind: ClaimKind
    status: ClaimStatus
    policy: Policy
    priority: int
    protected: bool
    accepted_at: datetime
    expires_at: datetime | None = None
    asked: int = 0
    version: int = 0
    lines: dict[str, Line] = field(default_factory=dict)
    refusal: Refusal | None = None

    @property
    def key(self) -> QueueKey:
        """Its place in every queue: priority, then age, then id."""
        return (-self.priority, self.accepted_at, self.id)

    @property
    def live(self) -> bool:
        return self.status in LIVE

    @property
    def whole(self) -> bool:
        """True if nothing queues."""
        return all(line.backordered == 0 for line in self.lines.values())

    def lapsed(self, now: datetime) -> bool:
        """Only unconfirmed holds lapse."""
        return self.status == "active" and self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class Asked:
    """One line of a question."""

    item_id: str
    quantity: int
    shipped: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class OrderQuestion:
    """What order asks: everything about the order, so that a newer question covers every older one."""

    order_id: str
    version: int
    type: Literal["order.created", "order.confirmation_requested", "order.cancelled"]
    policy: Policy
    priority: int
    protected: bool
    confirm: bool
    closed: bool
    accepted_at: datetime
    lines: tuple[Asked, ...]
    cause: str | None = None

    @property
    def wants_confirmation(self) -> bool:
        return self.confirm or self.type == "order.confirmation_requested"


@dataclass(frozen=True, slots=True)
class Need:
    """One material of a batch's question; `consumed` None = not reported."""

    item_id: str
    required: int
    consumed: int | None = None


@dataclass(frozen=True, slots=True)
class BatchQuestion:
    """What bottling asks: everything about the batch."""

    batch_id: str
    version: int
    type: Literal["batch.planned", "batch.start_requested", "batch.consumed", "batch.failed", "batch.cancelled"]
    asked_at: datetime
    needs: tuple[Need, ...]
    cause: str | None = None


def newest(questions: Iterable[OrderQuestion]) -> list[OrderQuestion]:
    """The newest question of each order, cancellations first, then by priority and age."""
    found: dict[str, OrderQuestion] = {}
    for question in questions:
        known = found.get(question.order_id)
        if known is None or question.version >= known.version:
            found[question.order_id] = question
    return sorted(found.values(), key=_turn)


def _turn(question: OrderQuestion) -> tuple[bool, int, datetime, str]:
    cancels = question.type == "order.cancelled"
    return (not cancels, -question.priority, question.accepted_at, question.order_id)


def newest_of_batches(questions: Iterable[BatchQuestion]) -> list[BatchQuestion]:
    """The newest question of each batch, what gives back first, then by age."""
    found: dict[str, BatchQuestion] = {}
    for question in questions:
        known = found.get(question.batch_id)
        if known is None or question.version >= known.version:
            found[question.batch_id] = question
    gives_back = ("batch.cancelled", "batch.failed", "batch.consumed")
    return sorted(found.values(), key=lambda asked: (asked.type not in gives_back, asked.asked_at, asked.batch_id))


def waiting(claims: Mapping[str, Claim]) -> dict[str, list[QueueKey]]:
    """The queue of each item, as far as these claims are it."""
    queues: dict[str, list[QueueKey]] = {}
    for claim in claims.values():
        if claim.live:
            for line in claim.lines.values():
                if line.backordered > 0:
                    queues.setdefault(line.item_id, []).append(claim.key)
    for queue in queues.values():
        queue.sort()
    return queues


def holders(claims: Mapping[str, Claim], item_id: str) -> list[Claim]:
    """Whose units of an item are taken back first: the lowest priority, the newest; what has shipped already, last."""
    found = [claim for claim in claims.values() if (line := claim.lines.get(item_id)) is not None and line.held > 0]
    found.sort(key=lambda claim: claim.key, reverse=True)
    return sorted(found, key=lambda claim: claim.lines[item_id].kept)
