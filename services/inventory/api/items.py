"""The routes of products and of their twins, the materials."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from services.inventory.api import answers, bodies
from services.inventory.domain.levels import ItemKind
from services.inventory.operations.items import Change, Item, change_items, make_items
from services.inventory.views import items as views
from shared.runtime.answers import Answer
from shared.runtime.auth import Caller, requires
from shared.runtime.database import Database
from shared.runtime.groups import Group
from shared.runtime.http import (
    answered,
    bad_cursor,
    body,
    cursor_of,
    if_match_of,
    limit_of,
    make_cursor,
    page,
    respond,
)
from shared.runtime.idempotency import key_of
from shared.runtime.openapi import documented
from shared.runtime.problems import Refused, invalid, refused
from shared.runtime.transaction import Transaction

Reads = Annotated[Caller, requires("inventory:read")]
Writes = Annotated[Caller, requires("inventory:write")]
PIECES: Final = "pcs"


def add_items(router: APIRouter, database: Database) -> None:
    """Making, changing and showing items."""
    makers = Group(database, _make, name="items")
    changers = Group(database, _change, name="item_changes")
    _add_making(router, database, makers)
    for kind in ("product", "material"):
        _add_views(router, database, kind)
        _add_change(router, database, changers, kind)


async def _make(tx: Transaction, items: Sequence[Item]) -> list[Answer]:
    return [_told(answers.made(done)) for done in await make_items(tx, items)]


async def _change(tx: Transaction, changes: Sequence[Change]) -> list[Answer]:
    return [_told(answers.changed(done)) for done in await change_items(tx, changes)]


def _told(done: str | Answer) -> Answer:
    return done if isinstance(done, Answer) else Answer(200, {"id": done})


def _add_making(router: APIRouter, database: Database, group: Group[Item]) -> None:
    made = {201: "Made"}

    @router.post("/products", **documented(bodies.NewProduct, answers=made, problems=("already-exists",)))
    async def make_product(request: Request, caller: Writes) -> Response:
        """A finished good that is sold."""
        asked = await body(request, bodies.NewProduct)
        item = _item(asked, asked.product_id, "product", PIECES)
        return await _shown(request, database, await group.submit(item, key_of(request, caller)), "product", 201)

    @router.post("/materials", **documented(bodies.NewMaterial, answers=made, problems=("already-exists",)))
    async def make_material(request: Request, caller: Writes) -> Response:
        """Something that batches use up."""
        asked = await body(request, bodies.NewMaterial)
        item = _item(asked, asked.material_id, "material", asked.unit)
        return await _shown(request, database, await group.submit(item, key_of(request, caller)), "material", 201)


def _item(asked: bodies.NewProduct | bodies.NewMaterial, id: str, kind: ItemKind, unit: str) -> Item:
    return Item(
        id,
        kind,
        asked.name,
        unit,
        asked.active,
        asked.min_stock_level,
        asked.reorder_point,
        asked.reorder_quantity,
        asked.lead_days,
        asked.min_life_days,
        asked.alternatives,
    )


async def _shown(request: Request, database: Database, answer: Answer, kind: ItemKind, status: int) -> Response:
    """The item with its stock in place of its id, or the refusal."""
    if answer.is_problem:
        return respond(answer, request)
    found = await _found(database, kind, answer.body["id"])
    return respond(Answer(status, found, answer.headers, answer.replayed), request)


async def _found(database: Database, kind: ItemKind, item_id: str) -> dict[str, Any]:
    async with database.reading() as connection:
        item = await views.item_by_id(connection, kind, item_id)
    if item is None:
        raise refused("not-found", answers.NOT_FOUND)
    return item


def _add_change(router: APIRouter, database: Database, group: Group[Change], kind: ItemKind) -> None:
    model = bodies.ProductChange if kind == "product" else bodies.MaterialChange

    @router.patch(f"/{kind}s/{{item_id}}", name=f"change_{kind}", **documented(model, problems=("stale-version",)))
    async def change(request: Request, caller: Writes, item_id: str) -> Response:
        """Changes what is sent; `If-Match` makes sure that nobody did in between."""
        asked = await body(request, model)
        done = await group.submit(Change(item_id, kind, asked.fields, if_match_of(request)))
        return await _shown(request, database, done, kind, 200)


def _add_views(router: APIRouter, database: Database, kind: ItemKind) -> None:
    @router.get(f"/{kind}s/{{item_id}}/stock", name=f"read_{kind}_stock", **documented())
    async def read_stock(request: Request, caller: Reads, item_id: str) -> Response:
        """Physical, promised, blocked and available units."""
        item = await _found(database, kind, item_id)
        return answered(request, {name: item[name] for name in (f"{kind}_id", *views.STOCK_FIELDS)})

    @router.get(f"/{kind}s/{{item_id}}", name=f"read_{kind}", **documented())
    async def read_item(request: Request, caller: Reads, item_id: str) -> Response:
        """One item with its stock."""
        return answered(request, await _found(database, kind, item_id))

    @router.get(f"/{kind}s", name=f"list_{kind}s", **documented())
    async def list_items(
        request: Request,
        caller: Reads,
        q: Annotated[str | None, Query(max_length=200, description="part of the id or the name")] = None,
        below_reorder_point: Annotated[str | None, Query(description="true | false")] = None,
        active: Annotated[str | None, Query(description="true | false")] = None,
    ) -> Response:
        """Newest first."""
        limit = limit_of(request)
        low, shown = flag_of("below_reorder_point", below_reorder_point), flag_of("active", active)
        async with database.reading() as connection:
            found = await views.items_page(
                connection, kind, after=_after(request), words=q, active=shown, low=low, limit=limit + 1
            )
        last = found[limit - 1] if len(found) > limit else None
        cursor = None if last is None else make_cursor(last["created_at"].isoformat(), last[f"{kind}_id"])
        return answered(request, page(found[:limit], cursor))


def _after(request: Request) -> tuple[datetime, str] | None:
    values = cursor_of(request.query_params.get("cursor"), width=2)
    try:
        return None if values is None else (time_in_cursor(values[0]), str(values[1]))
    except (ValueError, TypeError) as error:
        raise bad_cursor() from error


def time_in_cursor(text: str) -> datetime:
    """A time that a cursor carries, to the microsecond; ValueError for any other text."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("no time zone")
    return found


def flag_of(name: str, text: str | None) -> bool | None:
    """A yes-or-no filter; 422 for anything else."""
    if text not in (None, "true", "false"):
        raise Refused(invalid(f"`{name}` must be true or false", ("must be true or false", f"/{name}")))
    return None if text is None else text == "true"
