"""Bottling and inventory in conversation: what is asked, what is answered, and the status in between."""

from datetime import datetime

from services.bottling.domain.answers import hear
from services.bottling.domain.batch import AnswerStatus, Batch, Status
from services.bottling.domain.commands import (
    Accepted,
    Cancel,
    Command,
    Complete,
    Consume,
    Fail,
    Inspect,
    Rejected,
    Start,
    decide_command,
)
from tests.unit.bottling.building import later, planned, snapshot

Said = Command | AnswerStatus


def _told(batch: Batch, said: Said, now: datetime) -> Accepted:
    if isinstance(said, str):
        version = 1 if batch.answer is None else batch.answer.version + 1
        return hear(batch, snapshot(batch, version, said), now)
    decision = decide_command(batch, said, now)
    assert isinstance(decision, Accepted), decision
    return decision


def dialogue(*turns: tuple[Said, Status, str | None]) -> Batch:
    """Each turn: what is said, the status afterwards, the event told."""
    batch = planned()
    for minute, (said, status, told) in enumerate(turns):
        accepted = _told(batch, said, later(minute))
        assert (accepted.batch.status, accepted.told) == (status, told), said
        batch = accepted.batch
    return batch


def test_forward() -> None:
    batch = dialogue(
        ("reserved", "ready", None),
        (Start(), "starting", "batch.start_requested"),
        ("issued", "in_progress", "batch.started"),
        (Inspect(6, 6, ()), "quality_check", None),
        (Inspect(4, 2, (Rejected("leak", 1), Rejected("label", 1))), "quality_check", None),
        (Consume({"perfume": 505}), "quality_check", "batch.consumed"),
        ("settled", "quality_check", None),
        (Complete(), "completed", "batch.completed"),
        (Complete(), "completed", None),
    )
    assert (batch.quantity_good, batch.version, batch.question_version) == (8, 5, 4)


def test_short_then_ready_as_soon_as_a_receipt_fills_it() -> None:
    dialogue(
        ("short", "short", None),
        ("short", "short", None),
        ("reserved", "ready", None),
        (Start(), "starting", "batch.start_requested"),
        ("issued", "in_progress", "batch.started"),
    )


def test_a_start_meets_materials_that_were_taken_back() -> None:
    batch = dialogue(
        ("reserved", "ready", None),
        (Start(), "starting", "batch.start_requested"),
        ("short", "short", None),
        ("reserved", "ready", None),
        (Start(), "starting", "batch.start_requested"),
        (Start(), "starting", None),
        ("issued", "in_progress", "batch.started"),
        (Start(), "in_progress", None),
    )
    assert batch.question_version == 3


def test_materials_taken_back_before_the_start() -> None:
    dialogue(("reserved", "ready", None), ("short", "short", None), (Cancel("no"), "cancelled", "batch.cancelled"))


def test_cancel_before_inventory_has_answered_at_all() -> None:
    batch = dialogue(
        (Cancel("no"), "cancelled", "batch.cancelled"),
        (Cancel("again"), "cancelled", None),
        ("released", "cancelled", None),
    )
    assert batch.answered
    assert batch.started_at is None


def test_fail_writes_off_what_was_used() -> None:
    batch = dialogue(
        ("reserved", "ready", None),
        (Start(), "starting", "batch.start_requested"),
        ("issued", "in_progress", "batch.started"),
        (Fail("spilled", {"perfume": 100}), "failed", "batch.failed"),
        (Fail("spilled", {}), "failed", None),
        ("settled", "failed", None),
    )
    assert batch.materials_settled is True
    assert batch.cost is None


def test_consumption_is_reported_before_any_quality_check() -> None:
    dialogue(
        ("reserved", "ready", None),
        (Start(), "starting", "batch.start_requested"),
        ("issued", "in_progress", "batch.started"),
        (Consume({"perfume": 700}), "in_progress", "batch.consumed"),
        ("settled", "in_progress", None),
        (Inspect(10, 10, ()), "quality_check", None),
        (Complete(), "completed", "batch.completed"),
    )
