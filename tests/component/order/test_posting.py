"""Mails on their way: counted at a real mail server that refuses, drops, is slow or is not there."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from email.headerregistry import Address
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.order.domain.mails import Answer, Patience
from services.order.jobs.posting import LEASE_SECONDS, LogInstead, Mailroom, count_job, post_errand, post_mails
from services.order.jobs.smtp import MailServer as Server
from services.order.jobs.smtp import Unreachable
from services.order.operations.mailing import resend, settle, take_mail
from services.order.views.mails import is_any_due
from shared.runtime.database import Database
from shared.runtime.jobs import run_jobs, tick_once
from tests.component.order.conftest import Shop, fulfillment_line, held, until
from tests.mail_server import HOST, MailServer, mail_server, make_certificate
from tests.plans import rows_read

SENDER = Address("Flacon", addr_spec="orders@flacon.example")
PATIENCE = Patience(retry_seconds=(0.001,), refusals_max=3)
STATES = "SELECT kind, state, attempts, refusals, last_error, facts FROM mails ORDER BY mail_id"
LAPSE = "UPDATE mails SET next_attempt_at = clock_timestamp()"
PUT_OFF = "UPDATE mails SET next_attempt_at = clock_timestamp() + interval '1 hour' WHERE kind = $1"
BREAK_ADDRESS = "UPDATE order_recipients SET email = $2 WHERE order_id = $1::uuid"


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as running:
        yield running


def room(server: MailServer, **fields: Any) -> Mailroom:
    """Mails leave in clear to that server, and are tried again at once."""
    most = fields.pop("round_max", 50)
    return Mailroom(Server(**{"host": HOST, "port": server.port, "tls": "none", **fields}), SENDER, PATIENCE, most)


async def post(shop: Shop, mailroom: Mailroom) -> int:
    return await post_mails(shop.database, mailroom, asyncio.Event())


async def confirmed(shop: Shop, email: str = "ann@example.org", **fields: Any) -> str:
    """An order whose customer is to be told that it is confirmed."""
    order_id = await shop.placed(email=email, auto_confirm=True, **fields)
    await shop.deliver(shop.stock(order_id, "reserved", "confirmed", 1, held()))
    return order_id


async def states(shop: Shop) -> list[tuple[str, str, int, int]]:
    """Kind, state, attempts and refusals of every mail."""
    rows = await shop.database.pool.fetch(STATES)
    return [(row["kind"], row["state"], row["attempts"], row["refusals"]) for row in rows]


async def told_in_history(shop: Shop, order_id: str) -> list[tuple[str, str]]:
    items = (await shop.get(f"/{order_id}/history"))["items"]
    return [(item["event"], item["detail"]) for item in items if item["event"].startswith("mail.")]


async def test_a_mail_is_sent_once_and_stands_in_the_history(shop: Shop, server: MailServer) -> None:
    order_id = await confirmed(shop, shipping_address={"name": "Ann", "country": "DE"})
    assert await told_in_history(shop, order_id) == []
    assert [await post(shop, room(server)) for _ in range(3)] == [1, 0, 0]
    assert server.counted() == {f"{order_id}.confirmed.1": 1} and server.recipients == ["ann@example.org"]
    assert "bestätigt" in server.got[0]["Subject"]
    assert await told_in_history(shop, order_id) == [("mail.confirmed", f"<{order_id}.confirmed.1@flacon>")]
    assert await states(shop) == [("confirmed", "sent", 1, 0)]
    [mail] = await shop.database.pool.fetch(STATES)
    assert mail["facts"] is None


FILL = """
WITH numbers AS (SELECT number, uuidv7() AS order_id FROM generate_series(1, 20000) AS number
), placed AS (
    INSERT INTO orders (order_id, customer_id, priority, on_shortage, auto_confirm, protect_safety_stock, accepted_at,
                        updated_at, status, confirm, version, revision)
    SELECT order_id, 'c-1', 0, 'reject', true, false, now(), now(), 'confirmed', true, 1, 1 FROM numbers
), addressed AS (
    INSERT INTO order_recipients (order_id, shipping_address, email)
    SELECT order_id, '{}', 'ann@example.org' FROM numbers
)
INSERT INTO mails (order_id, kind, n, facts, state, made_at, next_attempt_at, ended_at)
SELECT order_id, 'shipped', n, CASE WHEN n > 2 THEN '{}'::jsonb END, CASE WHEN n > 2 THEN 'waiting' ELSE 'sent' END,
    now(), now() + interval '1 hour', CASE WHEN n <= 2 THEN now() END
FROM numbers, generate_series(1, 3) AS n
"""
READ_MAX = 50
"""Of 40,000 mails that were sent and 20,000 that were put off."""


async def test_looking_for_a_mail_reads_none_that_was_sent_or_put_off(shop: Shop, server: MailServer) -> None:
    await shop.database.pool.execute(FILL)
    await shop.database.pool.execute("ANALYZE mails")
    async with shop.database.reading() as connection:
        assert await rows_read(connection, partial(is_any_due, connection)) <= READ_MAX
    async with shop.database.transaction() as tx:
        assert await rows_read(tx.connection, partial(take_mail, tx, LEASE_SECONDS)) <= READ_MAX
    order_id = await confirmed(shop)
    async with shop.database.reading() as connection:
        assert await rows_read(connection, partial(is_any_due, connection)) <= READ_MAX
    assert await post(shop, room(server)) == 1
    assert server.counted() == {f"{order_id}.confirmed.1": 1}


async def test_a_round_is_one_connection_and_bounded(shop: Shop, server: MailServer) -> None:
    for _ in range(5):
        await confirmed(shop)
    assert [await post(shop, room(server, round_max=3)) for _ in range(3)] == [3, 2, 0]
    assert (server.connections, len(server.got), len(server.counted())) == (2, 5, 5)


async def test_a_mail_whose_acceptance_was_not_heard_is_sent_again_with_the_same_identity(
    shop: Shop, server: MailServer
) -> None:
    order_id = await confirmed(shop)
    server.whims.append("drop")
    await post(shop, room(server))
    assert await states(shop) == [("confirmed", "waiting", 1, 0)]
    assert await told_in_history(shop, order_id) == []
    await _all_sent(shop, server)
    assert server.counted() == {f"{order_id}.confirmed.1": 2}
    first, again = server.got
    assert first["Message-ID"] == again["Message-ID"] and first["Date"] == again["Date"]
    assert len(await told_in_history(shop, order_id)) == 1


async def _all_sent(shop: Shop, server: MailServer) -> None:
    async def none_waits() -> bool:
        await post(shop, room(server))
        return all(state == "sent" for _, state, _, _ in await states(shop))

    await until(none_waits)


async def test_a_greylisted_mail_is_tried_until_it_is_taken_and_no_refusal_is_counted(
    shop: Shop, server: MailServer
) -> None:
    order_id = await confirmed(shop)
    server.whims += ["greylist"] * 7
    await _all_sent(shop, server)
    assert server.counted() == {f"{order_id}.confirmed.1": 1}
    assert await states(shop) == [("confirmed", "sent", 8, 0)]


async def test_a_greylisted_mail_holds_nobody_up_but_its_order(shop: Shop, server: MailServer) -> None:
    waiting = await confirmed(shop)
    await shop.deliver(shop.shipped(waiting, "s-1", ("rose", fulfillment_line("rose", shipped=5))))
    other = await confirmed(shop, "bob@example.org")
    await shop.database.pool.execute(PUT_OFF + " AND order_id = $2::uuid", "confirmed", waiting)
    assert [await post(shop, room(server)) for _ in range(2)] == [1, 0]
    assert server.counted() == {f"{other}.confirmed.1": 1} and server.connections == 1
    await shop.database.pool.execute(LAPSE)
    assert await post(shop, room(server)) == 2
    assert [str(message["Message-ID"]).split(".")[1] for message in server.got] == ["confirmed", "confirmed", "shipped"]


@pytest.mark.parametrize("whim", ["refuse", "refuse_content"])
async def test_a_mail_refused_three_times_is_dead_and_visible_and_can_be_sent_again(
    shop: Shop, server: MailServer, whim: Any
) -> None:
    order_id = await confirmed(shop)
    server.whims += [whim] * 3
    for _ in range(3):
        await shop.database.pool.execute(LAPSE)
        assert await post(shop, room(server, round_max=1)) == 1
    assert await states(shop) == [("confirmed", "dead", 3, 3)]
    [(event, detail)] = await told_in_history(shop, order_id)
    assert event == "mail.confirmed" and detail.startswith("given up: 55")
    assert await post(shop, room(server)) == 0
    async with shop.database.transaction() as tx:
        assert await resend(tx, [(order_id, "shipped", 1)]) == []
        assert await resend(tx, [(order_id, "confirmed", 1)]) == [(order_id, "confirmed", 1)]
        assert await resend(tx, None) == []
    assert await post(shop, room(server)) == 1
    assert await states(shop) == [("confirmed", "sent", 4, 0)]
    assert len(await told_in_history(shop, order_id)) == 2


async def test_a_refused_mail_does_not_keep_its_neighbours_on_the_connection(shop: Shop, server: MailServer) -> None:
    server.refused.add("ann@example.org")
    await confirmed(shop)
    other = await confirmed(shop, "bob@example.org")
    assert await post(shop, room(server, round_max=2)) == 2
    assert server.counted() == {f"{other}.confirmed.1": 1} and server.connections == 1


async def test_an_address_that_cannot_be_written_to_is_dead_at_once(shop: Shop, server: MailServer) -> None:
    order_id = await confirmed(shop)
    await shop.database.pool.execute(BREAK_ADDRESS, order_id, "ann@example.org\r\nBcc: all@example.org")
    assert await post(shop, room(server)) == 1
    assert await states(shop) == [("confirmed", "dead", 1, 0)]
    assert server.got == [] and server.recipients == []


async def test_a_mail_that_cannot_be_written_is_dead_at_once_and_keeps_nobody(shop: Shop, server: MailServer) -> None:
    await confirmed(shop)
    await shop.database.pool.execute("UPDATE mails SET facts = '{}'")
    other = await confirmed(shop)
    with capture_logs() as lines:
        assert await post(shop, room(server)) == 2
    assert [(state, refusals) for _, state, _, refusals in await states(shop)] == [("dead", 0), ("sent", 0)]
    assert server.counted() == {f"{other}.confirmed.1": 1}
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["mail cannot be written"]


@pytest.mark.parametrize("whim", ["refuse_sender", "close"])
async def test_a_server_that_will_not_serve_us_ends_the_round_and_gives_no_mail_up(
    shop: Shop, server: MailServer, whim: Any
) -> None:
    for _ in range(2):
        await confirmed(shop)
    for _ in range(4):
        server.whims.append(whim)
        await shop.database.pool.execute(LAPSE)
        assert await post(shop, room(server)) == 1
    assert {(state, refusals) for _, state, _, refusals in await states(shop)} == {("waiting", 0)}
    await _all_sent(shop, server)
    assert set(server.counted().values()) == {1} and len(server.got) == 2


async def test_a_server_that_is_not_there_touches_no_mail(shop: Shop) -> None:
    await confirmed(shop)
    async with mail_server() as gone:
        pass
    for _ in range(3):
        with pytest.raises(Unreachable, match=f"mail server {HOST}:{gone.port}"):
            await post(shop, room(gone))
    assert await states(shop) == [("confirmed", "waiting", 0, 0)]


async def test_a_server_that_answers_too_slowly_is_left_and_the_mail_is_kept(shop: Shop, server: MailServer) -> None:
    await confirmed(shop)
    server.whims.append("hang")
    assert await post(shop, room(server, seconds=0.2)) == 1
    assert await states(shop) == [("confirmed", "waiting", 1, 0)]
    await _all_sent(shop, server)
    assert len(server.counted()) == 1 and len(server.got) == 2


async def test_whoever_is_to_stop_takes_no_further_mail(shop: Shop, server: MailServer) -> None:
    await confirmed(shop)
    stop = asyncio.Event()
    stop.set()
    assert await post_mails(shop.database, room(server), stop) == 0
    assert await states(shop) == [("confirmed", "waiting", 0, 0)]


async def test_several_instances_at_once_send_each_mail_once(shop: Shop, server: MailServer) -> None:
    orders = [await confirmed(shop) for _ in range(24)]
    for order_id in orders[:8]:
        await shop.deliver(shop.shipped(order_id, f"s-{order_id}", ("rose", fulfillment_line("rose", shipped=5))))
    others = [Database("order", shop.database.dsn) for _ in range(3)]
    for other in others:
        await other.open()
    try:
        stop = asyncio.Event()
        counts = await asyncio.gather(*(post_mails(one, room(server), stop) for one in (*others, shop.database)))
        assert sum(counts) <= 32
        await _all_sent(shop, server)
    finally:
        for other in others:
            await other.close()
    assert server.counted() == Counter(
        [*(f"{id}.confirmed.1" for id in orders), *(f"{id}.shipped.1" for id in orders[:8])]
    )


async def test_a_mail_in_hand_is_nobody_elses_until_its_lease_is_over(shop: Shop, server: MailServer) -> None:
    order_id = await confirmed(shop)
    async with shop.database.transaction() as tx:
        mail = await take_mail(tx, LEASE_SECONDS)
    assert mail is not None and mail.name == f"{order_id}.confirmed.1"
    assert await post(shop, room(server)) == 0
    await shop.database.pool.execute(LAPSE)
    assert await post(shop, room(server)) == 1
    late = [await _settled(shop, mail, Answer(outcome)) for outcome in ("failed", "refused", "sent")]
    assert late == [None, None, None]
    assert await states(shop) == [("confirmed", "sent", 2, 0)]
    assert len(await told_in_history(shop, order_id)) == 1


async def test_what_a_late_instance_says_failed_does_not_count_but_what_it_sent_does(shop: Shop) -> None:
    await confirmed(shop)
    async with shop.database.transaction() as tx:
        first = await take_mail(tx, 0)
    async with shop.database.transaction() as tx:
        second = await take_mail(tx, LEASE_SECONDS)
    assert first is not None and second is not None and first.mail_id == second.mail_id
    assert await _settled(shop, first, Answer("refused", "550 no")) is None
    assert await _settled(shop, first, Answer("sent")) == "sent"
    assert await _settled(shop, second, Answer("refused", "550 no")) is None
    assert await states(shop) == [("confirmed", "sent", 2, 0)]


async def _settled(shop: Shop, mail: Any, answer: Answer) -> str | None:
    async with shop.database.transaction() as tx:
        return await settle(tx, mail, answer, PATIENCE)


@pytest.mark.parametrize("implicit", [False, True])
async def test_tls_with_a_login(shop: Shop, tmp_path: Path, implicit: bool) -> None:
    certificate = make_certificate(tmp_path / "mail.pem")
    await confirmed(shop)
    async with mail_server(certificate=certificate, implicit=implicit, login=True) as server:
        tls: dict[str, Any] = {"tls": "tls" if implicit else "starttls", "ca_file": str(certificate)}
        with pytest.raises(Unreachable, match="535") as refused:
            await post(shop, room(server, username="flacon", password="a wrong one", **tls))
        assert "a wrong one" not in str(refused.value)
        assert await post(shop, room(server, username="flacon", password="a secret", **tls)) == 1
    assert (server.encrypted, server.users, len(server.got)) == ([True], ["flacon"], 1)


@pytest.mark.parametrize("implicit", [False, True])
async def test_a_server_whose_certificate_nobody_vouches_for_is_not_talked_to(
    shop: Shop, tmp_path: Path, implicit: bool
) -> None:
    certificate = make_certificate(tmp_path / "mail.pem")
    await confirmed(shop)
    async with mail_server(certificate=certificate, implicit=implicit) as server:
        with pytest.raises(Unreachable, match=f"mail server {HOST}"):
            await post(shop, room(server, tls="tls" if implicit else "starttls"))
    assert server.got == []


@pytest.mark.parametrize("login", [{}, {"username": "flacon", "password": "a secret"}])
async def test_a_server_without_tls_is_not_talked_to_in_clear(
    shop: Shop, server: MailServer, login: dict[str, str]
) -> None:
    await confirmed(shop)
    with pytest.raises(Unreachable, match="STARTTLS"):
        await post(shop, room(server, tls="starttls", **login))
    assert server.got == [] and server.users == []
    assert await states(shop) == [("confirmed", "waiting", 0, 0)]


async def test_without_a_server_a_mail_is_a_line_of_the_log_that_keeps_its_reader_secret(shop: Shop) -> None:
    order_id = await confirmed(shop, "ann.private@example.org")
    with capture_logs() as lines:
        assert await post(shop, Mailroom(LogInstead(), SENDER, PATIENCE)) == 1
    [line] = [line for line in lines if line["event"] == "mail"]
    assert line["message_id"] == f"<{order_id}.confirmed.1@flacon>" and line["to"] == "***@example.org"
    assert "ann.private" not in str(lines)
    assert await states(shop) == [("confirmed", "sent", 1, 0)]


async def test_a_refusal_that_names_the_reader_is_not_logged(shop: Shop, server: MailServer) -> None:
    await confirmed(shop, "ann.private@example.org")
    server.whims.append("refuse")
    with capture_logs() as lines:
        await post(shop, room(server))
    assert [line["outcome"] for line in lines if line["event"] == "mail not sent"] == ["refused"]
    assert "ann.private" not in str(lines)


async def test_mails_that_wait_and_dead_ones_are_metrics(shop: Shop, server: MailServer) -> None:
    server.refused.add("ann@example.org")
    await confirmed(shop)
    for _ in range(3):
        await shop.database.pool.execute(LAPSE)
        await post(shop, room(server))
    for _ in range(2):
        await confirmed(shop, "bob@example.org")
    await tick_once(shop.database, count_job())
    metrics = (await shop.client.get("/metrics")).text
    assert 'flacon_mails{state="waiting"} 2.0' in metrics and 'flacon_mails{state="dead"} 1.0' in metrics


async def test_the_errand_goes_on_after_an_outage_and_stops_when_it_is_told(shop: Shop, server: MailServer) -> None:
    order_id = await confirmed(shop)
    post_of_outage, stop = Outage(room(server).post, failures=2), asyncio.Event()
    errand = post_errand(Mailroom(post_of_outage, SENDER, PATIENCE), 0.01)
    running = asyncio.create_task(run_jobs(shop.database, [errand], stop))
    await until(lambda: _is_sent(shop))
    stop.set()
    await asyncio.wait_for(running, 10)
    assert (post_of_outage.failures, server.counted()) == (0, {f"{order_id}.confirmed.1": 1})


async def _is_sent(shop: Shop) -> bool:
    return [state for _, state, _, _ in await states(shop)] == ["sent"]


class Outage:
    """A post that cannot be reached so often, then can."""

    def __init__(self, post: Any, failures: int) -> None:
        self._post = post
        self.failures = failures

    def opened(self) -> Any:
        if self.failures:
            self.failures -= 1
            raise Unreachable("mail server: away")
        return self._post.opened()


async def test_a_reader_whose_name_is_not_ascii_cannot_be_written_to(shop: Shop, server: MailServer) -> None:
    order_id = await confirmed(shop, "änn@example.org")
    assert await post(shop, room(server)) == 1
    assert await states(shop) == [("confirmed", "dead", 1, 0)]
    [(_, detail)] = await told_in_history(shop, order_id)
    assert detail.startswith("given up: the recipient's address cannot be used") and server.recipients == []


async def test_a_reader_whose_domain_has_letters_of_its_own_is_written_to_in_ascii(
    shop: Shop, server: MailServer
) -> None:
    await confirmed(shop, "ann@bücher.example")
    assert await post(shop, room(server)) == 1
    assert server.recipients == ["ann@xn--bcher-kva.example"]
