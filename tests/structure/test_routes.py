"""Every route of every service asks who you are and what you may do, or is listed as public."""

import importlib
from collections.abc import Iterator
from functools import cache
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from shared.contracts.catalog import SERVICES
from shared.runtime.auth import make_token
from shared.runtime.service import http_app

SECRET = "a-secret-for-tests-of-more-than-32-bytes"
PUBLIC = {"/livez", "/readyz", "/metrics", "/openapi.json", "/asyncapi.json"}
SOME_ID = str(UUID(int=7 << 76 | 2 << 62))


@cache
def _app(service: str) -> FastAPI:
    kind = getattr(importlib.import_module(f"services.{service}.settings"), f"{service.title()}Settings")
    build = importlib.import_module(f"services.{service}.app").build
    settings = kind(postgres_dsn="postgresql://nobody@127.0.0.1:1/none", kafka="127.0.0.1:1", jwt_secret=SECRET)
    return http_app(build(settings))


def _operations(service: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in _app(service).openapi()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _cases() -> list[Any]:
    return [
        pytest.param(service, method, path, operation, id=f"{service} {method} {path}")
        for service in SERVICES
        for method, path, operation in _operations(service)
    ]


async def _call(service: str, method: str, path: str, token: str | None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(app=_app(service), raise_app_exceptions=False)
    filled = path
    while "{" in filled:
        start, end = filled.index("{"), filled.index("}")
        filled = filled[:start] + SOME_ID + filled[end + 1 :]
    async with httpx.AsyncClient(transport=transport, base_url="http://flacon") as client:
        return await client.request(method, filled, headers=headers)


@pytest.mark.parametrize(("service", "method", "path", "operation"), _cases())
async def test_a_route_is_public_or_refuses_who_says_nothing(
    service: str, method: str, path: str, operation: dict[str, Any]
) -> None:
    if path in PUBLIC:
        assert method == "GET"
        return
    answer = await _call(service, method, path, None)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("service", "method", "path", "operation"), _cases())
async def test_a_route_refuses_a_token_without_its_scope_and_names_it(
    service: str, method: str, path: str, operation: dict[str, Any]
) -> None:
    if path in PUBLIC:
        return
    answer = await _call(service, method, path, make_token(SECRET, "nobody", (), 60))
    assert answer.status_code == 403
    wanted = _scope(service, method, path)
    assert answer.json()["required_scopes"] == [wanted]


def _scope(service: str, method: str, path: str) -> str:
    """`GET` and `POST availability` need the service's `:read`, all else its `:write`; section 8 its own."""
    place = "orders" if service == "order" else service
    operators = ("/dead-letters", "/outbox", "/stuck", "/reconcile/corrections", "/retry")
    if any(part in path for part in operators):
        return "operations"
    return f"{place}:read" if method == "GET" or path.endswith("/availability") else f"{place}:write"


@pytest.mark.parametrize("service", SERVICES)
def test_operation_ids_are_unique_and_every_answer_is_documented(service: str) -> None:
    operations = [operation for _, _, operation in _operations(service)]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    assert all(operation["responses"] for operation in operations)
