"""Mails in hand: taken, settled by what became of them with a step of the order's history, tried again on demand."""

from collections.abc import Sequence

from services.order.domain.intake import readable
from services.order.domain.mails import Answer, Patience, State, fate_of
from services.order.store.history import Entry, add_history
from services.order.store.mails import Mail, claim_mail, revive_mails, settle_mail
from services.order.store.statuses import statuses_of
from shared.runtime.transaction import Transaction

DETAIL_CHARACTERS_MAX = 500
MailName = tuple[str, str, int]
"""Order, kind and number."""


async def take_mail(tx: Transaction, lease_seconds: float) -> Mail | None:
    """The mail to send next, for so long in nobody else's hands; None if none is due."""
    return await claim_mail(tx, lease_seconds)


async def settle(tx: Transaction, mail: Mail, answer: Answer, patience: Patience) -> State | None:
    """Writes what became of an attempt; None if somebody else took the mail meanwhile."""
    fate = fate_of(answer, mail.attempts, mail.refusals, patience)
    detail = readable(answer.detail, DETAIL_CHARACTERS_MAX)
    if not await settle_mail(tx, mail, fate, detail or None):
        return None
    if fate.state != "waiting":
        told = f"<{mail.name}@flacon>" if fate.state == "sent" else f"given up: {detail}"
        status = (await statuses_of(tx, [mail.order_id]))[mail.order_id]
        now = await tx.clock()
        await add_history(
            tx, [Entry(mail.order_id, now, "order", f"mail.{mail.kind}", None, None, status, status, told)]
        )
    return fate.state


async def resend(tx: Transaction, named: Sequence[MailName] | None) -> list[MailName]:
    """Has dead mails tried again, the named ones or (None) all; returns those that were dead."""
    return await revive_mails(tx, named)
