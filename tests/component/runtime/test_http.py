"""The HTTP edge as a client meets it: every error a problem, every body read within bounds, every token checked."""

import asyncio
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import jwt
import pytest

from shared.runtime import http
from shared.runtime.auth import make_token
from shared.runtime.database import Database
from shared.runtime.service import Service
from tests.component.runtime import sample
from tests.component.runtime.sample import SECRET, Settings, build, served
from tests.servers import Servers

NOTES = "/api/fulfillment/notes"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def service(servers: Servers) -> AsyncIterator[Service]:
    async with sample.fresh_dsn(servers) as dsn:
        yield build(Settings(postgres_dsn=dsn, kafka="127.0.0.1:1", jwt_secret=SECRET))


@pytest.fixture
async def client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with served(service) as client:
        yield client


def name_of(response: httpx.Response) -> str:
    """The problem's name, after its form was checked."""
    told = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance", "correlation_id"} <= set(told)
    assert told["status"] == response.status_code
    assert told["correlation_id"] == response.headers["x-correlation-id"]
    return str(told["type"]).removeprefix("urn:flacon:problem:")


async def test_what_the_router_refuses_is_a_problem(client: httpx.AsyncClient) -> None:
    nowhere = await client.get("/nowhere/<b>")
    assert (nowhere.status_code, name_of(nowhere)) == (404, "not-found")
    assert nowhere.json()["instance"] == "/nowhere/%3Cb%3E"
    wrong = await client.delete(NOTES)
    assert (wrong.status_code, name_of(wrong), wrong.headers["allow"]) == (405, "method-not-allowed", "GET, POST")
    assert name_of(await client.get(NOTES + "/")) == "not-found"
    assert name_of(await client.get("/docs")) == "not-found"


async def test_an_unexpected_failure_tells_nothing_of_the_inside(client: httpx.AsyncClient) -> None:
    failed = await client.put(f"{NOTES}/7/broken")
    assert (failed.status_code, name_of(failed)) == (500, "internal-error")
    assert "secret of the inside" not in failed.text
    assert "Traceback" not in failed.text


@pytest.mark.parametrize(
    ("content", "headers", "status", "name"),
    [
        (b"{", JSON, 400, "malformed-request"),
        (b"", JSON, 400, "malformed-request"),
        (b'{"text": NaN}', JSON, 400, "malformed-request"),
        (b'{"text": "\xff"}', JSON, 400, "malformed-request"),
        (b'{"text": "\\ud800"}', JSON, 400, "malformed-request"),
        (b'{"text":"a","free":' + b'{"a":' * 2000 + b"1" + b"}" * 2000 + b"}", JSON, 400, "malformed-request"),
        (b'{"text": "a"}', {"Content-Type": "text/plain"}, 415, "unsupported-media-type"),
        (b'{"text": "a"}', {"Content-Type": "application/json; charset=utf-16"}, 415, "unsupported-media-type"),
        (b'{"text": "a"}', {}, 415, "unsupported-media-type"),
        (b"[]", JSON, 422, "invalid-request"),
        (b'{"text": 7}', JSON, 422, "invalid-request"),
        (b'{"text": "a\\u0000"}', JSON, 422, "invalid-request"),
        (b'{"text": "a", "free": {"b\\u0000": 1}}', JSON, 422, "invalid-request"),
    ],
    ids=lambda value: None,
)
async def test_a_body_that_cannot_be_taken(
    client: httpx.AsyncClient, content: bytes, headers: dict[str, str], status: int, name: str
) -> None:
    refused = await client.post(NOTES, content=content, headers=headers)
    assert (refused.status_code, name_of(refused)) == (status, name)


async def test_each_wrong_field_is_pointed_at(client: httpx.AsyncClient) -> None:
    refused = await client.post(NOTES, json={"text": "a", "a/b~c": 1, "places": [{"shelf": 1}, {"shelf": 0}, {}]})
    assert name_of(refused) == "invalid-request"
    assert [error["pointer"] for error in refused.json()["errors"]] == [
        "/places/1/shelf",
        "/places/2/shelf",
        "/a~1b~0c",
    ]


async def test_what_looks_dangerous_and_is_not_is_taken(client: httpx.AsyncClient) -> None:
    for content in (rb'{"text": "\\u0000"}', b'{"text":"a","free":{"n":1180591620717411303424}}'):
        taken = await client.post(NOTES, content=content, headers=JSON)
        assert taken.status_code == 201, taken.text


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_over_one_mebibyte_is_refused_before_it_is_read(
    client: httpx.AsyncClient, announced: bool
) -> None:
    text = b'{"text": "' + b"x" * 2 * 1024 * 1024 + b'"}'

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(text), 65536):
            yield text[start : start + 65536]

    refused = await client.post(NOTES, content=text if announced else pieces(), headers=JSON)
    assert (refused.status_code, name_of(refused), refused.json()["limit"]) == (413, "payload-too-large", 1048576)


async def test_a_route_that_reads_no_body_refuses_one_that_is_too_large(client: httpx.AsyncClient) -> None:
    refused = await client.put(f"{NOTES}/7/broken", content=b"x" * 1048577)
    assert (refused.status_code, name_of(refused)) == (413, "payload-too-large")


async def test_a_body_that_ends_early_has_no_effect(client: httpx.AsyncClient, service: Service) -> None:
    place = urlsplit(str(client.base_url))
    with socket.create_connection((place.hostname or "", place.port or 0)) as line:
        head = f"POST {NOTES} HTTP/1.1\r\nHost: x\r\nAuthorization: {client.headers['authorization']}\r\n"
        line.sendall(head.encode() + b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n" + b'{"text": "a"')
    assert (await client.get("/livez")).status_code == 200
    assert await written(service.database) == 0


async def test_a_body_that_never_ends_is_not_waited_for(
    client: httpx.AsyncClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "BODY_SECONDS_MAX", 0.3)
    place = urlsplit(str(client.base_url))
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    head = f"POST {NOTES} HTTP/1.1\r\nHost: x\r\nAuthorization: {client.headers['authorization']}\r\n"
    writer.write(head.encode() + b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n" + b'{"text": "a"')
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ") and b"did not arrive" in answer
    assert await written(service.database) == 0


async def written(database: Database) -> int:
    async with database.reading() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM notes"))


async def test_ids_of_requests_are_taken_and_told(client: httpx.AsyncClient) -> None:
    taken = await client.get("/livez", headers={"X-Correlation-Id": "order-7:a"})
    assert taken.headers["x-correlation-id"] == "order-7:a"
    for bad in ("", "a b", "a" * 129, "<script>"):
        replaced = await client.get("/livez", headers={"X-Correlation-Id": bad})
        assert UUID(replaced.headers["x-correlation-id"]).version == 7


async def test_a_waiting_route_tells_what_it_applied(client: httpx.AsyncClient) -> None:
    late = await client.post(NOTES + "?wait", json={"text": "a"}, headers={"Prefer": "wait=0"})
    assert (late.status_code, late.headers["preference-applied"]) == (202, "wait=0")
    assert late.headers["location"] == f"{NOTES}/{late.json()['note_id']}"


async def test_a_waiting_request_is_answered_when_the_outcome_is_committed(
    client: httpx.AsyncClient, service: Service
) -> None:
    asking = asyncio.create_task(
        client.post(NOTES + "?wait", json={"text": "a"}, headers={"Prefer": "wait=9", "Idempotency-Key": "k"})
    )
    await sample.until(lambda: _written(service.database))
    async with service.database.transaction() as tx:
        await tx.execute("UPDATE notes SET answered = true")
    answer = await asyncio.wait_for(asking, 5)
    assert (answer.status_code, answer.json()["answered"]) == (201, True)
    again = await client.post(NOTES + "?wait", json={"text": "a"}, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.json() == answer.json()


async def _written(database: Database) -> bool:
    return await written(database) > 0


@pytest.mark.parametrize("key", ["", '""', "a b", "x" * 256, '"open', "é"])
async def test_a_bad_idempotency_key_is_refused(client: httpx.AsyncClient, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode())]
    refused = await client.post(NOTES, json={"text": "a"}, headers=headers)
    assert (refused.status_code, name_of(refused)) == (400, "malformed-request")


async def test_a_service_may_require_idempotency_keys(servers: Servers) -> None:
    async with sample.fresh_dsn(servers) as dsn:
        strict = Settings(postgres_dsn=dsn, kafka="127.0.0.1:1", jwt_secret=SECRET, require_idempotency_key=True)
        async with served(build(strict)) as client:
            refused = await client.post(NOTES, json={"text": "a"})
            assert (refused.status_code, name_of(refused)) == (400, "idempotency-key-missing")
            taken = await client.post(NOTES, json={"text": "a"}, headers={"Idempotency-Key": '"k"'})
            assert taken.status_code == 201


def token(**changed: object) -> str:
    claims = jwt.decode(make_token(SECRET, "me", ("fulfillment:read",)), options={"verify_signature": False})
    return jwt.encode({k: v for k, v in {**claims, **changed}.items() if v is not None}, SECRET, algorithm="HS256")


BAD_TOKENS = {
    "unsigned": jwt.encode({"sub": "me", "iss": "flacon", "aud": "flacon", "exp": 2**33}, "", algorithm="none"),
    "other secret": make_token("another secret that is long enough", "me"),
    "other algorithm": jwt.encode(
        {"sub": "me", "iss": "flacon", "aud": "flacon", "exp": 2**33}, SECRET, algorithm="HS512"
    ),
    "expired": make_token(SECRET, "me", seconds=-61),
    "other audience": token(aud="other"),
    "other issuer": token(iss="other"),
    "no expiry": token(exp=None),
    "no subject": token(sub=None),
    "subject with NUL": token(sub="a\x00b"),
    "scopes as a list": token(scope=["fulfillment:read"]),
    "endless expiry": token(exp="soon"),
    "nonsense": "abc",
    "too long": "a" * 9000,
}


@pytest.mark.parametrize("which", BAD_TOKENS)
async def test_a_token_that_proves_nothing_is_refused(client: httpx.AsyncClient, which: str) -> None:
    for _ in range(2):
        refused = await client.get(NOTES, headers={"Authorization": f"Bearer {BAD_TOKENS[which]}"})
        assert (refused.status_code, name_of(refused)) == (401, "unauthorized")
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]


async def test_without_a_token_or_its_scope_nothing_is_answered(client: httpx.AsyncClient) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}):
        refused = await client.get(NOTES, headers=headers)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    poor = {"Authorization": f"Bearer {make_token(SECRET, 'me', ('fulfillment:read',))}"}
    assert (await client.get(NOTES, headers=poor)).status_code == 200
    refused = await client.post(NOTES, json={"text": "a"}, headers=poor)
    assert (refused.status_code, name_of(refused)) == (403, "insufficient-scope")
    assert refused.json()["required_scopes"] == ["fulfillment:write"]


async def test_an_expiry_within_the_leeway_is_accepted(client: httpx.AsyncClient) -> None:
    late = {"Authorization": f"Bearer {make_token(SECRET, 'me', seconds=-30)}"}
    assert (await client.get(NOTES, headers=late)).status_code == 200


async def test_every_route_is_closed_or_known_to_be_public(client: httpx.AsyncClient, service: Service) -> None:
    document = (await client.get("/openapi.json")).json()
    open_routes = set()
    for path, operations in document["paths"].items():
        for method in operations:
            answer = await client.request(method, path.replace("{", "").replace("}", ""), headers={"Authorization": ""})
            if answer.status_code != 401:
                open_routes.add(path)
    assert open_routes == {"/livez", "/readyz", "/metrics", "/openapi.json", "/asyncapi.json"}


async def test_a_client_that_asks_too_much_is_told_when_to_go_on(servers: Servers) -> None:
    async with sample.fresh_dsn(servers) as dsn:
        slow = Settings(postgres_dsn=dsn, kafka="127.0.0.1:1", jwt_secret=SECRET, rate_limit="3/hour")
        async with served(build(slow)) as client:
            answers = [await client.get(NOTES) for _ in range(4)]
            assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
            assert answers[0].headers["ratelimit-policy"] == '"read";q=3;w=3600'
            assert answers[0].headers["ratelimit"].startswith('"read";r=2;t=')
            told = answers[3].json()
            assert told["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
            assert told["violated-policies"] == ["read"]
            assert 0 < int(answers[3].headers["retry-after"]) <= 3600
            assert (await client.post(NOTES, json={"text": "a"})).status_code == 201
            other = {"Authorization": f"Bearer {make_token(SECRET, 'another')}"}
            assert (await client.get(NOTES, headers=other)).status_code == 200
            wrong = [await client.get(NOTES, headers={"Authorization": "Bearer x"}) for _ in range(4)]
            assert [answer.status_code for answer in wrong] == [401, 401, 401, 429]
            assert (await client.get("/livez")).status_code == 200


async def test_the_operators_routes_answer(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/fulfillment/outbox")).json() == {"unsent": 0, "oldest_unsent_seconds": None}
    assert (await client.get("/api/fulfillment/dead-letters")).json() == {"items": [], "next_cursor": None}
    for call in ("GET /7", f"GET /{UUID(int=7)}", f"DELETE /{UUID(int=7)}", f"POST /{UUID(int=7)}/replay"):
        method, _, path = call.partition(" ")
        assert name_of(await client.request(method, "/api/fulfillment/dead-letters" + path)) == "not-found"
    for query in ("?cursor=x", "?cursor=WyJ4Il0"):
        assert name_of(await client.get("/api/fulfillment/dead-letters" + query)) == "malformed-request"
    reader = {"Authorization": f"Bearer {make_token(SECRET, 'me', ('fulfillment:read', 'fulfillment:write'))}"}
    assert (await client.get("/api/fulfillment/outbox", headers=reader)).status_code == 403
