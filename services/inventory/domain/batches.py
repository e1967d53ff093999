"""Questions of batches: materials are claimed, issued, settled, released."""

from services.inventory.domain.claims import BATCH_PRIORITY, BatchQuestion, Claim, Line
from services.inventory.domain.levels import Reference
from services.inventory.domain.shelf import Shelf


def decide_batch_questions(shelf: Shelf, questions: list[BatchQuestion]) -> None:
    """Decides the newest question of each batch, in the order given."""
    for question in questions:
        shelf.cause = question.cause
        decide_batch_question(shelf, question)


def decide_batch_question(shelf: Shelf, question: BatchQuestion) -> None:
    """An older question is covered by the answer to the newer; the same one again gets the present state."""
    claim = shelf.claims.get(question.batch_id)
    if claim is None:
        claim = shelf.claims[question.batch_id] = _claim_for(question)
    if question.version < claim.asked:
        return
    told = shelf.telling(claim)
    told.answers, told.cause = question.type, question.cause
    if question.version == claim.asked:
        return
    claim.asked = question.version
    _ACTIONS[question.type](shelf, claim, question)
    shelf.fill_all(claim.lines)


def _claim_for(question: BatchQuestion) -> Claim:
    return Claim(question.batch_id, "batch", "new", "backorder", BATCH_PRIORITY, False, question.asked_at)


def _line(shelf: Shelf, claim: Claim, item_id: str) -> Line:
    shelf.level(item_id)
    return claim.lines.setdefault(item_id, Line(item_id))


def _plan(shelf: Shelf, claim: Claim, question: BatchQuestion) -> None:
    """Claims what the batch needs by now; what is there is held, the rest queues."""
    if claim.status not in ("new", "confirmed"):
        return
    claim.status = "confirmed"
    for need in question.needs:
        line = _line(shelf, claim, need.item_id)
        more = need.required - line.held - line.backordered - line.deducted
        if more > 0:
            shelf.join_queue(claim, line, more)
        else:
            _shrink(shelf, claim, line, -more)
        line.balance()


def _shrink(shelf: Shelf, claim: Claim, line: Line, excess: int) -> None:
    unqueued = shelf.leave_queue(claim, line, excess)
    given = min(excess - unqueued, line.held)
    shelf.give_back(claim, line, given, "release")
    line.cancelled += unqueued + given


def _start(shelf: Shelf, claim: Claim, question: BatchQuestion) -> None:
    """Issues every material, or none: a batch that is short by now is told so."""
    _plan(shelf, claim, question)
    shelf.fill_all(claim.lines)
    if claim.status != "confirmed" or not claim.whole:
        return
    for line in claim.lines.values():
        _issue(shelf, claim, line, line.held)
    claim.status = "issued"


def _issue(shelf: Shelf, claim: Claim, line: Line, quantity: int) -> None:
    if quantity <= 0:
        return
    by = Reference("batch", claim.id, "bottling")
    shelf.depart(claim, line, quantity, "material_issue", by, "shipped")
    line.deducted += quantity
    line.balance()


def _settle(shelf: Shelf, claim: Claim, question: BatchQuestion) -> None:
    """The extra is issued, the unused returns; not reported means as issued. Nothing stays held."""
    if claim.status == "closed":
        return
    claim.status = "settled"
    for need in question.needs:
        _line(shelf, claim, need.item_id)
    for line in claim.lines.values():
        _shrink(shelf, claim, line, line.held + line.backordered)
    for need in question.needs:
        if need.consumed is not None:
            _consume(shelf, claim, claim.lines[need.item_id], need.consumed)


def _consume(shelf: Shelf, claim: Claim, line: Line, consumed: int) -> None:
    if consumed > line.issued:
        _issue(shelf, claim, line, consumed - line.issued)
    elif consumed < line.issued:
        _return(shelf, claim, line, line.issued - consumed)


def _return(shelf: Shelf, claim: Claim, line: Line, quantity: int) -> None:
    line.returned += quantity
    parts = shelf.lots.returning(line.item_id, claim.id, quantity)
    shelf.arrive(line.item_id, "material_return", quantity, Reference("batch", claim.id, "bottling"), parts)


def _release(shelf: Shelf, claim: Claim, question: BatchQuestion) -> None:
    """Gives all back and leaves a closed row, so that a question that comes later takes nothing."""
    if claim.status in ("issued", "settled"):
        return
    claim.status = "closed"
    for line in claim.lines.values():
        _shrink(shelf, claim, line, line.held + line.backordered)


_ACTIONS = {
    "batch.planned": _plan,
    "batch.start_requested": _start,
    "batch.consumed": _settle,
    "batch.failed": _settle,
    "batch.cancelled": _release,
}
