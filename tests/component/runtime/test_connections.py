"""What a client may do to a connection before it has said who it is: neither memory nor time without bounds."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from urllib.parse import urlsplit

import httpx
import orjson
import pytest

from shared.runtime import connections
from shared.runtime.connections import HEAD_BYTES_MAX
from tests.component.runtime import sample
from tests.component.runtime.sample import SECRET, Settings, build, served
from tests.servers import Servers

ASKS = b"GET /livez HTTP/1.1\r\nHost: x\r\n"
LINE = b"X-Padding: " + b"a" * 1000 + b"\r\n"
PATIENCE_SECONDS = 15


@pytest.fixture
async def client(servers: Servers) -> AsyncIterator[httpx.AsyncClient]:
    async with sample.fresh_dsn(servers) as dsn:
        settings = Settings(postgres_dsn=dsn, kafka="127.0.0.1:1", jwt_secret=SECRET, rate_limit="3/hour")
        async with served(build(settings)) as client:
            yield client


async def said_to(client: httpx.AsyncClient, pieces: Iterable[bytes]) -> tuple[bytes, int]:
    """What the service answers until it hangs up, and how many bytes it took until then."""
    place = urlsplit(str(client.base_url))
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    sent = 0
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    try:
        return await asyncio.wait_for(reader.read(), PATIENCE_SECONDS), sent
    except ConnectionError:
        return b"", sent
    finally:
        writer.close()


def just_too_large(start: bytes, piece: bytes) -> list[bytes]:
    """Only the last piece is too much: a line that is closed while more comes may lose the answer."""
    return [start, *[piece] * ((HEAD_BYTES_MAX - len(start)) // len(piece) + 1)]


def problem_in(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.rpartition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    told = orjson.loads(body)
    assert head.startswith(f"HTTP/1.1 {told['status']} {told['title']}\r\n".encode())
    return told["status"], told["detail"]


async def test_a_head_that_never_ends_is_refused_before_it_fills_the_memory(client: httpx.AsyncClient) -> None:
    answer, _ = await said_to(client, just_too_large(ASKS, LINE))
    assert problem_in(answer)[0] == 431
    _, taken = await said_to(client, [ASKS, *[LINE * 100] * 1000])
    assert taken < 50 * 1000 * 1000, "it hung up long before the hundred megabytes"


async def test_a_single_header_or_path_that_never_ends_is_refused_too(client: httpx.AsyncClient) -> None:
    for start in (ASKS + b"X: ", b"GET /", ASKS + b"X"):
        answer, _ = await said_to(client, just_too_large(start, b"a" * 1000))
        assert problem_in(answer)[0] == 431


async def test_a_large_head_within_the_bound_is_answered(client: httpx.AsyncClient) -> None:
    answer, _ = await said_to(client, [ASKS, *[LINE] * 50, b"Connection: close\r\n\r\n"])
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.fixture
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS_MAX", 0.3)


@pytest.mark.usefixtures("in_haste")
async def test_a_head_that_takes_too_long_is_not_waited_for(client: httpx.AsyncClient) -> None:
    answer, _ = await said_to(client, [ASKS])
    assert problem_in(answer)[0] == 408


@pytest.mark.usefixtures("in_haste")
async def test_nor_is_that_of_a_further_request(client: httpx.AsyncClient) -> None:
    answer, _ = await said_to(client, [ASKS + b"\r\n", ASKS])
    first, found, second = answer.partition(b"HTTP/1.1 408")
    assert first.startswith(b"HTTP/1.1 200 ")
    assert found and problem_in(found + second)[0] == 408


@pytest.mark.usefixtures("in_haste")
async def test_who_says_nothing_is_hung_up_on(client: httpx.AsyncClient) -> None:
    assert (await said_to(client, []))[0] == b""


@pytest.mark.usefixtures("in_haste")
async def test_an_answer_under_way_is_not_cut(client: httpx.AsyncClient) -> None:
    """A stream lasts longer than any head may take."""
    async with client.stream("GET", "/api/fulfillment/notes/stream") as stream:
        lines = stream.aiter_lines()
        assert await anext(lines) == ": open"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                assert [line async for line in lines] == ["", "the stream never ends by itself"]


async def test_an_address_is_that_of_the_connection_whatever_headers_say(client: httpx.AsyncClient) -> None:
    """No rate is evaded by saying that one is somebody else."""
    told = [{"X-Forwarded-For": f"203.0.113.{n}", "Authorization": "Bearer x"} for n in range(4)]
    answers = [await client.get("/api/fulfillment/notes", headers=headers) for headers in told]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
