"""The routes on alerts, the same in every service that raises some: what should be looked at, and who has seen it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.values import Text
from shared.runtime.alerts import acknowledge_alerts
from shared.runtime.answers import Answer
from shared.runtime.auth import Caller, requires
from shared.runtime.database import Database
from shared.runtime.groups import Group
from shared.runtime.http import (
    answered,
    bad_cursor,
    body,
    cursor_of,
    id_of,
    limit_of,
    make_cursor,
    page,
    respond,
)
from shared.runtime.idempotency import key_of
from shared.runtime.openapi import documented
from shared.runtime.problems import problem, refused
from shared.runtime.transaction import Transaction

AlertStatus = Literal["raised", "acknowledged", "resolved"]
Seen = tuple[UUID, str, str | None]
"""An alert, who has seen it, and what they noted."""
Bodies = Mapping[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class AlertRows:
    """How a service reads its alerts; bodies are by alert id."""

    listed: Callable[[Any, str | None, str | None, UUID | None, int], Awaitable[list[dict[str, Any]]]]
    read: Callable[[Any, Sequence[UUID]], Awaitable[Bodies]]


class AcknowledgeBody(BaseModel):
    """What somebody has to say about an alert."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    note: Annotated[Text, Field(max_length=1000)] | None = None


def routes(path: str, scope: str, database: Database, rows: AlertRows) -> APIRouter:
    """Below `path` (`/api/orders`); `scope` is the part before `:read` and `:write`."""
    router = APIRouter(prefix=f"{path}/alerts", tags=["operations"])
    _add_list(router, requires(f"{scope}:read"), database, rows)
    _add_acknowledge(router, requires(f"{scope}:write"), database, rows)
    return router


def _add_list(router: APIRouter, reader: Any, database: Database, rows: AlertRows) -> None:
    @router.get("", **documented())
    async def get_alerts(
        request: Request,
        caller: Annotated[Caller, reader],
        status: AlertStatus | None = None,
        kind: Annotated[str | None, Query(max_length=64)] = None,
    ) -> Response:
        """Alerts, newest first."""
        _refuse_customers(caller)
        limit, before = limit_of(request), _before(request)
        async with database.reading() as connection:
            found = await rows.listed(connection, status, kind, before, limit + 1)
        following = make_cursor(found[limit - 1]["alert_id"]) if len(found) > limit else None
        return answered(request, page(found[:limit], following))


def _add_acknowledge(router: APIRouter, writer: Any, database: Database, rows: AlertRows) -> None:
    async def acknowledge(tx: Transaction, seen: Sequence[Seen]) -> list[Answer]:
        await acknowledge_alerts(tx, seen)
        bodies = await rows.read(tx, [alert_id for alert_id, _, _ in seen])
        return [_acknowledged(bodies.get(str(alert_id))) for alert_id, _, _ in seen]

    group = Group(database, acknowledge, name="alerts")

    @router.post(
        "/{alert_id}/acknowledge", **documented(AcknowledgeBody, optional=True, problems=("illegal-transition",))
    )
    async def acknowledge_alert(alert_id: str, request: Request, caller: Annotated[Caller, writer]) -> Response:
        """Say that somebody has seen it; the first one stands."""
        _refuse_customers(caller)
        given = await body(request, AcknowledgeBody, optional=True)
        seen = (id_of(alert_id), caller.subject, given.note)
        return respond(await group.submit(seen, key_of(request, caller)), request)


def _acknowledged(alert: dict[str, Any] | None) -> Answer:
    if alert is None:
        return problem("not-found", "there is no alert with this id")
    if alert["status"] == "resolved":
        told: dict[str, Any] = {"from": "resolved", "action": "acknowledge", "allowed": []}
        return problem("illegal-transition", "the alert is resolved", **told)
    return Answer(200, alert)


def _refuse_customers(caller: Caller) -> None:
    """Alerts are about everybody's affairs."""
    if caller.customer_id is not None:
        raise refused("insufficient-scope", "alerts are not for one customer's token", required_scopes=[])


def _before(request: Request) -> UUID | None:
    values = cursor_of(request.query_params.get("cursor"), width=1)
    if values is None:
        return None
    try:
        return UUID(values[0])
    except (TypeError, ValueError, AttributeError) as error:
        raise bad_cursor() from error
