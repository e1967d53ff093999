"""The commands on mails as an operator runs them: previews, the list, and a dead mail that is tried again."""

import asyncio
import json
import subprocess
import sys
from uuid import UUID

import pytest

from deploy.local.fleet import Surroundings
from deploy.local.home import ROOT
from services.order.domain.mails import Answer, Patience
from services.order.operations.mailing import settle, take_mail
from tests.component.order.conftest import SECRET, Shop, fulfillment_line, held

NOBODY = str(UUID(int=7 << 76 | 2 << 62))
STATES = "SELECT state FROM mails ORDER BY mail_id"


async def run(shop: Shop | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m services.order ...`; without a shop, with no database to be had."""
    dsn = "postgresql://nobody@127.0.0.1:1/none" if shop is None else shop.database.dsn
    environment = Surroundings({"order": dsn}, "127.0.0.1:1", SECRET).environment("order", 0)
    command = [sys.executable, "-m", "services.order", *arguments]
    return await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


async def confirmed(shop: Shop) -> str:
    order_id = await shop.placed(email="ann@example.org", auto_confirm=True, shipping_address={"country": "DE"})
    await shop.deliver(shop.stock(order_id, "reserved", "confirmed", 1, held()))
    return order_id


async def test_a_made_up_mail_is_shown_without_a_database() -> None:
    text = await run(None, "mail-preview", "shipped", "--language", "de")
    html = await run(None, "mail-preview", "shipped", "--html")
    assert (text.returncode, html.returncode) == (0, 0)
    assert text.stdout.startswith("Subject: Ein Paket Ihrer Bestellung R-1017 ist unterwegs\n\n")
    assert html.stdout.startswith("<!DOCTYPE html>\n")


async def test_a_mail_of_an_order_is_shown_as_it_is_now_in_its_language_and_nothing_is_written(shop: Shop) -> None:
    order_id = await confirmed(shop)
    await shop.deliver(shop.shipped(order_id, "s-1", ("rose", fulfillment_line("rose", shipped=5))))
    shown = await run(shop, "mail-preview", "shipped", "--order", order_id)
    assert shown.returncode == 0 and order_id in shown.stdout
    assert "5 x Rose" in shown.stdout and "Versand mit: DHL. Sendungsnummer: T-1." in shown.stdout
    assert await shop.count("SELECT count(*) FROM mails WHERE attempts = 0 AND state = 'waiting'") == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("mail-preview", "birthday"),
        ("mail-preview", "shipped", "--language", "fr"),
        ("mail-preview", "shipped", "--order", "17"),
        ("mail-preview", "shipped", "--order", NOBODY),
        ("mails", "list", "--state", "lost"),
        ("mails", "resend"),
        ("mails", "resend", "--all", f"{NOBODY}.shipped.1"),
        ("mails", "resend", f"{NOBODY}.birthday.1"),
        ("mails", "resend", f"{NOBODY}.shipped.x"),
    ],
)
async def test_what_makes_no_sense_is_exit_code_2(shop: Shop, arguments: tuple[str, ...]) -> None:
    refused = await run(shop, *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "Traceback" not in refused.stderr


async def test_a_dead_mail_is_listed_and_tried_again_by_its_name(shop: Shop) -> None:
    order_id = await confirmed(shop)
    async with shop.database.transaction() as tx:
        mail = await take_mail(tx, 60)
        assert mail is not None
        await settle(tx, mail, Answer("unusable", "no such thing"), Patience())
    listed = json.loads((await run(shop, "mails", "list", "--json")).stdout)
    assert [(one["mail"], one["state"], one["last_error"]) for one in listed] == [
        (f"{order_id}.confirmed.1", "dead", "no such thing")
    ]
    missing = await run(shop, "mails", "resend", f"{order_id}.shipped.1")
    assert (missing.returncode, missing.stdout) == (1, "")
    again = await run(shop, "mails", "resend", f"{order_id}.confirmed.1")
    assert (again.returncode, again.stdout) == (0, f"{order_id}.confirmed.1\n")
    assert [row["state"] for row in await shop.database.pool.fetch(STATES)] == ["waiting"]
    assert (await run(shop, "mails", "resend", "--all")).returncode == 0
