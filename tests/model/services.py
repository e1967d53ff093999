"""The four services in memory: their own values as state, their own decisions, each call one transaction."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from pydantic import BaseModel

from services.bottling.domain.answers import newest as newest_snapshots
from services.bottling.domain.batch import QUESTIONS, Batch, plan
from services.bottling.domain.commands import Command
from services.bottling.domain.questions import next_attempt_at
from services.bottling.domain.recipe import Ingredient, Recipe, RecipeVersion
from services.bottling.operations import batches as bottling_operations
from services.bottling.operations.telling import Telling
from services.bottling.operations.telling import payload_of as batch_payload
from services.fulfillment import handlers as fulfillment_handlers
from services.fulfillment import operations as fulfillment_operations
from services.fulfillment.domain import commands as floor
from services.fulfillment.domain.state import Fulfillment, Quantities
from services.inventory.domain.batches import decide_batch_questions
from services.inventory.domain.claims import Claim, newest, newest_of_batches
from services.inventory.domain.facts import (
    Counted,
    Shipment,
    ShortPick,
    decide_adjustment,
    decide_count,
    decide_shipments,
    decide_short_picks,
)
from services.inventory.domain.levels import Level, Reference
from services.inventory.domain.orders import decide_questions
from services.inventory.domain.shelf import Shelf, Terms
from services.inventory.handlers import read_work
from services.inventory.operations.events import Work as InventoryWork
from services.inventory.operations.telling import tell as tell_claims
from services.order import handlers as order_handlers
from services.order import saga
from services.order.domain.commands import errors_of_cancel
from services.order.domain.order import Order, Policy
from services.order.operations import hearing, telling
from services.order.operations.hearing import Heard
from services.order.operations.payloads import Context, payload_of
from shared.runtime.transaction import Transaction
from tests.model.building import MATERIALS, OPENING, PRODUCTS
from tests.model.network import Network, Record
from tests.model.violation import require

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
TERMS = Terms()
POLICY = Policy()
BY = Reference("test", "t", "ann")
SAFETY_STOCK = {"cedar": 1}


@dataclass(frozen=True)
class Defences:
    """What keeps the saga true and is not a rule of one decision; a test switches one off to see the model go red."""

    newest_snapshot_wins: bool = True
    facts_never_refused: bool = True
    short_picks_held_for_count: bool = True
    inbox: bool = True


@dataclass
class Clock:
    """Postgres' clock, of which all services have the same."""

    now: datetime = START

    def tick(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)


class Books:
    """A transaction without a database: it publishes, and knows of items no more than the levels say."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def publish(
        self, payload: BaseModel, *, version: int, correlation_id: str | None = None, cause: UUID | None = None
    ) -> UUID:
        return self._network.publish(payload, version, cause)

    async def fetch(self, query: str, *values: Any) -> list[Any]:
        return []


@dataclass
class Question:
    """A question without an answer."""

    payload: BaseModel
    version: int
    next_attempt_at: datetime
    attempts: int = 0


class Service(ABC):
    """What every service has: a clock, an inbox, and a way to publish."""

    name = ""

    def __init__(self, network: Network, clock: Clock, defences: Defences) -> None:
        self.network = network
        self.clock = clock
        self.defences = defences
        self.tx = cast(Transaction, Books(network))
        self.inbox: set[UUID] = set()

    def receive(self, events: Sequence[Record]) -> None:
        """One batch of records: each event once by its id, then one transaction."""
        fresh = list(events)
        if self.defences.inbox:
            fresh = [event for event in {event.id: event for event in events}.values() if event.id not in self.inbox]
            self.inbox |= {event.id for event in fresh}
        if fresh:
            self.handle(fresh)

    @abstractmethod
    def handle(self, events: Sequence[Record]) -> None:
        """What the events bring, in one transaction."""


class OrderService(Service):
    """Orders and the questions that nobody has answered yet."""

    name = "order"

    def __init__(self, network: Network, clock: Clock, defences: Defences) -> None:
        super().__init__(network, clock, defences)
        self.orders: dict[str, Order] = {}
        self.questions: dict[tuple[str, str], Question] = {}
        self._heard = 0

    def place(self, draft: Order) -> None:
        self._save(telling.Change(None, saga.accept(draft)))

    def confirm(self, order_id: str) -> saga.Commanded:
        return self._command(order_id, saga.confirm(self.orders[order_id], self.clock.now, POLICY))

    def cancel(self, order_id: str, items: tuple[tuple[str, int], ...] | None) -> saga.Commanded:
        order = self.orders[order_id]
        require(not errors_of_cancel(order, items or ()), "the model asks for a cancel that nobody may ask for")
        return self._command(order_id, saga.cancel(order, saga.CancelWish("changed my mind", "ann", items)))

    def _command(self, order_id: str, commanded: saga.Commanded) -> saga.Commanded:
        self._save(telling.Change(self.orders[order_id], commanded.decision))
        return commanded

    def handle(self, events: Sequence[Record]) -> None:
        stock = [order_handlers._of_stock(event) for event in events if event.type in order_handlers.STOCK]  # type: ignore[arg-type]
        floor = [order_handlers._of_fulfillment(event) for event in events if event.type in order_handlers.FULFILLMENT]  # type: ignore[arg-type]
        self._hear(stock)
        self._hear(floor)

    def _hear(self, heard: Sequence[Heard]) -> None:
        groups: dict[str, list[Heard]] = {}
        for one in heard:
            groups.setdefault(one.order_id, []).append(self._as_arrived(one))
        for order_id, group in sorted(groups.items()):
            if order_id in self.orders:
                self._save(hearing._changed(self.orders[order_id], group))

    def _as_arrived(self, heard: Heard) -> Heard:
        """Switched off, the last to arrive counts as the newest."""
        if self.defences.newest_snapshot_wins:
            return heard
        self._heard += 1
        return replace(heard, answer=replace(heard.answer, version=1_000 + self._heard))

    def _save(self, change: telling.Change) -> None:
        """As `save_and_tell`: the order, what is said, what was answered, what is asked."""
        counted = telling.estimated(change, self.clock.now, POLICY)
        order, context = counted.order, Context(self.clock.now, POLICY)
        self._keep_its_end(counted)
        self.orders[order.order_id] = order
        for pair in telling._answered(counted):
            self.questions.pop(pair, None)
        for said in counted.decision.said:
            payload = payload_of(said.event, order, context)
            self.network.publish(payload, said.version, counted.cause)
            if telling._is_open(order, said):
                due = self.clock.now + timedelta(seconds=saga.seconds_to_next(0))
                self.questions[order.order_id, saga.STEP_OF[said.event].neighbour] = Question(
                    payload, said.version, due
                )

    def _keep_its_end(self, change: telling.Change) -> None:
        before, after = change.before, change.order
        if before is not None and before.has_ended:
            require(before.status == after.status, f"an order that is {before.status} became {after.status}")

    def ask_again(self) -> None:
        for question in self.questions.values():
            if question.next_attempt_at <= self.clock.now:
                self.network.publish(_read_back(question.payload), question.version)
                question.attempts += 1
                wait = timedelta(seconds=saga.seconds_to_next(question.attempts))
                question.next_attempt_at = self.clock.now + wait


def _read_back(payload: BaseModel) -> BaseModel:
    """The payload as it is kept: written as JSON and read again."""
    return type(payload).model_validate_json(payload.model_dump_json())


class InventoryService(Service):
    """Levels, claims and the natural keys of facts."""

    name = "inventory"

    def __init__(self, network: Network, clock: Clock, defences: Defences) -> None:
        super().__init__(network, clock, defences)
        self.levels = {
            **{id: _level(id, "product") for id in PRODUCTS},
            **{id: _level(id, "material") for id in MATERIALS},
        }
        self.claims: dict[str, Claim] = {}
        self.facts: set[str] = set()
        self.completed: Counter[str] = Counter()
        self.entries: Counter[tuple[str, str]] = Counter()

    def _shelf(self) -> Shelf:
        return Shelf(self.clock.now, TERMS, self.levels, self.claims)

    def _save(self, shelf: Shelf) -> None:
        for entry in shelf.entries:
            self.entries[entry.type, entry.item_id] += entry.quantity
        _run(tell_claims(self.tx, POLICY.currency, shelf))

    def handle(self, events: Sequence[Record]) -> None:
        """As `take_in`: facts that were never heard of, then the newest question of each batch and order."""
        work = read_work(events)
        self._first_heard(work)
        shelf = self._shelf()
        for fact in work.completions:
            shelf.cause = fact.cause
            shelf.arrive(fact.item_id, "batch_output", fact.quantity, Reference("batch", fact.batch_id, "bottling"))
            self.completed[fact.item_id] += fact.quantity
        decide_shipments(shelf, [self._as_allowed(fact) for fact in work.shipments])
        decide_short_picks(shelf, [self._as_reported(pick) for pick in work.short_picks])
        decide_batch_questions(shelf, newest_of_batches(work.batch_questions))
        decide_questions(shelf, newest(work.order_questions))
        self._save(shelf)

    def _first_heard(self, work: InventoryWork) -> None:
        work.shipments = [fact for fact in work.shipments if self._is_news(fact.shipment_id)]
        work.short_picks = [pick for pick in work.short_picks if self._is_news(pick.short_pick_id)]
        work.completions = [fact for fact in work.completions if self._is_news(fact.batch_id)]

    def _is_news(self, key: str) -> bool:
        if key in self.facts and self.defences.inbox:
            return False
        self.facts.add(key)
        return True

    def _as_allowed(self, fact: Shipment) -> Shipment:
        """Switched off, what the order does not hold is refused."""
        if self.defences.facts_never_refused:
            return fact
        claim = self.claims.get(fact.order_id)
        held = {line.item_id: line.held for line in claim.lines.values()} if claim else {}
        return replace(fact, quantities=tuple((id, min(n, held.get(id, 0))) for id, n in fact.quantities))

    def _as_reported(self, pick: ShortPick) -> ShortPick:
        """Switched off, what was not found counts as gone."""
        if self.defences.short_picks_held_for_count:
            return pick
        return replace(pick, shorts=tuple(replace(short, reason="damaged") for short in pick.shorts))

    # staff and timers

    def receive_goods(self, item_id: str, units: int) -> None:
        shelf = self._shelf()
        shelf.arrive(item_id, "receipt", units, BY)
        self._save(shelf)

    def adjust(self, item_id: str, units: int) -> bool:
        shelf = self._shelf()
        done = decide_adjustment(shelf, item_id, units, BY)
        self._save(shelf)
        return done

    def count(self, counted: Counted) -> None:
        shelf = self._shelf()
        decide_count(shelf, counted)
        self._save(shelf)

    def sweep(self) -> None:
        shelf = self._shelf()
        for claim in list(self.claims.values()):
            if claim.lapsed(shelf.now):
                shelf.expire(claim)
        self._save(shelf)

    def of(self, kind: str, item_id: str) -> list[Any]:
        """The lines of an item in the claims of orders, or of batches."""
        claims = (claim for claim in self.claims.values() if claim.kind == kind)
        return [claim.lines[item_id] for claim in claims if item_id in claim.lines]


def _level(item_id: str, kind: Any) -> Level:
    least = SAFETY_STOCK.get(item_id, 0)
    return Level(item_id, kind, item_id, True, least, least, OPENING, 0, 0, 0, 0)


def _run(work: Any) -> None:
    """Runs a coroutine that waits for nobody."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("an operation of the model waited for something")


class FulfillmentService(Service):
    """Fulfillments by order."""

    name = "fulfillment"

    def __init__(self, network: Network, clock: Clock, defences: Defences) -> None:
        super().__init__(network, clock, defences)
        self.fulfillments: dict[str, Fulfillment] = {}
        self.ids = 0

    def new_id(self) -> UUID:
        self.ids += 1
        return UUID(int=(1 << 64) + self.ids)

    def handle(self, events: Sequence[Record]) -> None:
        asked = [fulfillment_handlers._asked(event) for event in events]
        for one in asked:
            if one.order_id not in self.fulfillments:
                self.fulfillments[one.order_id] = Fulfillment(one.order_id, self.new_id())
        work = self._work(one.order_id for one in asked)
        for one in asked:
            fulfillment_operations._answer(work, one)
        self.fulfillments.update(work.after)

    def _work(self, order_ids: Iterable[str]) -> fulfillment_operations.Work:
        known = [self.fulfillments[order_id] for order_id in dict.fromkeys(order_ids)]
        return fulfillment_operations.Work(self.tx, known, self.clock.now)

    def _decide(self, order_id: str, request: Any, decide: Any, tell: Any = None) -> fulfillment_operations.Outcome:
        work = self._work([order_id])
        outcome = fulfillment_operations._decided(work, [request], lambda _: order_id, decide, tell)
        self.fulfillments.update(work.after)
        return outcome[0]

    def pick(self, order_id: str, lines: tuple[floor.PickLine, ...]) -> fulfillment_operations.Outcome:
        request = fulfillment_operations.Pick(UUID(int=0), self.new_id(), lines, "ann")
        tell = fulfillment_operations._tell_short_pick
        return self._decide(order_id, request, lambda known, asked: floor.decide_pick(known, asked.lines), tell)

    def pack(self, order_id: str) -> fulfillment_operations.Outcome:
        request = self.new_id()
        return self._decide(order_id, request, lambda known, id: floor.decide_pack(known, None, pack_id=id))

    def ship(self, order_id: str, quantities: Quantities | None, number: str) -> fulfillment_operations.Outcome:
        def decide(known: Fulfillment, id: UUID) -> floor.Done | floor.Refusal:
            now = self.clock.now
            return floor.decide_ship(known, "post", number, quantities, shipment_id=id, actor="ann", now=now)

        return self._decide(order_id, self.new_id(), decide, fulfillment_operations._tell_shipped)

    def deliver(self, order_id: str, shipment_id: UUID) -> fulfillment_operations.Outcome:
        def decide(known: Fulfillment, id: UUID) -> floor.Done | floor.Refusal:
            return floor.decide_deliver(known, id, self.clock.now)

        return self._decide(order_id, shipment_id, decide, fulfillment_operations._tell_delivered)


class BottlingService(Service):
    """Batches and the questions that inventory has not answered yet."""

    name = "bottling"

    def __init__(self, network: Network, clock: Clock, defences: Defences) -> None:
        super().__init__(network, clock, defences)
        self.batches: dict[UUID, Batch] = {}
        self.questions: dict[UUID, Question] = {}

    def plan(self, batch_id: UUID, product_id: str, units: int) -> None:
        batch = plan(batch_id, _recipe(product_id), units, {}, self.clock.now)
        self._save([batch], [Telling(batch, "batch.planned")])

    def command(self, batch_id: UUID, command: Command) -> bool:
        """Whether it was accepted."""
        work = bottling_operations._Work({batch_id: self.batches[batch_id]}, self.clock.now)
        refusal = work.carry_out(bottling_operations.BatchCommand(batch_id, command, "ann", UUID(int=0)))
        self._save(work.changed(), work.tellings)
        return refusal is None

    def handle(self, events: Sequence[Record]) -> None:
        snapshots = newest_snapshots([bottling_operations.snapshot_of(event) for event in events])
        known = {id: self.batches[id] for text in sorted(snapshots) if (id := UUID(text)) in self.batches}
        work = bottling_operations._Work(known, self.clock.now)
        for id in known:
            work.hear(snapshots[str(id)], UUID(int=0))
        self._save(work.changed(), work.tellings)

    def _save(self, batches: Sequence[Batch], tellings: Sequence[Telling]) -> None:
        """As `save_and_tell`: the batches, what is told, what is asked, what was answered."""
        self.batches.update({batch.batch_id: batch for batch in batches})
        for told in tellings:
            payload = batch_payload(told.batch, told.told, self.clock.now)
            self.network.publish(payload, told.batch.version, told.cause)
            if told.told in QUESTIONS:
                due = next_attempt_at(self.clock.now, 0)
                self.questions[told.batch.batch_id] = Question(payload, told.batch.version, due)
        for batch in batches:
            if batch.answered:
                self.questions.pop(batch.batch_id, None)

    def ask_again(self) -> None:
        for question in self.questions.values():
            if question.next_attempt_at <= self.clock.now:
                self.network.publish(_read_back(question.payload), question.version)
                question.attempts += 1
                question.next_attempt_at = next_attempt_at(self.clock.now, question.attempts)


def _recipe(product_id: str) -> RecipeVersion:
    part = Ingredient("flask", Decimal(1), Decimal(0))
    recipe = Recipe(product_id, (part,), Decimal(1), Decimal(1), POLICY.currency, 60, None, "off", None)
    return RecipeVersion(product_id, 1, recipe, START)
