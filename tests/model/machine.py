"""The state machine: what may happen at any moment, drawn by hypothesis, and the truths that hold all the time."""

import sys
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.model.building import MATERIALS, PRODUCTS
from tests.model.services import Defences
from tests.model.truths import check_always, check_at_rest, check_counted
from tests.model.world import Terms, Wish, World

ORDERS_MAX = 5
BATCHES_MAX = 3
WISHES: tuple[Wish, ...] = ("start", "inspect", "reject", "consume", "complete", "cancel", "fail")
SECONDS = (5, 60, 600, 901, 86_401, 8 * 86_400)
FAULTS = ("rewind", "park", "lose", "publish_twice")

which = st.integers(0, 11)
units = st.integers(1, 4)
products = st.sampled_from((PRODUCTS[0], *PRODUCTS))
items = st.sampled_from((PRODUCTS[0], *PRODUCTS, *MATERIALS))
terms = st.builds(
    Terms,
    lines=st.dictionaries(products, units, min_size=1).map(lambda lines: tuple(sorted(lines.items()))),
    policy=st.sampled_from(("reject", "backorder", "partial")),
    priority=st.sampled_from((0, 0, 9)),
    confirm=st.sampled_from((True, True, False)),
    protected=st.sampled_from((False, False, True)),
)


def has_orders(machine: "SagaMachine") -> bool:
    return bool(machine.world.order.orders)


def has_fulfillments(machine: "SagaMachine") -> bool:
    return bool(machine.world.fulfillment.fulfillments)


def has_batches(machine: "SagaMachine") -> bool:
    return bool(machine.world.bottling.batches)


def has_pending(machine: "SagaMachine") -> bool:
    return bool(machine.world.network.pending())


def has_read(machine: "SagaMachine") -> bool:
    return bool(machine.world.network.read)


class SagaMachine(RuleBasedStateMachine):
    """One history of a world; it ends with everything healed, finished, counted and true."""

    defences = Defences()

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.defences)

    def _one(self, found: Any, number: int) -> Any:
        """One of those that there are."""
        found = list(found)
        return found[number % len(found)]

    def _order(self, number: int) -> str:
        return str(self._one(self.world.order.orders, number))

    def _fulfillment(self, number: int) -> str:
        return str(self._one(self.world.fulfillment.fulfillments, number))

    # customers

    @precondition(lambda self: len(self.world.order.orders) < ORDERS_MAX)
    @rule(terms=terms)
    def place(self, terms: Terms) -> None:
        self.world.place(terms)

    @precondition(has_orders)
    @rule(number=which)
    def confirm(self, number: int) -> None:
        self.world.order.confirm(self._order(number))

    @precondition(has_orders)
    @rule(number=which, units=st.sampled_from((None, 1, 2)))
    def cancel(self, number: int, units: int | None) -> None:
        self.world.cancel(self._order(number), units)

    # the network

    @precondition(has_pending)
    @rule(number=which)
    def deliver(self, number: int) -> None:
        self.world.deliver([self._one(self.world.network.pending(), number)], 1)

    @precondition(has_pending)
    @rule(number=which, most=st.integers(1, 3))
    def deliver_batch(self, number: int, most: int) -> None:
        service = self._one(self.world.network.pending(), number)[0]
        places = self.world.network.pending(service)
        self.world.deliver(places[number % len(places) :], most)

    @precondition(has_pending)
    @rule(seed=which, records=st.integers(2, 12))
    def deliver_some(self, seed: int, records: int) -> None:
        self.world.chance.seed(seed)
        self.world.flow(records)

    @precondition(has_pending)
    @rule(seed=which)
    def deliver_all(self, seed: int) -> None:
        self.world.chance.seed(seed)
        self.world.flow()

    @precondition(has_read)
    @rule(number=which, fault=st.sampled_from(FAULTS))
    def fail(self, number: int, fault: str) -> None:
        network = self.world.network
        if fault in ("rewind", "publish_twice"):
            getattr(network, fault)(self._one(network.read, number))
        elif network.pending():
            getattr(network, fault)(self._one(network.pending(), number))

    @precondition(lambda self: bool(self.world.network.parked or self.world.network.lost))
    @rule(number=which)
    def heal(self, number: int) -> None:
        if self.world.network.parked:
            self.world.replay(number)
        else:
            self.world.network.republish(number)

    # time

    @rule(seconds=st.sampled_from(SECONDS))
    def tick(self, seconds: int) -> None:
        self.world.clock.tick(seconds)

    @precondition(has_read)
    @rule(sweeps=st.booleans(), asks=st.booleans())
    def run_timers(self, sweeps: bool, asks: bool) -> None:
        if sweeps:
            self.world.inventory.sweep()
        if asks:
            self.world.ask_again()

    # the floor

    @precondition(has_fulfillments)
    @rule(number=which, damaged=st.sampled_from((False, False, True)))
    def pick(self, number: int, damaged: bool) -> None:
        self.world.pick(self._fulfillment(number), damaged)

    @precondition(has_fulfillments)
    @rule(number=which, breaks=st.booleans())
    def pack(self, number: int, breaks: bool) -> None:
        self.world.fulfillment.pack(self._fulfillment(number))
        if breaks:
            self.world.break_on_bench(self._fulfillment(number))

    @precondition(has_fulfillments)
    @rule(number=which, part=st.booleans())
    def ship(self, number: int, part: bool) -> None:
        self.world.ship(self._fulfillment(number), part)

    @precondition(has_fulfillments)
    @rule(number=which)
    def deliver_parcel(self, number: int) -> None:
        self.world.deliver_parcel(self._fulfillment(number))

    # the store room

    @rule(item=items, units=units, seen=st.sampled_from((True, True, False)))
    def lose_units(self, item: str, units: int, seen: bool) -> None:
        self.world.lose(item, units, seen)

    @rule(item=items, units=st.integers(1, 2))
    def receive_goods(self, item: str, units: int) -> None:
        self.world.receive_goods(item, units)

    @rule(item=items, at_once=st.booleans())
    def count(self, item: str, at_once: bool) -> None:
        self.world.begin_count(item)
        if at_once:
            self.world.end_count(item)

    @precondition(lambda self: bool(self.world.counts))
    @rule(number=which)
    def end_count(self, number: int) -> None:
        self.world.end_count(self._one(self.world.counts, number))

    # bottling

    @precondition(lambda self: len(self.world.bottling.batches) < BATCHES_MAX)
    @rule(product=products, units=units)
    def plan_batch(self, product: str, units: int) -> None:
        self.world.plan_batch(product, units)

    @precondition(has_batches)
    @rule(number=which, wish=st.sampled_from(WISHES), units=st.integers(0, 5))
    def work_on_batch(self, number: int, wish: Wish, units: int) -> None:
        self.world.work_on(self._one(self.world.bottling.batches, number), wish, units)

    # what is always true, and what is true in the end

    @invariant()
    def always(self) -> None:
        check_always(self.world)

    def teardown(self) -> None:
        if sys.exc_info()[0] is not None:
            return
        self.world.come_to_rest()
        check_always(self.world)
        check_at_rest(self.world)
        self.world.count_all()
        self.world.come_to_rest()
        check_always(self.world)
        check_at_rest(self.world)
        check_counted(self.world)
