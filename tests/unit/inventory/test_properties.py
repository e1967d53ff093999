"""Properties of inventory's decisions over random histories: nothing sold twice, nothing lost, nobody overtaken."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.inventory.domain.batches import decide_batch_question
from services.inventory.domain.claims import Asked, BatchQuestion, Claim, Need, OrderQuestion
from services.inventory.domain.facts import (
    Counted,
    Shipment,
    Short,
    ShortPick,
    decide_adjustment,
    decide_count,
    decide_shipments,
    decide_short_picks,
)
from services.inventory.domain.levels import Entry, Level, Reference
from services.inventory.domain.orders import decide_question
from services.inventory.domain.shelf import Shelf, Terms

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
ITEMS = ("X", "Y")
ORDERS = tuple(f"0{number}" for number in range(5))
BATCHES = ("b0", "b1")
BY = Reference("test", "t", "ann")
TERMS = Terms(hold_seconds=2, late_confirm_seconds=3, confirmed_seconds=6)

units = st.integers(1, 4)
items = st.sampled_from(ITEMS)
orders = st.sampled_from(ORDERS)
steps = st.one_of(
    st.tuples(st.just("ask"), orders, st.sampled_from(["created", "confirmation_requested"])),
    st.tuples(st.just("ask"), orders, st.just("created")),
    st.tuples(st.just("cancel"), orders, st.integers(0, 2), st.booleans()),
    st.tuples(st.just("ship"), orders, items, units),
    st.tuples(st.just("short"), orders, items, units, st.sampled_from(["missing", "damaged"])),
    st.tuples(st.just("arrive"), items, units),
    st.tuples(st.just("count"), items, st.integers(0, 8)),
    st.tuples(st.just("adjust"), items, st.integers(-3, 3).filter(bool)),
    st.tuples(st.just("tick"), st.integers(1, 3)),
    st.tuples(st.just("sweep"), st.integers(0, 3)),
    st.tuples(st.just("batch"), st.sampled_from(BATCHES), st.sampled_from(["planned", "start_requested", "cancelled"])),
    st.tuples(st.just("use"), st.sampled_from(BATCHES), st.sampled_from(["consumed", "failed"]), st.integers(0, 6)),
)
terms = st.fixed_dictionaries(
    {
        "policy": st.sampled_from(["reject", "backorder", "partial"]),
        "priority": st.integers(0, 2),
        "protected": st.booleans(),
        "lines": st.dictionaries(items, units, min_size=1),
    }
)


class House:
    """All of inventory in memory; a step is one transaction."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.now = START
        self.levels = {id: Level(id, "product", id, True, 1, 1, 6, 0, 0, 0, 0) for id in ITEMS}
        self.claims: dict[str, Claim] = {}
        self.versions = dict.fromkeys((*ORDERS, *BATCHES), 0)
        self.entries: list[Entry] = []
        self.last: Any = None

    def shelf(self) -> Shelf:
        return Shelf(self.now, TERMS, self.levels, self.claims)

    def play(self, step: tuple[Any, ...]) -> None:
        shelf = self.shelf()
        getattr(self, step[0])(shelf, *step[1:])
        self.entries += shelf.entries

    def question(self, order_id: str, type: str, shipped: int = 0, cancelled: int = 0, closed: bool = False) -> Any:
        self.versions[order_id] += 1
        told = self.asked[order_id]
        lines = tuple(Asked(id, n, min(n, shipped), min(n, cancelled)) for id, n in sorted(told["lines"].items()))
        accepted = START + timedelta(seconds=int(order_id))
        return OrderQuestion(
            order_id, self.versions[order_id], type, told["policy"], told["priority"], told["protected"],  # type: ignore[arg-type]
            False, closed, accepted, lines,
        )  # fmt: skip

    def ask(self, shelf: Shelf, order_id: str, type: str) -> None:
        self.last = self.question(order_id, f"order.{type}")
        decide_question(shelf, self.last)

    def cancel(self, shelf: Shelf, order_id: str, number: int, closed: bool) -> None:
        shipped, cancelled = (number, 0) if closed else (0, number)
        self.last = self.question(order_id, "order.cancelled", shipped, cancelled, closed)
        decide_question(shelf, self.last)

    def ship(self, shelf: Shelf, order_id: str, item_id: str, quantity: int) -> None:
        decide_shipments(shelf, [Shipment("s", order_id, ((item_id, quantity),), START)])

    def short(self, shelf: Shelf, order_id: str, item_id: str, quantity: int, reason: Any) -> None:
        decide_short_picks(shelf, [ShortPick("s", order_id, (Short(item_id, quantity, reason),))])

    def arrive(self, shelf: Shelf, item_id: str, quantity: int) -> None:
        shelf.arrive(item_id, "receipt", quantity, BY)

    def count(self, shelf: Shelf, item_id: str, counted: int) -> None:
        level = self.levels[item_id]
        decide_count(shelf, Counted("c", item_id, counted, level.current, level.held, "ann", "cycle"))
        assert (level.current, level.held) == (counted, 0)

    def adjust(self, shelf: Shelf, item_id: str, quantity: int) -> None:
        before = self.levels[item_id].current
        done = decide_adjustment(shelf, item_id, quantity, BY)
        assert self.levels[item_id].current == before + (quantity if done else 0)

    def tick(self, shelf: Shelf, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    def sweep(self, shelf: Shelf, seconds: int) -> None:
        """So many seconds later."""
        self.now = shelf.now = self.now + timedelta(seconds=seconds)
        for claim in list(self.claims.values()):
            if claim.lapsed(self.now):
                shelf.expire(claim)

    def batch(self, shelf: Shelf, batch_id: str, type: str, consumed: int | None = None) -> None:
        self.versions[batch_id] += 1
        needs = (Need("X", 3, consumed), Need("Y", 2, consumed))
        question = BatchQuestion(batch_id, self.versions[batch_id], f"batch.{type}", START, needs)  # type: ignore[arg-type]
        decide_batch_question(shelf, question)

    def use(self, shelf: Shelf, batch_id: str, type: str, consumed: int) -> None:
        self.batch(shelf, batch_id, type, consumed)

    def state(self) -> Any:
        levels = [(level.current, level.reserved, level.held, level.queued) for level in self.levels.values()]
        return levels, {id: [line.values for line in claim.lines.values()] for id, claim in self.claims.items()}

    def is_true(self) -> None:
        for item_id, level in self.levels.items():
            lines = [line for claim in self.claims.values() for line in claim.lines.values() if line.item_id == item_id]
            assert level.available >= 0 and level.held >= 0
            assert level.reserved == sum(line.held for line in lines)
            assert level.queued == sum(line.backordered for line in lines)
            self._queue_is_served(item_id, level)
            own = [entry for entry in self.entries if entry.item_id == item_id]
            assert [entry.version for entry in own] == list(range(1, len(own) + 1))
        for claim in self.claims.values():
            for line in claim.lines.values():
                assert line.want == line.held + line.backordered + line.deducted + line.cancelled
                assert min(line.held, line.backordered, line.deducted, line.cancelled, line.returned) >= 0
                assert claim.live or line.backordered == 0
                assert claim.live or line.held == 0 or line.kept

    def _queue_is_served(self, item_id: str, level: Level) -> None:
        for claim in self.claims.values():
            if item_id in claim.lines and claim.lines[item_id].backordered > 0:
                assert level.room_for(claim) == 0, "queue waits while stock is free"

    def replays(self) -> None:
        """The ledger, from nothing, gives the levels."""
        now = {id: [6, 0, 0] for id in ITEMS}
        for entry in self.entries:
            before = [entry.previous_current, entry.previous_reserved, entry.previous_held]
            assert now[entry.item_id] == before
            now[entry.item_id] = [entry.new_current, entry.new_reserved, entry.new_held]
            assert entry.new_reserved + entry.new_held <= entry.new_current
        assert now == {id: [level.current, level.reserved, level.held] for id, level in self.levels.items()}


histories = st.tuples(st.fixed_dictionaries(dict.fromkeys(ORDERS, terms)), st.lists(steps, max_size=40))


@given(histories)
@settings(max_examples=400, deadline=None)
def test_every_unit_is_in_one_place_and_the_ledger_says_so(history: Any) -> None:
    house = House(history[0])
    for step in history[1]:
        house.play(step)
        house.is_true()
    house.replays()


@given(histories, orders)
@settings(max_examples=100, deadline=None)
def test_the_same_question_again_and_an_older_one_have_no_effect(history: Any, order_id: str) -> None:
    house = House(history[0])
    for step in history[1]:
        house.play(step)
    older = house.question(order_id, "order.created")
    decide_question(house.shelf(), house.question(order_id, "order.confirmation_requested"))
    before, version = house.state(), house.versions[order_id]
    decide_question(house.shelf(), older)
    house.versions[order_id] = version - 1
    decide_question(house.shelf(), house.question(order_id, "order.confirmation_requested"))
    assert house.state() == before


@given(histories, items, units)
@settings(max_examples=200, deadline=None)
def test_what_arrives_goes_to_the_first_of_the_queue(history: Any, item_id: str, quantity: int) -> None:
    house = House(history[0])
    for step in history[1]:
        house.play(step)
    waited = {
        claim.key: claim.lines[item_id].backordered
        for claim in house.claims.values()
        if claim.live and item_id in claim.lines and not claim.protected
    }
    house.arrive(house.shelf(), item_id, quantity)
    got = {key: before - house.claims[key[2]].lines[item_id].backordered for key, before in waited.items()}
    still = [key for key, before in sorted(waited.items()) if got[key] < before]
    assert all(got[key] == 0 for key in sorted(got) if still and key > still[0])


@given(histories)
@settings(max_examples=200, deadline=None)
def test_a_closed_order_takes_no_hold_ever_again(history: Any) -> None:
    house = House(history[0])
    for order_id in ORDERS:
        house.play(("cancel", order_id, 0, True))
    for step in history[1]:
        house.play(step)
        assert all(line.held == 0 for id in ORDERS for line in house.claims[id].lines.values())


@given(histories)
@settings(max_examples=200, deadline=None)
def test_a_confirmed_hold_never_lapses(history: Any) -> None:
    house = House(history[0])
    for order_id in ORDERS:
        house.play(("ask", order_id, "confirmation_requested"))
    confirmed = [id for id, claim in house.claims.items() if claim.status == "confirmed"]
    for step in history[1]:
        if step[0] not in ("cancel",):
            house.play(step)
    assert all(house.claims[id].status == "confirmed" for id in confirmed)
