"""Histories for one inventory: steps that are drawn, played on Postgres and on the oracle alike, then compared."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from shared.contracts.envelope import Event
from shared.runtime.clock import new_id
from tests.component.inventory.oracle import LAPSED, LATE, Item, Oracle
from tests.component.inventory.warehouse import START, Warehouse, new

Step = tuple[Any, ...]
KINDS = {"P": "product", "Q": "product", "G": "material"}
MINIMA = {"P": 2, "Q": 0, "G": 0}
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
AFTER_EVERY_COUNT = datetime(2099, 1, 1, tzinfo=UTC)

units = st.integers(1, 4)
items = st.sampled_from("PPPQ")
everything = st.sampled_from("PPPQG")
orders = st.integers(0, 3)
batches = st.integers(0, 1)
questions = st.one_of(
    st.tuples(st.sampled_from(["created", "confirm"]), orders),
    st.tuples(st.just("created"), orders),
    st.tuples(st.just("drop"), orders, units),
    st.tuples(st.just("close"), orders, st.integers(0, 2)),
    st.tuples(st.just("again"), orders),
    st.tuples(st.sampled_from(["planned", "start_requested", "consumed", "failed", "cancelled"]), batches, units),
)
facts = st.one_of(
    st.tuples(st.just("ship"), orders, items, units, st.sampled_from([AFTER_EVERY_COUNT, AFTER_EVERY_COUNT, LONG_AGO])),
    st.tuples(st.just("short"), orders, items, units, st.sampled_from(["missing", "damaged"])),
    st.tuples(st.just("completed"), batches, units),
)
news = st.tuples(st.just("hear"), st.lists(st.one_of(questions, questions, facts), min_size=1, max_size=4))
staff = st.one_of(
    st.tuples(st.just("receive"), everything, units),
    st.tuples(st.just("adjust"), everything, st.integers(-3, 3).filter(bool)),
    st.tuples(st.just("look"), everything),
    st.tuples(st.just("count"), everything, st.integers(-4, 2)),
)
time = st.one_of(
    st.tuples(st.just("sweep")),
    st.tuples(st.just("lapse"), orders, st.sampled_from([LAPSED, LAPSED, LATE])),
)
steps = st.one_of(news, news, news, staff, staff, time)
wishes = st.fixed_dictionaries(
    {
        "on_shortage": st.sampled_from(["reject", "backorder", "partial", "backorder"]),
        "priority": st.sampled_from([0, 0, 9]),
        "protect_safety_stock": st.sampled_from([False, False, True]),
        "confirm": st.booleans(),
        "lines": st.dictionaries(items, units, min_size=1).map(lambda lines: tuple(sorted(lines.items()))),
    }
)
openings = st.fixed_dictionaries({"P": st.integers(0, 6), "Q": st.integers(0, 4), "G": st.integers(0, 5)})

READ_LEVELS = "SELECT item_id, current, held, reserved, queued FROM stock WHERE item_id = ANY($1::text[])"
READ_CLAIMS = """
SELECT claims.id::text, claims.status, extract(epoch FROM claims.expires_at - clock_timestamp())::float AS seconds
FROM claims
WHERE claims.id = ANY($1::uuid[])
"""
READ_LINES = """
SELECT claim_id::text, item_id, want, held, backordered, deducted, cancelled, short, returned
FROM reservations
WHERE claim_id = ANY($1::uuid[])
"""
READ_BOOK = """
SELECT type, item_id, sum(quantity)::int AS units
FROM ledger
WHERE item_id = ANY($1::text[])
GROUP BY type, item_id
"""
READ_ENDS = """
SELECT lines.claim_id::text, lines.item_id
FROM reservations AS lines
WHERE lines.claim_id = ANY($1::uuid[])
  AND (lines.held, lines.deducted, lines.returned) <> (
      SELECT coalesce(sum(new_reserved - previous_reserved), 0),
             coalesce(-sum(quantity) FILTER (WHERE type IN ('sale', 'material_issue')), 0),
             coalesce(sum(quantity) FILTER (WHERE type = 'material_return'), 0)
      FROM ledger
      WHERE ledger.reference_id = lines.claim_id::text AND ledger.item_id = lines.item_id)
"""
READ_TOLD = """
SELECT DISTINCT ON (aggregateid) aggregateid, payload
FROM outbox
WHERE aggregateid = ANY($1::text[]) AND type LIKE 'stock.%' AND type <> 'stock.level_changed'
ORDER BY aggregateid, version DESC
"""
READ_UNTRUE = """
SELECT stock.item_id
FROM stock
CROSS JOIN LATERAL (
    SELECT coalesce(sum(held), 0) AS held, coalesce(sum(backordered), 0) AS queued
    FROM reservations
    WHERE reservations.item_id = stock.item_id
) AS lines
CROSS JOIN LATERAL (
    SELECT coalesce(sum(new_current - previous_current), 0) AS current,
           coalesce(sum(new_held - previous_held), 0) AS held
    FROM ledger
    WHERE ledger.item_id = stock.item_id
) AS book
WHERE stock.item_id = ANY($1::text[])
  AND (stock.reserved, stock.queued, stock.current, stock.held)
      <> (lines.held, lines.queued, book.current, book.held)
"""
LAPSE = "UPDATE claims SET expires_at = clock_timestamp() - $2::interval WHERE id = $1 AND status = 'active'"


@dataclass
class Act:
    """One thing that happens, on Postgres and on an oracle; played on both any number of times."""

    step: Step
    really: Callable[[Warehouse], Awaitable[Any]]
    ideally: Callable[[Oracle], Any]


@dataclass
class History:
    """One warehouse with items and orders of its own, on a database that others may use too."""

    warehouse: Warehouse
    wishes: Sequence[dict[str, Any]]
    oracle: Oracle = field(default_factory=Oracle)
    moments: int = 0

    def __post_init__(self) -> None:
        self.ids = {name: f"{name}-{new()}" for name in KINDS}
        self.orders = [new() for _ in self.wishes]
        self.batches = [new(), new()]
        self.versions: dict[str, int] = {}
        self.given_up: dict[tuple[str, str], int] = {}
        self.said: dict[str, Event[Any]] = {}
        self.seen: dict[str, tuple[int, int, int, int]] = {}

    async def open(self, opening: dict[str, int]) -> None:
        for name, kind in KINDS.items():
            await self.warehouse.item(self.ids[name], opening[name], kind=kind, minimum=MINIMA[name])
            self.oracle.items[self.ids[name]] = Item(MINIMA[name])
            if opening[name]:
                self.oracle.receive(self.ids[name], opening[name])
            await self._look(name)

    async def play(self, step: Step) -> None:
        """One step on both sides; what each says of itself must be the same."""
        act = await self.act(step)
        said, meant = await act.really(self.warehouse), act.ideally(self.oracle)
        await self.warehouse.go_on()  # gives on what a parcel gave back that had left before a count
        assert step[0] != "adjust" or (type(said).__name__ == "Movement") == meant, (step, said)
        assert await self.facts() == self.truth(self.oracle), step

    async def act(self, step: Step) -> Act:
        """What a drawn step is in this history; ids and versions are given out once."""
        match step:
            case "hear", said:
                events = [self._event(*one) for one in said]
                return Act(step, lambda house: house.hear(*events), lambda oracle: oracle.hear(events))
            case "receive", name, quantity:
                id = self.ids[name]
                return Act(step, lambda house: house.receive(id, quantity), lambda oracle: oracle.receive(id, quantity))
            case "adjust", name, quantity:
                id = self.ids[name]
                return Act(step, lambda house: house.adjust(id, quantity), lambda oracle: oracle.adjust(id, quantity))
            case "count", name, variance:
                return await self._count(name, variance)
            case "look", name:
                await self._look(name)
                return Act(step, lambda house: house.go_on(), lambda oracle: None)
            case "lapse", number, when:
                return self._lapse(self.orders[number % len(self.orders)], when)
            case _:
                return Act(step, lambda house: house.sweep(), lambda oracle: oracle.sweep())

    async def _look(self, name: str) -> None:
        """Somebody reads the level, and counts by it later."""
        level = await self.warehouse.level(self.ids[name])
        known = self.oracle.items[self.ids[name]]
        self.seen[name] = (level["version"], level["current"], known.missed, len(known.counts))

    async def _count(self, name: str, variance: int) -> Act:
        version, current, missed, counts = self.seen[name]
        id, counted = self.ids[name], max(0, current + variance)

        def ideally(oracle: Oracle) -> None:
            oracle.count(id, counted, current + sum(oracle.items[id].counts[counts:]), missed)

        return Act(("count", name, variance), lambda house: house.count(id, counted, version), ideally)

    def _lapse(self, order_id: str, when: int) -> Act:
        """The order's time is over by a second or more than a day; the database's clock is what tells."""
        self.moments += 1
        expiry, back = (when, self.moments), timedelta(hours=1 if when == LAPSED else 30, seconds=-self.moments)

        async def really(house: Warehouse) -> None:
            async with house.database.transaction() as tx:
                await tx.execute(LAPSE, UUID(order_id), back)

        def ideally(oracle: Oracle) -> None:
            claim = oracle.claims.get(order_id)
            if claim is not None and claim.status == "active":
                claim.expiry = expiry

        return Act(("lapse", order_id, when), really, ideally)

    # events

    def _event(self, kind: str, number: int, *rest: Any) -> Event[Any]:
        house, order_id = self.warehouse, self.orders[number % len(self.orders)]
        batch_id = self.batches[number % len(self.batches)]
        match kind, *rest:
            case "ship", item, quantity, at:
                return house.shipped(order_id, (self.ids[item], quantity), at=at)
            case "short", item, quantity, reason:
                return house.short(order_id, self.ids[item], quantity, reason)
            case "completed", _:
                return self._batch("batch.completed", batch_id, None, 2 + number)
            case "created" | "confirm" | "drop" | "close" | "again", *number_of:
                return self._question(kind, order_id, *number_of)
            case _:
                return self._batch(f"batch.{kind}", batch_id, rest[0], 0)

    def _batch(self, type: str, batch_id: str, used: int | None, good: int) -> Event[Any]:
        """A batch needs 3 of the material and 1 of a product, as a box of samples does."""
        version = self.versions[batch_id] = self.versions.get(batch_id, 0) + 1
        consumed = used if type in ("batch.consumed", "batch.failed") else None
        needs = ((self.ids["G"], 3, consumed), (self.ids["P"], 1, None))
        return self.warehouse.batch(type, batch_id, *needs, version=version, product=self.ids["Q"], good=good)

    def _question(self, kind: str, order_id: str, units: int = 0) -> Event[Any]:
        wish = self.wishes[self.orders.index(order_id)]
        if kind == "again" and order_id in self.said:
            return self._again(self.said[order_id])
        lines = []
        for name, quantity in wish["lines"]:
            known = self.given_up.get((order_id, name), 0)
            cancelled = self.given_up[order_id, name] = max(known, min(units, quantity)) if kind == "drop" else known
            lines.append((self.ids[name], quantity, min(units, quantity) if kind == "close" else 0, cancelled))
        version = self.versions[order_id] = self.versions.get(order_id, 0) + 1
        type = {"confirm": "order.confirmation_requested", "drop": "order.cancelled", "close": "order.cancelled"}
        closed = {"closed": kind == "close"} if kind in ("drop", "close") else {}
        terms = {name: value for name, value in wish.items() if name != "lines"}
        accepted = START + timedelta(seconds=self.orders.index(order_id))
        self.said[order_id] = self.warehouse.ask(
            type.get(kind, "order.created"), order_id, *lines, version=version, accepted_at=accepted, **terms, **closed
        )
        return self.said[order_id]

    def _again(self, question: Event[Any]) -> Event[Any]:
        """The same question under an id of its own, as it is asked when no answer came."""
        return Event(new_id(), question.type, question.source, question.subject, question.version, question.data)

    # comparing

    async def facts(self) -> dict[str, Any]:
        """What Postgres says, of this history alone."""
        ids, claims = list(self.ids.values()), [*self.orders, *self.batches]
        async with self.warehouse.database.reading() as connection:
            levels = await connection.fetch(READ_LEVELS, ids)
            heads = await connection.fetch(READ_CLAIMS, claims)
            lines = await connection.fetch(READ_LINES, claims)
            book = await connection.fetch(READ_BOOK, ids)
            assert await connection.fetch(READ_ENDS, claims) == []
            told = await connection.fetch(READ_TOLD, claims)
        _told_as_it_is(told, lines)
        return {
            "levels": {row[0]: tuple(row)[1:] for row in levels},
            "claims": {row["id"]: (row["status"], _when(row["status"], row["seconds"])) for row in heads},
            "lines": {tuple(row)[:2]: tuple(row)[2:] for row in lines if any(tuple(row)[2:])},
            "book": {(row["type"], row["item_id"]): row["units"] for row in book if row["units"]},
        }

    async def is_true(self) -> None:
        """What is committed agrees: levels with the ledger, with what is held, and with what is waited for."""
        async with self.warehouse.database.reading() as connection:
            assert await connection.fetch(READ_UNTRUE, list(self.ids.values())) == []

    def truth(self, oracle: Oracle) -> dict[str, Any]:
        """What the oracle says, in the same words."""
        claims = oracle.claims.values()
        return {
            "levels": {id: self._level(oracle, id, item) for id, item in oracle.items.items()},
            "claims": {claim.id: (claim.status, _due(claim)) for claim in claims},
            "lines": {
                (claim.id, id): line.places for claim in claims for id, line in claim.lines.items() if any(line.places)
            },
            "book": {key: units for key, units in oracle.book.items() if units},
        }

    def _level(self, oracle: Oracle, id: str, item: Item) -> tuple[int, int, int, int]:
        queued = sum(claim.lines[id].waiting for claim in oracle.queue(id))
        return item.current, item.pending, item.current - item.pending - oracle.free(id), queued


def _told_as_it_is(told: Sequence[Any], lines: Sequence[Any]) -> None:
    """The newest snapshot that went out of each order is the order's present state."""
    now = {(row["claim_id"], row["item_id"]): tuple(row)[2:8] for row in lines}
    for row in told:
        for line in json.loads(row["payload"])["lines"]:
            places = ("want", "held", "backordered", "deducted", "cancelled", "short")
            present = now.get((row["aggregateid"], line["product_id"]), (0,) * 6)
            assert tuple(line[place] for place in places) == present, (row["payload"], present)


def _when(status: str, seconds: float | None) -> str | None:
    """Of an order that is held: until when, roughly; of a batch, nothing."""
    if status not in ("active", "confirmed") or seconds is None:
        return None
    return "lapsed" if seconds <= 0 else "minutes" if seconds <= 900 else "days"


def _due(claim: Any) -> str | None:
    if not claim.live or (claim.kind == "batch" and any(line.waiting for line in claim.lines.values())):
        return None
    return "lapsed" if claim.expiry[0] <= LAPSED else "days" if claim.status == "confirmed" else "minutes"
