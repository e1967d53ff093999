"""A batch that goes back while inventory holds its materials."""

from services.bottling.domain.commands import Cancel, Fail, IllegalTransition, Start, decide_command
from tests.unit.bottling.building import later
from tests.unit.bottling.test_dialogues import dialogue


def test_a_batch_whose_materials_are_held_is_cancelled_and_gives_them_back() -> None:
    batch = dialogue(
        ("reserved", "ready", None),
        (Cancel("not needed"), "cancelled", "batch.cancelled"),
        (Cancel("not needed"), "cancelled", None),
        ("released", "cancelled", None),
    )
    assert batch.answered and batch.started_at is None


def test_a_batch_whose_materials_are_issued_is_failed_never_cancelled() -> None:
    batch = dialogue(
        ("reserved", "ready", None),
        (Start(), "starting", "batch.start_requested"),
        ("issued", "in_progress", "batch.started"),
    )
    refused = decide_command(batch, Cancel("too late"), later(9))
    assert isinstance(refused, IllegalTransition) and refused.status == "in_progress"
    assert not isinstance(decide_command(batch, Fail("spilled", {}), later(9)), IllegalTransition)
