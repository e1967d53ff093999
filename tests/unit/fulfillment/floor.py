"""A fulfillment on the floor, for tests: what order asks and what people do, each as one short call."""

from datetime import UTC, datetime
from uuid import UUID

from services.fulfillment.domain import commands
from services.fulfillment.domain.commands import Done, PackedParcel, PickLine, Refusal
from services.fulfillment.domain.lots import Lot
from services.fulfillment.domain.questions import Cancel, CancelLine, Ready, ReadyLine, decide_cancel, decide_ready
from services.fulfillment.domain.state import Fulfillment, Line, Quantities

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
ID = UUID("018f0000-0000-7000-8000-000000000001")


def nth_id(number: int) -> UUID:
    """The id of the floor's nth pack or shipment."""
    return UUID(int=ID.int + number)


def blank() -> Fulfillment:
    """Before order said anything."""
    return Fulfillment("order-1", ID)


def ready_line(
    product_id: str,
    quantity: int,
    target: int | None = None,
    short: int = 0,
    cancelled: int = 0,
    lots: Quantities | None = None,
) -> ReadyLine:
    """A line of `order.ready`; all of it is to ship unless told; lots by id, whose codes are the ids in capitals."""
    wanted = quantity - cancelled if target is None else target
    told = tuple(Lot(lot_id, lot_id.upper(), None, n) for lot_id, n in (lots or {}).items())
    return ReadyLine(product_id, product_id, quantity, cancelled, wanted, short, told)


def ready(version: int, *lines: ReadyLine) -> Ready:
    """`order.ready` in that version of the order."""
    return Ready(version, "c-1", 0, None, NOW, "{}", lines)


def cancel(version: int, units: Quantities | None = None, *, quantity: int = 5) -> Cancel:
    """`order.cancellation_requested`: the whole order, or units in all by product of lines of that quantity."""
    lines = [CancelLine(product_id, quantity, cancelled=0, cancel=n) for product_id, n in (units or {}).items()]
    return Cancel(version, "c-1", units is None, lines)


class Floor:
    """One fulfillment; a command that is refused changes nothing."""

    def __init__(self, fulfillment: Fulfillment | None = None) -> None:
        self.now = fulfillment or blank()
        self.number = 0

    def hears(self, question: Ready | Cancel) -> str | None:
        """Takes a question of order; returns how it is answered."""
        decide = decide_ready if isinstance(question, Ready) else decide_cancel
        self.now, telling = decide(self.now, question)  # type: ignore[arg-type]
        return telling

    def pick(self, *lines: PickLine) -> Done | Refusal:
        return self._do(commands.decide_pick(self.now, lines or None))

    def pack(self, *parcels: Quantities) -> Done | Refusal:
        self.number += 1
        boxes = [PackedParcel(parcel) for parcel in parcels] or None
        return self._do(commands.decide_pack(self.now, boxes, pack_id=nth_id(self.number)))

    def ship(self, tracking_number: str, quantities: Quantities | None = None) -> Done | Refusal:
        self.number += 1
        shipment_id = nth_id(self.number)
        return self._do(
            commands.decide_ship(
                self.now, "DHL", tracking_number, quantities, shipment_id=shipment_id, actor="ann", now=NOW
            )
        )

    def deliver(self, tracking_number: str) -> Done | Refusal:
        shipment = self.now.tracked("DHL", tracking_number)
        return self._do(commands.decide_deliver(self.now, shipment.shipment_id if shipment else ID, NOW))

    def _do(self, outcome: Done | Refusal) -> Done | Refusal:
        if isinstance(outcome, Done):
            self.now = outcome.fulfillment
        return outcome

    def line(self, product_id: str = "A") -> Line:
        return self.now.lines[product_id]


def heard(*questions: Ready | Cancel) -> Floor:
    """A floor that heard these questions."""
    floor = Floor()
    for question in questions:
        floor.hears(question)
    return floor
