"""Questions of orders: hold, confirm, cancel; each is answered by one decision over the whole order."""

from datetime import timedelta

from services.inventory.domain.claims import Asked, Claim, ClaimStatus, Line, OrderQuestion, Refusal, Refused
from services.inventory.domain.shelf import Shelf


def claim_for(question: OrderQuestion) -> Claim:
    """A claim that has taken nothing yet."""
    claim = Claim(question.order_id, "order", "new", "reject", 0, False, question.accepted_at)
    _take_terms(claim, question)
    return claim


def _take_terms(claim: Claim, question: OrderQuestion) -> None:
    claim.policy = question.policy
    claim.priority = question.priority
    claim.protected = question.protected
    claim.accepted_at = question.accepted_at


def decide_questions(shelf: Shelf, questions: list[OrderQuestion]) -> None:
    """Decides the newest question of each order, in the order given."""
    for question in questions:
        shelf.cause = question.cause
        decide_question(shelf, question)


def decide_question(shelf: Shelf, question: OrderQuestion) -> None:
    """An older question is covered by the answer to the newer; the same one again gets the present state."""
    claim = shelf.claims.get(question.order_id)
    if claim is None:
        claim = shelf.claims[question.order_id] = claim_for(question)
    if question.version < claim.asked:
        return
    told = shelf.telling(claim)
    told.answers, told.cause = question.type, question.cause
    if question.version == claim.asked:
        return
    claim.asked = question.version
    if claim.status == "new":
        _take_terms(claim, question)
    if question.type == "order.cancelled" and question.closed:
        _close(shelf, claim, question)
    elif claim.status not in ("closed", "rejected"):
        _serve(shelf, claim, question)


def _serve(shelf: Shelf, claim: Claim, question: OrderQuestion) -> None:
    if claim.status in ("active", "confirmed"):
        _give_up(shelf, claim, question)
    if claim.status == "new":
        _take(shelf, claim, question, "confirmed" if question.wants_confirmation else "active", "rejected")
    elif question.wants_confirmation:
        _confirm(shelf, claim, question)


def _confirm(shelf: Shelf, claim: Claim, question: OrderQuestion) -> None:
    if claim.lapsed(shelf.now):
        shelf.expire(claim)
    if claim.status == "active":
        _hold_until(shelf, claim, "confirmed")
    elif claim.status == "expired":
        _retake(shelf, claim, question)


def _retake(shelf: Shelf, claim: Claim, question: OrderQuestion) -> None:
    since = claim.expires_at or shelf.now
    if shelf.now > since + timedelta(seconds=shelf.terms.late_confirm_seconds):
        claim.refusal = Refusal("expired", _refused_lines(shelf, claim, question))
        return
    shelf.telling(claim).retaken = _take(shelf, claim, question, "confirmed", "expired")


def _hold_until(shelf: Shelf, claim: Claim, status: ClaimStatus) -> None:
    seconds = shelf.terms.confirmed_seconds if status == "confirmed" else shelf.terms.hold_seconds
    claim.status = status
    claim.expires_at = shelf.now + timedelta(seconds=seconds)


# taking


def _take(shelf: Shelf, claim: Claim, question: OrderQuestion, taken: ClaimStatus, refused: ClaimStatus) -> bool:
    """Each line takes what is available, the rest queues; under `reject` it is all or nothing.

    Those that wait for what a job was still to give are served first.
    """
    shelf.serve_first(asked.item_id for asked in question.lines)
    claim.refusal = _refusal(shelf, claim, question)
    if claim.refusal is not None:
        claim.status = refused
        return False
    _hold_until(shelf, claim, taken)
    for asked in question.lines:
        line = claim.lines.setdefault(asked.item_id, Line(asked.item_id))
        line.cancelled = max(0, min(asked.cancelled, asked.quantity - line.deducted))
        shelf.join_queue(claim, line, _needed(asked, line))
        line.balance()
    shelf.fill_all(claim.lines)
    return True


def _needed(asked: Asked, line: Line | None) -> int:
    return max(0, asked.quantity - asked.cancelled - (line.deducted if line else 0))


def _refusal(shelf: Shelf, claim: Claim, question: OrderQuestion) -> Refusal | None:
    unknown = [asked.item_id for asked in question.lines if not _sellable(shelf, asked.item_id)]
    if unknown:
        lines = (Refused(asked.item_id, asked.quantity, 0, asked.item_id in unknown) for asked in question.lines)
        return Refusal("unknown_product", tuple(lines))
    for asked in question.lines:
        if shelf.room(shelf.level(asked.item_id), claim) < _needed(asked, claim.lines.get(asked.item_id)):
            shelf.expire_lapsed(asked.item_id, claim)
    lines_ = _refused_lines(shelf, claim, question)
    if claim.policy == "reject" and any(line.short for line in lines_):
        return Refusal("insufficient_stock", lines_)
    return None


def _refused_lines(shelf: Shelf, claim: Claim, question: OrderQuestion) -> tuple[Refused, ...]:
    return tuple(_refused_line(shelf, claim, asked) for asked in question.lines)


def _refused_line(shelf: Shelf, claim: Claim, asked: Asked) -> Refused:
    room = shelf.room(shelf.level(asked.item_id), claim)
    needed = _needed(asked, claim.lines.get(asked.item_id))
    return Refused(asked.item_id, needed, room, room < needed)


def _sellable(shelf: Shelf, item_id: str) -> bool:
    level = shelf.levels.get(item_id)
    return level is not None and level.active and level.kind == "product"


# giving up


def _give_up(shelf: Shelf, claim: Claim, question: OrderQuestion) -> None:
    """Holds at most what is ordered and not cancelled; queued units go first."""
    for asked in question.lines:
        line = claim.lines.get(asked.item_id)
        if line is None:
            continue
        excess = line.held + line.backordered - _needed(asked, line)
        if excess > 0:
            unqueued = shelf.leave_queue(claim, line, excess)
            shelf.give_back(claim, line, excess - unqueued, "release")
            line.cancelled += excess
    shelf.fill_all(claim.lines)


def _close(shelf: Shelf, claim: Claim, question: OrderQuestion) -> None:
    """Releases all but what shipped and is not deducted yet; the claim takes no hold ever again."""
    claim.status = "closed"
    for asked in question.lines:
        if asked.item_id not in shelf.levels:
            continue
        line = claim.lines.setdefault(asked.item_id, Line(asked.item_id))
        shelf.leave_queue(claim, line, line.backordered)
        shelf.give_back(claim, line, line.held - max(0, asked.shipped - line.deducted), "release")
        line.cancelled = max(0, asked.quantity - line.held - line.deducted)
        line.kept = line.held > 0
        line.balance()
    shelf.fill_all(claim.lines)
