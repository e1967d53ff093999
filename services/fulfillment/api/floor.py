"""Commands of the floor, one or many: what arrives together is one call of the operation, in one transaction."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar
from uuid import UUID

from services.fulfillment import operations
from services.fulfillment.api import answers, bodies
from services.fulfillment.operations import Outcome
from shared.runtime.answers import Answer, encode
from shared.runtime.clock import new_id
from shared.runtime.database import Database
from shared.runtime.groups import Group
from shared.runtime.http import parse
from shared.runtime.problems import Refused
from shared.runtime.transaction import Transaction

C = TypeVar("C")
BULK_REQUESTS_MAX: Final = 50


class CommandBody(Protocol):
    """A body that makes a command; `new_id` names what the command writes, also when it is tried twice."""

    def command(self, id: UUID, new_id: UUID, actor: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class Kind(Generic[C]):
    """One command: its bodies, the field of a bulk item that names its subject, its operation and its answer."""

    name: str
    body: type[Any]
    item: type[Any]
    bulk: type[Any]
    subject: str
    operation: Callable[[Transaction, Sequence[C]], Awaitable[Sequence[Outcome]]]
    answer: Callable[[C, Outcome], Answer]


PICK: Final = Kind(
    "pick",
    bodies.PickBody,
    bodies.PickItem,
    bodies.BulkPick,
    "fulfillment_id",
    operations.pick,
    answers.fulfillment_answer,
)
PACK: Final = Kind(
    "pack",
    bodies.PackBody,
    bodies.PackItem,
    bodies.BulkPack,
    "fulfillment_id",
    operations.pack,
    answers.fulfillment_answer,
)
SHIP: Final = Kind(
    "ship",
    bodies.ShipBody,
    bodies.ShipItem,
    bodies.BulkShip,
    "fulfillment_id",
    operations.ship,
    answers.shipped_answer,
)
DELIVER: Final = Kind(
    "deliver",
    bodies.DeliverBody,
    bodies.DeliverItem,
    bodies.BulkDeliver,
    "shipment_id",
    operations.deliver,
    answers.delivered_answer,
)


@dataclass(frozen=True, slots=True)
class Several(Generic[C]):
    """The commands of one bulk request; an item that could not be read stands there with its problem."""

    entries: tuple[tuple[str | None, C | Answer], ...]


class Floor(Generic[C]):
    """Runs one kind of command; single requests are grouped, a bulk request is a group of its own."""

    def __init__(self, database: Database, kind: Kind[C]) -> None:
        self.kind = kind
        self._single: Group[C] = Group(database, self._run, name=f"fulfillment-{kind.name}")
        self._bulk: Group[Several[C]] = Group(
            database, self._run_several, name=f"fulfillment-bulk-{kind.name}", largest=1, waiting=BULK_REQUESTS_MAX
        )
        self.submit = self._single.submit
        self.submit_several = self._bulk.submit

    async def _run(self, tx: Transaction, commands: Sequence[C]) -> list[Answer]:
        outcomes = await self.kind.operation(tx, commands) if commands else ()
        return [self.kind.answer(command, outcome) for command, outcome in zip(commands, outcomes, strict=True)]

    async def _run_several(self, tx: Transaction, requests: Sequence[Several[C]]) -> list[Answer]:
        entries = [entry for request in requests for _, entry in request.entries if not isinstance(entry, Answer)]
        done = iter(await self._run(tx, entries))
        return [
            Answer(200, {"results": [_result(id, _made(entry, done)) for id, entry in request.entries]})
            for request in requests
        ]

    def several(self, items: Sequence[dict[str, Any]], actor: str) -> Several[C]:
        """The commands of these items."""
        return Several(tuple(self._entry(item, actor) for item in items))

    def _entry(self, item: dict[str, Any], actor: str) -> tuple[str | None, C | Answer]:
        subject = item.get(self.kind.subject)
        try:
            body = parse(encode(item), self.kind.item)
        except Refused as refusal:
            return subject if isinstance(subject, str) else None, refusal.answer
        id: UUID = getattr(body, self.kind.subject)
        command: C = body.command(id, new_id(), actor)
        return str(id), command


def _made(entry: object, done: Any) -> Answer:
    return entry if isinstance(entry, Answer) else next(done)


def _result(id: str | None, answer: Answer) -> dict[str, Any]:
    told = {"id": id, "ok": not answer.is_problem}
    return {**told, "problem": answer.body} if answer.is_problem else {**told, "result": answer.body}
