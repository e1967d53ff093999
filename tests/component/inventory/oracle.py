"""What inventory must do with each single unit, by the rules of stock alone: knows no line of the service's code."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from shared.contracts.envelope import Event

Expiry = tuple[int, int]
LATE, LAPSED, SOON, WEEK = 0, 1, 2, 3
GIVES_BACK = ("batch.cancelled", "batch.failed", "batch.consumed")
TAKES = ("batch.planned", "batch.start_requested", *GIVES_BACK)


@dataclass
class Item:
    """Units that are there, those that wait for a count, and those that careful orders leave alone."""

    minimum: int
    current: int = 0
    pending: int = 0
    missed: int = 0
    counted: bool = False
    counts: list[int] = field(default_factory=list)


@dataclass
class Line:
    """Where the units of one line are."""

    held: int = 0
    waiting: int = 0
    gone: int = 0
    dropped: int = 0
    short: int = 0
    returned: int = 0
    kept: bool = False

    @property
    def places(self) -> tuple[int, ...]:
        """Want, held, backordered, deducted, cancelled, short, returned."""
        want = self.held + self.waiting + self.gone + self.dropped
        return want, self.held, self.waiting, self.gone, self.dropped, self.short, self.returned


@dataclass
class Claim:
    """An order or a batch."""

    id: str
    kind: Literal["order", "batch"]
    status: str = "new"
    policy: str = "backorder"
    priority: int = 0
    careful: bool = False
    age: datetime | None = None
    asked: int = 0
    expiry: Expiry = (WEEK, 0)
    lines: dict[str, Line] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        return self.status in ("active", "confirmed")

    @property
    def lapsed(self) -> bool:
        return self.status == "active" and self.expiry[0] <= LAPSED

    @property
    def place(self) -> Any:
        return -self.priority, self.age, self.id

    def line(self, item_id: str) -> Line:
        return self.lines.setdefault(item_id, Line())


class Oracle:
    """A warehouse in which every rule is carried out one unit at a time."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.claims: dict[str, Claim] = {}
        self.heard: set[Any] = set()
        self.facts: set[str] = set()
        self.book: Counter[tuple[str, str]] = Counter()

    # units

    def free(self, item_id: str) -> int:
        promised = sum(claim.lines[item_id].held for claim in self.claims.values() if item_id in claim.lines)
        return self.items[item_id].current - promised - self.items[item_id].pending

    def room(self, claim: Claim, item_id: str) -> int:
        return max(0, self.free(item_id) - (self.items[item_id].minimum if claim.careful else 0))

    def move(self, type: str, item_id: str, units: int = 1) -> None:
        self.book[type, item_id] += units

    def enter(self, type: str, item_id: str, units: int) -> None:
        self.items[item_id].current += units
        self.move(type, item_id, units)

    def queue(self, item_id: str) -> list[Claim]:
        waiting = [one for one in self.claims.values() if one.live and item_id in one.lines]
        return sorted((one for one in waiting if one.lines[item_id].waiting), key=lambda one: one.place)

    def serve(self, item_ids: Iterable[str]) -> None:
        """Rule 5: whoever is first of those that may have one more gets one more."""
        for item_id in item_ids:
            while first := next((one for one in self.queue(item_id) if self.room(one, item_id)), None):
                first.lines[item_id].waiting -= 1
                first.lines[item_id].held += 1
                self.move("reserve", item_id)

    def give_back(self, claim: Claim, item_id: str, type: str, units: int = 1) -> None:
        for _ in range(units):
            claim.lines[item_id].held -= 1
            self.move(type, item_id, -1)

    def drop(self, claim: Claim, item_id: str, units: int) -> None:
        """Given up for good: queued units first."""
        line = claim.lines[item_id]
        for _ in range(min(units, line.held + line.waiting)):
            if line.waiting:
                line.waiting -= 1
            else:
                self.give_back(claim, item_id, "release")
            line.dropped += 1

    def make_room(self, item_id: str, but: Claim | None = None) -> None:
        """Rule 4: one unit has left; it comes from what is free, pending, another's, or was never in the books."""
        if self.free(item_id) > 0:
            return
        if self.items[item_id].pending:
            self.items[item_id].pending -= 1
            self.move("unhold", item_id, -1)
        elif victim := self._victim(item_id, but):
            self.give_back(victim, item_id, "take_back")
            line = victim.lines[item_id]
            line.waiting, line.dropped = line.waiting + victim.live, line.dropped + (not victim.live)
        else:
            self.enter("found", item_id, 1)

    def _victim(self, item_id: str, but: Claim | None) -> Claim | None:
        holding = [one for one in self.claims.values() if one is not but and item_id in one.lines]
        holding = [one for one in holding if one.lines[item_id].held]
        holding.sort(key=lambda one: one.place, reverse=True)
        return next(iter(sorted(holding, key=lambda one: one.lines[item_id].kept)), None)

    def leave(self, claim: Claim, item_id: str, type: str) -> None:
        """One unit left for a claim, whether it held it or not."""
        line = claim.line(item_id)
        if line.held:
            line.held -= 1
        else:
            self.make_room(item_id, claim)
            if line.waiting:
                line.waiting -= 1
            elif line.dropped:
                line.dropped -= 1
        self.enter(type, item_id, -1)
        line.gone += 1

    # events

    def hear(self, events: Iterable[Event[Any]]) -> None:
        """One batch: facts first, then what batches ask, then what orders ask."""
        fresh: list[Event[Any]] = []
        for event in events:
            if event.id not in self.heard:
                self.heard.add(event.id)
                fresh.append(event)
        for event in self._facts(fresh, "batch.completed", "batch_id"):
            self.enter("batch_output", event.data.product_id, event.data.quantity_good)
            self.serve([event.data.product_id])
        for event in self._facts(fresh, "fulfillment.shipped", "shipment_id"):
            self._ship(event)
        for event in self._facts(fresh, "fulfillment.short_picked", "short_pick_id"):
            self._report_short(event)
        for event in _newest(event for event in fresh if event.type in TAKES):
            self._answer_batch(event)
        for event in _newest(event for event in fresh if event.type.startswith("order.")):
            self._answer_order(event)

    def _facts(self, events: Iterable[Event[Any]], type: str, key: str) -> Iterator[Event[Any]]:
        for event in events:
            if event.type == type and (fact := getattr(event.data, key)) not in self.facts:
                self.facts.add(fact)
                yield event

    def _ship(self, event: Event[Any]) -> None:
        claim = self._claim(event.data.order_id)
        for line in event.data.shipped:
            if event.data.shipped_at.year < 2026 and self.items[line.product_id].counted:
                self.enter("count_correction", line.product_id, line.quantity)
        for line in event.data.shipped:
            for _ in range(line.quantity):
                self.leave(claim, line.product_id, "sale")
            mine = claim.lines[line.product_id]
            mine.kept = mine.kept and mine.held > 0
        self.serve(line.product_id for line in event.data.shipped)

    def _report_short(self, event: Event[Any]) -> None:
        claim = self._claim(event.data.order_id)
        for short in event.data.shorts:
            line, lost = claim.line(short.product_id), 0
            for _ in range(short.quantity):
                line.short += 1
                mine = line.held > 0
                if short.reason == "damaged":
                    if not mine:
                        self.make_room(short.product_id, claim)
                    self.enter("scrap", short.product_id, -1)
                elif mine:
                    self.items[short.product_id].pending += 1
                    self.items[short.product_id].missed += 1
                    self.move("hold", short.product_id)
                line.held -= mine
                lost += mine
            self._replace(claim, short.product_id, lost)
            self.serve([short.product_id])

    def _replace(self, claim: Claim, item_id: str, lost: int) -> None:
        line = claim.lines[item_id]
        waits = lost if claim.live else 0
        if claim.policy == "reject":
            waits = min(waits, self.room(claim, item_id))
        line.waiting += waits
        line.dropped += lost - waits

    def _claim(self, id: str, kind: Literal["order", "batch"] = "order") -> Claim:
        return self.claims.setdefault(id, Claim(id, kind))

    # orders

    def _answer_order(self, event: Event[Any]) -> None:
        data, claim = event.data, self._claim(event.data.order_id)
        if event.version <= claim.asked:
            return
        claim.asked = event.version
        if claim.status == "new":
            claim.policy, claim.priority = data.on_shortage, data.priority
            claim.careful, claim.age = data.protect_safety_stock, data.accepted_at
        confirm = data.confirm or event.type == "order.confirmation_requested"
        lines = sorted(data.lines, key=lambda line: line.product_id)
        if event.type == "order.cancelled" and data.closed:
            self._close(claim, lines)
        elif claim.status == "new":
            self._take(claim, lines, "confirmed" if confirm else "active", "rejected")
        elif claim.status not in ("closed", "rejected"):
            self._go_on(claim, lines, confirm)

    def _go_on(self, claim: Claim, lines: list[Any], confirm: bool) -> None:
        if claim.live:
            self._give_up(claim, lines)
        if not confirm:
            return
        if claim.lapsed:
            self.expire(claim)
        if claim.status == "active":
            claim.status, claim.expiry = "confirmed", (WEEK, 0)
        elif claim.status == "expired" and claim.expiry[0] != LATE:
            self._take(claim, lines, "confirmed", "expired")

    def _give_up(self, claim: Claim, lines: list[Any]) -> None:
        for line in lines:
            if mine := claim.lines.get(line.product_id):
                self.drop(claim, line.product_id, max(0, mine.held + mine.waiting - _needed(line, mine)))
        self.serve(claim.lines)

    def _close(self, claim: Claim, lines: list[Any]) -> None:
        claim.status = "closed"
        for asked in lines:
            line = claim.line(asked.product_id)
            line.waiting = 0
            away = max(0, asked.shipped - line.gone)
            self.give_back(claim, asked.product_id, "release", max(0, line.held - away))
            line.dropped = max(0, asked.quantity - line.held - line.gone)
            line.kept = line.held > 0
        self.serve(claim.lines)

    def _take(self, claim: Claim, lines: list[Any], taken: str, refused: str) -> None:
        """Each line takes what is there and queues for the rest; what lapsed is nobody's when a line is short."""
        for line in lines:
            if self._lacks(claim, line):
                for other in sorted(self.claims.values(), key=lambda one: one.id):
                    if other.lapsed and other is not claim and line.product_id in other.lines:
                        self.expire(other)
        if claim.policy == "reject" and any(self._lacks(claim, line) for line in lines):
            claim.status = refused
            return
        claim.status, claim.expiry = taken, (WEEK if taken == "confirmed" else SOON, 0)
        for line in lines:
            mine = claim.line(line.product_id)
            mine.dropped = max(0, min(line.cancelled, line.quantity - mine.gone))
            mine.waiting += _needed(line, mine)
        self.serve(claim.lines)

    def _lacks(self, claim: Claim, asked: Any) -> bool:
        return self.room(claim, asked.product_id) < _needed(asked, claim.lines.get(asked.product_id, Line()))

    def expire(self, claim: Claim) -> None:
        """Rule 8: the whole order, what it waits for too; nothing is cancelled."""
        claim.status = "expired"
        for item_id, line in claim.lines.items():
            line.waiting = 0
            self.give_back(claim, item_id, "expire", line.held)
        self.serve(claim.lines)

    # batches

    def _answer_batch(self, event: Event[Any]) -> None:
        claim = self._claim(event.data.batch_id, "batch")
        if event.version <= claim.asked:
            return
        if claim.status == "new":
            claim.priority, claim.age = 5, event.data.occurred_at
        claim.asked = event.version
        needs = sorted(event.data.materials, key=lambda need: need.material_id)
        if event.type in ("batch.planned", "batch.start_requested"):
            self._plan(claim, needs)
            self.serve(claim.lines)
            if event.type == "batch.start_requested":
                self._issue(claim)
        elif event.type == "batch.cancelled":
            self._release(claim, claim.status not in ("issued", "settled"))
        elif claim.status != "closed":
            self._settle(claim, needs)
        self.serve(claim.lines)

    def _plan(self, claim: Claim, needs: list[Any]) -> None:
        if claim.status not in ("new", "confirmed"):
            return
        claim.status = "confirmed"
        for need in needs:
            line = claim.line(need.material_id)
            more = need.required - line.held - line.waiting - line.gone
            line.waiting += max(0, more)
            self.drop(claim, need.material_id, max(0, -more))

    def _issue(self, claim: Claim) -> None:
        if claim.status == "confirmed" and not any(line.waiting for line in claim.lines.values()):
            claim.status = "issued"
            for item_id, line in claim.lines.items():
                for _ in range(line.held):
                    self.leave(claim, item_id, "material_issue")

    def _release(self, claim: Claim, open: bool) -> None:
        if open:
            claim.status = "closed"
            for item_id, line in claim.lines.items():
                self.drop(claim, item_id, line.held + line.waiting)

    def _settle(self, claim: Claim, needs: list[Any]) -> None:
        self._release(claim, True)
        claim.status = "settled"
        for need in needs:
            if need.consumed is not None:
                self._consume(claim, need.material_id, claim.line(need.material_id), need.consumed)

    def _consume(self, claim: Claim, item_id: str, line: Line, used: int) -> None:
        while line.gone - line.returned < used:
            self.leave(claim, item_id, "material_issue")
        while line.gone - line.returned > used:
            line.returned += 1
            self.enter("material_return", item_id, 1)
            self.serve([item_id])

    # staff and time

    def receive(self, item_id: str, units: int) -> None:
        self.enter("receipt", item_id, units)
        self.serve([item_id])

    def adjust(self, item_id: str, units: int) -> bool:
        """False, and nothing moves, if that were less than what is promised."""
        allowed = self.free(item_id) + units >= 0
        if allowed:
            self.enter("adjust", item_id, units)
            self.serve([item_id])
        return allowed

    def count(self, item_id: str, counted: int, current: int, missed: int) -> None:
        """The books follow what was counted when they said `current` and that so many units had ever been missed."""
        item = self.items[item_id]
        settled = max(0, item.pending - (item.missed - missed))
        item.pending -= settled
        self.move("unhold", item_id, -settled)
        item.counted = True
        before = item.current
        for _ in range(min(current - counted, item.current)):
            self.make_room(item_id)
            self.enter("count", item_id, -1)
        for _ in range(counted - current):
            self.enter("count", item_id, 1)
        item.counts.append(item.current - before)
        self.serve([item_id])

    def sweep(self) -> None:
        for claim in sorted(self.claims.values(), key=lambda one: (one.expiry, one.id)):
            if claim.lapsed:
                self.expire(claim)


def _needed(asked: Any, line: Line) -> int:
    return max(0, int(asked.quantity - asked.cancelled - line.gone))


def _newest(events: Iterable[Event[Any]]) -> list[Event[Any]]:
    """Of each subject the newest; what gives back first, then by priority and age."""
    found: dict[str, Event[Any]] = {}
    for event in events:
        if event.subject not in found or event.version >= found[event.subject].version:
            found[event.subject] = event
    return sorted(found.values(), key=_turn)


def _turn(event: Event[Any]) -> Any:
    if event.type.startswith("batch."):
        return event.type not in GIVES_BACK, event.data.occurred_at, event.subject
    return event.type != "order.cancelled", -event.data.priority, event.data.accepted_at, event.subject
