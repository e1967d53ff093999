"""The routes that every service has for its operators: dead letters and the outbox."""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response

from shared.runtime import dead_letters, relay
from shared.runtime.answers import Answer
from shared.runtime.auth import Caller, requires
from shared.runtime.database import Database
from shared.runtime.http import answered, bad_cursor, cursor_of, id_of, limit_of, make_cursor, page, respond
from shared.runtime.openapi import documented
from shared.runtime.problems import Refused, problem
from shared.runtime.subscriptions import Subscription

Operator = Annotated[Caller, requires("operations")]
FILTERS: Final = ("state", "topic", "reason")


def routes(path: str, database: Database, subscriptions: tuple[Subscription, ...], prefix: str) -> APIRouter:
    """Below `path` (`/api/orders`)."""
    router = APIRouter(prefix=path, tags=["operations"])

    @router.get("/outbox", summary="Events that Kafka has not got yet", **documented())
    async def outbox(request: Request, caller: Operator) -> Response:
        async with database.reading() as connection:
            unsent, oldest_seconds = await relay.unsent(connection)
        return answered(request, {"unsent": unsent, "oldest_unsent_seconds": oldest_seconds})

    @router.get("/dead-letters", summary="Records that were passed over, newest first", **documented())
    async def list_dead_letters(request: Request, caller: Operator) -> Response:
        return answered(request, await _listed(request, database))

    @router.get("/dead-letters/{dead_letter_id}", summary="One of them, whole", **documented())
    async def show_dead_letter(request: Request, dead_letter_id: str, caller: Operator) -> Response:
        letter = await dead_letters.show(database, id_of(dead_letter_id))
        if letter is None:
            raise _unknown()
        return answered(request, letter)

    @router.post(
        "/dead-letters/{dead_letter_id}/replay", summary="Runs it through its handler again, once", **documented()
    )
    async def replay_dead_letter(request: Request, dead_letter_id: str, caller: Operator) -> Response:
        replayed = await dead_letters.replay(database, subscriptions, id_of(dead_letter_id), prefix=prefix)
        if replayed is None:
            raise _unknown()
        return answered(request, {"result": replayed.result, "error": replayed.error})

    @router.delete(
        "/dead-letters/{dead_letter_id}", summary="Empties it and keeps the note", **documented(answers={204: "Purged"})
    )
    async def purge_dead_letter(request: Request, dead_letter_id: str, caller: Operator) -> Response:
        if not await dead_letters.purge(database, id_of(dead_letter_id)):
            raise _unknown()
        return respond(Answer(204, {}), request)

    return router


async def _listed(request: Request, database: Database) -> dict[str, Any]:
    limit = limit_of(request)
    filters = {name: request.query_params.get(name) for name in FILTERS}
    letters = await dead_letters.list_letters(database, before=_before(request), limit=limit + 1, **filters)
    more = len(letters) > limit
    shown = letters[:limit]
    return page(shown, make_cursor(shown[-1]["dead_letter_id"]) if more else None)


def _before(request: Request) -> UUID | None:
    values = cursor_of(request.query_params.get("cursor"), width=1)
    if values is None:
        return None
    try:
        return UUID(values[0])
    except (ValueError, AttributeError, TypeError) as error:
        raise bad_cursor() from error


def _unknown() -> Refused:
    return Refused(problem("not-found", "there is no dead letter with this id"))
