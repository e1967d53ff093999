"""A dialogue with an order's saga: given an order, heard from a neighbour or a customer, expect what it says."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.order.domain.answers import (
    Answer,
    FulfillmentAnswer,
    FulfillmentLine,
    StockAnswer,
    StockLine,
    apply,
)
from services.order.domain.order import HoldStatus, Line, Order, Policy, ShortLine
from services.order.saga import CancelWish, Commanded, Outcome, accept, cancel, confirm, decide

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
POLICY = Policy()


def line(product: str, quantity: int, number: int = 1) -> Line:
    """A line of a new order."""
    return Line(line=number, product_id=product, name=product.title(), quantity=quantity, lead_days=14)


def order(**lines: int) -> Order:
    """A new order under `reject`, not auto-confirmed: `order(rose=3)`."""
    numbered = tuple(line(product, quantity, index) for index, (product, quantity) in enumerate(lines.items(), 1))
    return Order("0190a000-0000-7000-8000-000000000001", "c-1", START, numbered)


def stock(product: str, **quantities: Any) -> StockLine:
    """One line of a hold."""
    short = quantities.pop("shortage", None)
    return StockLine(product, product.title(), shortage=short, **quantities)


def shortage(product: str, available: int, requested: int, expected: date | None = None) -> ShortLine:
    """Why a line is short."""
    basis = "batch" if expected else None
    return ShortLine(product, product.title(), available, requested, (), expected, basis)  # type: ignore[arg-type]


def left(product: str, shipped: int = 0, cancelled: int = 0) -> FulfillmentLine:
    """One line of a fulfillment."""
    return FulfillmentLine(product, shipped, cancelled)


@dataclass
class Dialogue:
    """An order under way. Each step keeps what was `said` in it."""

    order: Order
    said: list[str] = field(default_factory=list)
    outcome: Outcome | None = None
    heard: list[Answer] = field(default_factory=list)

    @classmethod
    def given(cls, start: Order, **policy: Any) -> "Dialogue":
        """An order that was just accepted."""
        decision = accept(replace(start, **policy))
        return cls(decision.order, [said.event for said in decision.said])

    def inventory(
        self, status: HoldStatus, *lines: StockLine, answers: int | None = None, reason: str = "new", version: int = 0
    ) -> "Dialogue":
        """Inventory says how the hold is; by default a newer snapshot that answers every question."""
        return self.hear(
            StockAnswer(
                version=version or self.order.stock_version + 1,
                order_version=self.order.stock_asked if answers is None else answers,
                status=status,
                reason=reason,
                at=START + timedelta(hours=1),
                lines=lines,
            )
        )

    def fulfillment(
        self, *lines: FulfillmentLine, closed: bool = False, answers: int | None = None, version: int = 0
    ) -> "Dialogue":
        """Fulfillment says what left; by default a newer snapshot that answers every question."""
        newest = max(self.order.ready_version, self.order.cancel_version)
        return self.hear(
            FulfillmentAnswer(
                version=version or self.order.fulfillment_version + 1,
                order_version=newest if answers is None else answers,
                closed=closed,
                lines=lines,
            )
        )

    def hear(self, answer: Answer) -> "Dialogue":
        self.heard.append(answer)
        decision = decide(self.order, apply(self.order, answer))
        return self._take(decision.order, [said.event for said in decision.said])

    def confirm(self, after: timedelta = timedelta(hours=2)) -> "Dialogue":
        return self._command(confirm(self.order, START + after, POLICY))

    def cancel(self, **items: int) -> "Dialogue":
        wish = CancelWish("changed my mind", "clerk", tuple(items.items()) if items else None)
        return self._command(cancel(self.order, wish))

    def _command(self, commanded: Commanded) -> "Dialogue":
        self.outcome = commanded.outcome
        return self._take(commanded.decision.order, [said.event for said in commanded.decision.said])

    def _take(self, after: Order, said: list[str]) -> "Dialogue":
        assert after.version == self.order.version + len(said), "one version per event, without gaps"
        self.order, self.said = after, said
        return self

    def expect(self, status: str, *said: str) -> "Dialogue":
        """The status, and exactly what was said in the last step."""
        assert (self.order.status, self.said) == (status, [f"order.{name}" for name in said])
        return self

    def went(self, outcome: Outcome) -> "Dialogue":
        """How the last command went."""
        assert self.outcome == outcome
        return self

    def cancelled(self) -> dict[str, int]:
        return {one.product_id: one.given_up for one in self.order.lines}


def held(*pairs: tuple[str, int]) -> tuple[StockLine, ...]:
    """Lines that are wholly held."""
    return tuple(stock(product, held=quantity) for product, quantity in pairs)


def shipping(start: Order | None = None, **policy: Any) -> Dialogue:
    """An auto-confirmed order that fulfillment works on."""
    given = start or order(rose=5)
    dialogue = Dialogue.given(given, auto_confirm=True, **policy)
    dialogue.inventory("confirmed", *(stock(one.product_id, held=one.quantity) for one in given.lines))
    dialogue.expect("confirmed", "confirmed", "ready")
    return dialogue.fulfillment(*(left(one.product_id) for one in given.lines)).expect("processing")
