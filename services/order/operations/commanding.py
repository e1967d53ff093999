"""Confirms and cancels orders as customers ask."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.order.domain.commands import errors_of_cancel
from services.order.domain.order import FieldError, Order, Policy
from services.order.operations.telling import Change, save_and_tell
from services.order.saga import CancelWish, Commanded, Decision, Outcome, cancel, confirm
from services.order.store.orders import lock_orders
from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class ConfirmOrder:
    """A confirmation; `customer_id` limits it to that customer's order."""

    order_id: str
    customer_id: str | None = None


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """A cancel of the whole order or of some items."""

    order_id: str
    wish: CancelWish
    customer_id: str | None = None


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command went; `order` is None if there is no such order for this customer."""

    order: Order | None
    outcome: Outcome = "illegal"
    errors: tuple[FieldError, ...] = ()


async def confirm_orders(tx: Transaction, requests: Sequence[ConfirmOrder], policy: Policy) -> list[CommandResult]:
    """Asks inventory for each order that is not confirmed yet."""
    orders, now = await lock_orders(tx, [request.order_id for request in requests])
    work = _Work(orders)
    for request in requests:
        order = work.find(request.order_id, request.customer_id)
        if order is not None:
            work.note(confirm(order, now, policy))
        else:
            work.results.append(CommandResult(None))
    await save_and_tell(tx, work.changes(), now, policy)
    return work.results


async def cancel_orders(tx: Transaction, requests: Sequence[CancelOrder], policy: Policy) -> list[CommandResult]:
    """Gives up the units that each cancel names, or asks fulfillment to."""
    orders, now = await lock_orders(tx, [request.order_id for request in requests])
    work = _Work(orders)
    for request in requests:
        order = work.find(request.order_id, request.customer_id)
        errors = errors_of_cancel(order, request.wish.items or ()) if order else ()
        if order is None or errors:
            work.results.append(CommandResult(order, "illegal", errors))
        else:
            work.note(cancel(order, request.wish))
    await save_and_tell(tx, work.changes(), now, policy)
    return work.results


class _Work:
    """Commands of one group applied one after another; two may be about the same order."""

    def __init__(self, orders: dict[str, Order]) -> None:
        self._before = orders
        self._changes: dict[str, list[Commanded]] = {}
        self._now = dict(orders)
        self.results: list[CommandResult] = []

    def find(self, order_id: str, customer_id: str | None) -> Order | None:
        order = self._now.get(order_id)
        if order is None or (customer_id is not None and order.customer_id != customer_id):
            return None
        return order

    def note(self, commanded: Commanded) -> None:
        order = commanded.decision.order
        self._now[order.order_id] = order
        self._changes.setdefault(order.order_id, []).append(commanded)
        self.results.append(CommandResult(order, commanded.outcome))

    def changes(self) -> list[Change]:
        """One change per order, of all that its commands say."""
        return [
            Change(self._before[order_id], _joined(commanded)) for order_id, commanded in sorted(self._changes.items())
        ]


def _joined(commanded: Sequence[Commanded]) -> Decision:
    said = tuple(said for one in commanded for said in one.decision.said)
    return Decision(commanded[-1].decision.order, said)
