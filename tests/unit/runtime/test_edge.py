"""What every answer carries and what the log tells of who asked, without a server or a database."""

from collections.abc import MutableMapping
from typing import Any

import httpx
import pytest
import structlog
from structlog.testing import capture_logs

from services.order.app import build
from services.order.settings import OrderSettings
from shared.runtime.auth import make_token
from shared.runtime.service import http_app

SECRET = "edge-tests-0123456789abcdef0123456789ab"
Lines = list[MutableMapping[str, Any]]


async def asked(method: str, path: str, token: str | None, **more: Any) -> tuple[httpx.Response, Lines]:
    """The answer, and the lines about who asked."""
    settings = OrderSettings(postgres_dsn="postgresql://o@127.0.0.1:1/none", kafka="127.0.0.1:1", jwt_secret=SECRET)
    transport = httpx.ASGITransport(app=http_app(build(settings)))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    structlog.reset_defaults()
    with capture_logs() as lines:
        async with httpx.AsyncClient(transport=transport, base_url="http://flacon", headers=headers) as client:
            answer = await client.request(method, path, **more)
    return answer, [line for line in lines if line["event"] in ("asked", "refused")]


@pytest.mark.parametrize("path", ["/livez", "/api/orders", "/nowhere"])
async def test_every_answer_tells_a_browser_to_run_keep_and_frame_nothing(path: str) -> None:
    answer, _ = await asked("GET", path, None)
    told = {name: answer.headers[name] for name in ("X-Content-Type-Options", "Cache-Control", "Referrer-Policy")}
    assert told == {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "server" not in answer.headers


async def test_the_log_tells_who_asked_for_a_change_and_what_came_of_it() -> None:
    token = make_token(SECRET, "clerk-7", ("orders:write",))
    answer, lines = await asked("POST", "/api/orders", token, json={"wrong": True})
    assert answer.status_code == 422
    [line] = lines
    assert {name: line[name] for name in ("event", "actor", "method", "route", "status")} == {
        "event": "asked",
        "actor": "clerk-7",
        "method": "POST",
        "route": "/api/orders",
        "status": 422,
    }
    assert line["correlation_id"] == answer.headers["X-Correlation-Id"]
    assert token not in str(line)


@pytest.mark.parametrize(
    ("scopes", "status", "actor"), [(None, 401, None), (("orders:write",), 403, "clerk-7")], ids=["nobody", "no scope"]
)
async def test_the_log_tells_of_what_was_not_allowed_also_of_reading(
    scopes: tuple[str, ...] | None, status: int, actor: str | None
) -> None:
    token = None if scopes is None else make_token(SECRET, "clerk-7", scopes)
    answer, lines = await asked("GET", "/api/orders", token)
    assert answer.status_code == status
    assert [(line["event"], line["actor"], line["status"]) for line in lines] == [("refused", actor, status)]


async def test_reading_that_is_allowed_leaves_no_line() -> None:
    _, lines = await asked("GET", "/livez", None)
    assert lines == []
