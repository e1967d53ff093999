"""One world of the model: four services, the network between them, the building, and the people who work in it."""

from dataclasses import dataclass
from random import Random
from typing import Literal
from uuid import UUID

from services.bottling.domain.commands import Cancel, Command, Complete, Consume, Fail, Inspect, Rejected, Start
from services.fulfillment.domain.commands import Done, PickLine
from services.inventory.domain.facts import Counted
from services.order.domain.order import Line, Order
from tests.model.building import MATERIALS, Building
from tests.model.network import Network, Place
from tests.model.services import (
    BottlingService,
    Clock,
    Defences,
    FulfillmentService,
    InventoryService,
    OrderService,
    Service,
)
from tests.model.violation import require

Wish = Literal["start", "inspect", "reject", "consume", "complete", "cancel", "fail"]


@dataclass(frozen=True)
class Terms:
    """What a customer orders, and how."""

    lines: tuple[tuple[str, int], ...]
    policy: str
    priority: int = 0
    confirm: bool = False
    protected: bool = False


class World:
    """Everything there is, and everything that somebody can do."""

    def __init__(self, defences: Defences) -> None:
        self.clock = Clock()
        self.network = Network()
        self.building = Building()
        self.order = OrderService(self.network, self.clock, defences)
        self.inventory = InventoryService(self.network, self.clock, defences)
        self.fulfillment = FulfillmentService(self.network, self.clock, defences)
        self.bottling = BottlingService(self.network, self.clock, defences)
        self.services: dict[str, Service] = {
            service.name: service for service in (self.order, self.inventory, self.fulfillment, self.bottling)
        }
        self.counts: dict[str, Counted] = {}
        self.seen: dict[str, int] = {}
        self.tracking = 0
        self.chance = Random(0)

    # the network delivers

    def deliver(self, places: list[Place], most: int) -> None:
        """The next records of some partitions reach their reader as one batch."""
        self._receive(places[0][0], [record for place in places for record in self.network.take(place, most)])

    def _receive(self, name: str, records: list) -> None:  # type: ignore[type-arg]
        self.services[name].receive(records)
        self._follow()

    def replay(self, number: int) -> None:
        """A dead letter runs through the same operation."""
        name, record = self.network.unpark(number)
        self._receive(name, [record])

    def flow(self, records: int = 5_000) -> None:
        """So many records are delivered, one by one, from any partition; without a number all that there are."""
        for _ in range(records):
            pending = self.network.pending()
            if not pending:
                return
            self.deliver([self.chance.choice(pending)], 1)
        require(records < 5_000, "the messages never end")

    def _follow(self) -> None:
        """People do what the screens say: put back what is not to be shipped, fetch what was issued."""
        for order_id, known in self.fulfillment.fulfillments.items():
            self.building.clear_bench(order_id, {id: line.picked for id, line in known.lines.items()})
        for id, batch in self.bottling.batches.items():
            if batch.status == "in_progress" and not any((str(id), item) in self.building.line for item in MATERIALS):
                for material in batch.materials:
                    self.building.use(str(id), material.material_id, material.issued or 0)

    # customers

    def place(self, terms: Terms) -> None:
        number = len(self.order.orders) + 1
        lines = tuple(Line(place, id, id, units) for place, (id, units) in enumerate(terms.lines, start=1))
        self.order.place(
            Order(
                order_id=str(UUID(int=(1 << 80) + number)),
                customer_id="anna",
                accepted_at=self.clock.now,
                lines=lines,
                priority=terms.priority,
                on_shortage=terms.policy,
                auto_confirm=terms.confirm,
                protect_safety_stock=terms.protected,
            )
        )

    def cancel(self, order_id: str, units: int | None) -> None:
        """The whole order, or so many units of its first line."""
        line = self.order.orders[order_id].lines[0]
        items = None if units is None else ((line.product_id, min(units, line.quantity)),)
        self.order.cancel(order_id, items)

    # the floor

    def pick(self, order_id: str, damaged: bool) -> None:
        """The picker takes what is really there, reports what is not, and drops a unit if `damaged`."""
        known = self.fulfillment.fulfillments[order_id]
        if known.closed:
            return
        for line in list(known.lines.values()):
            if line.left > 0:
                self._pick_line(order_id, line.product_id, line.left, damaged)

    def _pick_line(self, order_id: str, item_id: str, listed: int, damaged: bool) -> None:
        found = min(listed, self.building.shelf[item_id])
        dropped = 1 if damaged and found > 1 else 0
        missing = 0 if dropped else listed - found
        reason: Literal["damaged", "missing"] | None = "damaged" if dropped else "missing" if missing else None
        told = PickLine(item_id, found - dropped, dropped + missing, reason)
        self.building.scrap_from_shelf(item_id, dropped)
        self.building.pick(order_id, item_id, found - dropped)
        self._expect_done(self.fulfillment.pick(order_id, (told,)))

    def break_on_bench(self, order_id: str) -> None:
        """A picked unit breaks."""
        for line in self.fulfillment.fulfillments[order_id].lines.values():
            if line.picked:
                self.building.scrap_from_bench(order_id, line.product_id, 1)
                told = PickLine(line.product_id, 0, 1, "damaged")
                self._expect_done(self.fulfillment.pick(order_id, (told,)))
                return

    def _expect_done(self, outcome: object) -> None:
        require(isinstance(outcome, Done), f"a picker who does what is listed is refused: {outcome}")
        self._follow()

    def ship(self, order_id: str, part: bool) -> None:
        """A carrier takes all that is picked, or one unit of each product."""
        known = self.fulfillment.fulfillments[order_id]
        picked = {id: 1 if part else line.picked for id, line in known.lines.items() if line.picked}
        self.tracking += 1
        done = self.fulfillment.ship(order_id, picked if part else None, f"T{self.tracking}")
        if isinstance(done, Done) and done.shipment is not None:
            self.building.carry_off(order_id, done.shipment.contents)
            self._follow()

    def deliver_parcel(self, order_id: str) -> None:
        for shipment in self.fulfillment.fulfillments[order_id].shipments:
            if shipment.delivered_at is None:
                self.fulfillment.deliver(order_id, shipment.shipment_id)
                return

    # the store room

    def lose(self, item_id: str, units: int, seen: bool) -> None:
        """Units vanish; what is seen is booked, by a count where the books have promised the units."""
        units = min(units, self.building.shelf[item_id])
        if units == 0:
            return
        self.building.lose(item_id, units)
        if seen and self.inventory.adjust(item_id, -units):
            self.building.unseen[item_id] -= units
        elif seen and item_id not in self.counts:
            self.begin_count(item_id)
            self.end_count(item_id)

    def receive_goods(self, item_id: str, units: int) -> None:
        self.building.receive(item_id, units)
        self.inventory.receive_goods(item_id, units)

    def begin_count(self, item_id: str) -> None:
        """Somebody counts shelf and bench and notes what the books say; only when no fact of it is on its way."""
        if item_id in self.counts or not self.is_quiet(item_id):
            return
        level, here = self.inventory.levels[item_id], self.building.here(item_id)
        self.counts[item_id] = Counted(f"count of {item_id}", item_id, here, level.current, level.held, "ann", "")
        self.seen[item_id] = self.building.unseen[item_id]

    def end_count(self, item_id: str) -> None:
        counted = self.counts.pop(item_id, None)
        if counted is not None:
            self.inventory.count(counted)
            self.building.unseen[item_id] -= self.seen[item_id]

    def is_quiet(self, item_id: str) -> bool:
        """Whether inventory has heard of every unit that came, left, or was not found."""
        if item_id in MATERIALS:
            made = ("starting", "in_progress", "quality_check")
            batches = self.bottling.batches.values()
            return not self.bottling.questions and all(batch.status not in made for batch in batches)
        lines = self.inventory.of("order", item_id)
        floor = [known.lines[item_id] for known in self.fulfillment.fulfillments.values() if item_id in known.lines]
        return (
            sum(line.deducted for line in lines) == self.building.left_in_all(item_id)
            and sum(line.short for line in lines) == sum(line.short for line in floor)
            and self.inventory.completed[item_id] == self.building.made(item_id)
        )

    # bottling

    def plan_batch(self, product_id: str, units: int) -> None:
        """Not while a report of consumption is on its way: the books may promise what it took from the shelf."""
        if self._reports_under_way():
            return
        self.bottling.plan(UUID(int=(1 << 90) + len(self.bottling.batches) + 1), product_id, units)

    def work_on(self, id: UUID, wish: Wish, units: int) -> None:
        """Somebody tries a command; the building follows if it was accepted."""
        if not self.bottling.command(id, self._command(id, wish, units)):
            return
        batch = self.bottling.batches[id]
        if wish in ("consume", "fail"):
            for material in batch.materials:
                self.building.use(str(id), material.material_id, material.consumed or 0)
        if wish == "complete":
            self.building.make(str(id), batch.recipe.product_id, batch.quantity_good)
        self._follow()

    def _command(self, id: UUID, wish: Wish, units: int) -> Command:
        batch = self.bottling.batches[id]
        rest = max(1, batch.quantity_planned - batch.quantity_produced)
        match wish:
            case "start":
                return Start()
            case "inspect":
                return Inspect(rest, rest, ())
            case "reject":
                return Inspect(rest, rest - 1, (Rejected("cracked", 1),))
            case "consume":
                return Consume(self._consumed(id, units))
            case "complete":
                return Complete()
            case "cancel":
                return Cancel("not needed")
            case "fail":
                return Fail("spilled", self._consumed(id, units))

    def _consumed(self, id: UUID, units: int) -> dict[str, int]:
        """Never more than was fetched and what the shelf has, besides what is set aside for other batches."""
        line, shelf = self.building.line, self.building.shelf
        alone = not self._reports_under_way()
        spare = {item: max(0, shelf[item] - self._set_aside(id, item)) * alone for item in MATERIALS}
        return {item: min(units, line[str(id), item] + spare[item]) for item in MATERIALS}

    def _reports_under_way(self) -> bool:
        """What a batch brought back is not in the books yet; whoever takes it is told of before it was there."""
        return any(batch.materials_settled is None for batch in self.bottling.batches.values())

    def _set_aside(self, id: UUID, item_id: str) -> int:
        """Units that other batches need and have not fetched: they may be issued to them at any moment."""
        batches = (batch for other, batch in self.bottling.batches.items() if other != id)
        open = (batch for batch in batches if batch.status not in ("completed", "failed", "cancelled"))
        unfetched = (batch for batch in open if (str(batch.batch_id), item_id) not in self.building.line)
        return sum(one.required for batch in unfetched for one in batch.materials if one.material_id == item_id)

    # timers

    def ask_again(self) -> None:
        self.order.ask_again()
        self.bottling.ask_again()

    # the end of a history: no faults any more, people finish their work, time goes by

    def come_to_rest(self) -> None:
        """Everything is delivered and done, until nothing happens any more."""
        for _ in range(40):
            before = self.network.published
            self._heal()
            self._finish_work()
            self.flow()
            self.clock.tick(1_200)
            self.inventory.sweep()
            self.ask_again()
            self.flow()
            if self.network.published == before:
                return
        require(False, "the saga never comes to rest")

    def _heal(self) -> None:
        while self.network.lost:
            self.network.republish(0)
        while self.network.parked:
            self.replay(0)
        self.flow()

    def _finish_work(self) -> None:
        for order_id in list(self.fulfillment.fulfillments):
            self.pick(order_id, False)
            self.ship(order_id, False)
            self.deliver_parcel(order_id)
        steps: tuple[Wish, ...] = ("start", "inspect", "consume", "complete", "fail")
        for id in list(self.bottling.batches):
            for wish in steps:
                self._finish_step(id, wish)

    def _finish_step(self, id: UUID, wish: Wish) -> None:
        batch = self.bottling.batches[id]
        if (wish == "consume" and batch.asked == "consume") or (wish == "fail" and batch.quantity_good):
            return
        if wish == "inspect" and batch.quantity_produced == batch.quantity_planned:
            return
        if batch.status in ("ready", "in_progress", "quality_check"):
            self.work_on(id, wish, self.building.line[str(id), MATERIALS[0]])
            self.flow()

    def count_all(self) -> None:
        """A count of everything while nothing moves."""
        for item_id in list(self.inventory.levels):
            self.counts.pop(item_id, None)
            require(self.is_quiet(item_id), f"a fact about {item_id} never reached inventory")
            self.begin_count(item_id)
            self.end_count(item_id)
