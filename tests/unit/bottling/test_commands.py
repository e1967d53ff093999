"""What every command does in every status, and what quality checks and consumption make of a batch."""

from datetime import date
from decimal import Decimal
from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.bottling.domain.batch import ALLOWED, QUESTIONS, Action, Batch, Status
from services.bottling.domain.commands import (
    Accepted,
    Cancel,
    Complete,
    Consume,
    Fail,
    IllegalTransition,
    Inspect,
    InvalidCommand,
    Rejected,
    ShortOfMaterials,
    Start,
    decide_command,
    expiry_of,
    lot_code_of,
)
from tests.unit.bottling.building import ONE_OF_EACH, answered, batch_in, commanded, later, outcomes, planned

STATUSES: tuple[Status, ...] = get_args(Status)
ACTIONS: tuple[Action, ...] = get_args(Action)

# As in the contract, written out again: A = carried out, = = led here and changes nothing, S = short, . = illegal.
TABLE: dict[Status, str] = {
    #               start  checks  consumption  complete  cancel  fail
    "planned": "    .      .       .            .         A       .",
    "short": "      S      .       .            .         A       .",
    "ready": "      A      .       .            .         A       .",
    "starting": "   =      .       .            .         .       .",
    "in_progress": "=      A       A            .         .       A",
    "quality_check": ".    A       A            A         .       A",
    "completed": "  .      .       .            =         .       .",
    "failed": "     .      .       .            .         .       =",
    "cancelled": "  .      .       .            .         =       .",
}


def _settled() -> Batch:
    return answered(commanded(batch_in("quality_check"), Consume({})), "settled")


def _told(batch: Batch, action: Action) -> str:
    match decide_command(batch, ONE_OF_EACH[action], later(20)):
        case Accepted(after):
            return "=" if after == batch else "A"
        case ShortOfMaterials():
            return "S"
        case IllegalTransition(status, named, allowed):
            assert (status, named) == (batch.status, action)
            assert allowed == ALLOWED[batch.status]
            return "."
        case refusal:
            return repr(refusal)


@pytest.mark.parametrize("status", STATUSES)
def test_every_command_in_every_status_does_what_the_contract_says(status: Status) -> None:
    batch = _settled_with_room() if status == "quality_check" else batch_in(status)
    assert batch.status == status
    assert [_told(batch, action) for action in ACTIONS] == TABLE[status].split()


def _settled_with_room() -> Batch:
    """Settled, so that it can be completed, and with units left to inspect."""
    running = commanded(batch_in("in_progress"), Inspect(5, 5, ()))
    return answered(commanded(running, Consume({"bottle": 9})), "settled")


def test_the_table_of_statuses_has_every_status() -> None:
    assert set(ALLOWED) == set(STATUSES) == set(TABLE)


@pytest.mark.parametrize("status", STATUSES)
def test_an_accepted_question_is_told_with_the_next_version(status: Status) -> None:
    batch = batch_in(status)
    for decision in outcomes(batch, ONE_OF_EACH.values()):
        if isinstance(decision, Accepted) and decision.told in QUESTIONS:
            assert decision.batch.version == decision.batch.question_version == batch.version + 1
            assert not decision.batch.answered


def test_only_the_events_of_a_batch_count_in_its_version() -> None:
    batch = batch_in("quality_check")
    assert (batch.version, batch.question_version) == (3, 2)
    assert batch.revision > batch.version


@given(st.integers(1, 50), st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=12))
def test_good_is_produced_minus_defective_and_stays_within_what_was_planned(
    planned_units: int, checks: list[tuple[int, int]]
) -> None:
    batch = answered(commanded(answered(planned(planned_units), "reserved"), Start()), "issued")
    produced = defective = 0
    for accepted, rejected in checks:
        check = Inspect(accepted + rejected, accepted, (Rejected("leak", rejected),) if rejected else ())
        decision = decide_command(batch, check, later(10))
        fits = produced + accepted + rejected <= planned_units
        assert isinstance(decision, Accepted) == fits
        if isinstance(decision, Accepted):
            batch, produced, defective = decision.batch, produced + accepted + rejected, defective + rejected
    assert (batch.quantity_produced, batch.quantity_defective) == (produced, defective)
    assert batch.quantity_good == produced - defective
    assert 0 <= batch.quantity_good <= batch.quantity_produced <= batch.quantity_planned


@given(st.integers(1, 10), st.integers(0, 12), st.lists(st.integers(1, 5), max_size=3))
def test_an_inspection_that_does_not_add_up_is_invalid(inspected: int, accepted: int, rejected: list[int]) -> None:
    check = Inspect(inspected, accepted, tuple(Rejected("leak", units) for units in rejected))
    decision = decide_command(batch_in("in_progress"), check, later(10))
    assert isinstance(decision, Accepted) == (accepted + sum(rejected) == inspected)
    assert isinstance(decision, Accepted | InvalidCommand)


def test_a_batch_without_a_good_unit_cannot_be_completed() -> None:
    scrapped = commanded(batch_in("in_progress"), Inspect(10, 0, (Rejected("leak", 10),)), Consume({}))
    decision = decide_command(answered(scrapped, "settled"), Complete(), later(20))
    assert isinstance(decision, IllegalTransition)
    assert decision.allowed == ("quality-checks", "consumption", "fail")


def test_a_batch_is_not_completed_before_its_consumption_is_settled() -> None:
    unreported, asked = batch_in("quality_check"), commanded(batch_in("quality_check"), Consume({}))
    assert [isinstance(outcomes(batch, [Complete()])[0], IllegalTransition) for batch in (unreported, asked)] == [
        True,
        True,
    ]
    assert isinstance(outcomes(_settled(), [Complete()])[0], Accepted)


def test_a_correction_of_consumption_must_be_settled_too() -> None:
    corrected = commanded(_settled(), Consume({"bottle": 9}))
    assert corrected.materials_settled is None
    assert isinstance(outcomes(corrected, [Complete()])[0], IllegalTransition)


def test_completion_freezes_cost_lot_and_dates() -> None:
    batch = commanded(_settled(), Complete())
    assert batch.lot_code is not None and batch.lot_code.startswith("ROSE-50-20260131-")
    assert (batch.produced_on, batch.expires_on) == (date(2026, 1, 31), date(2028, 1, 31))
    assert batch.cost is not None
    assert (batch.cost.materials, batch.cost.total) == (Decimal("52.00"), Decimal("62.00"))
    assert batch.cost.unit == Decimal("7.7500")
    assert (batch.quantity_good, batch.ended_at) == (8, later(10))
    late = answered(batch, "settled", cost=Decimal(1000))
    assert (late.cost, late.status) == (batch.cost, "completed")


def test_consumption_without_numbers_is_what_was_issued() -> None:
    batch = commanded(batch_in("in_progress"), Consume({}))
    assert {material.material_id: material.consumed for material in batch.materials} == {"perfume": 510, "bottle": 10}


def test_consumption_without_numbers_counts_what_came_back_too() -> None:
    running = answered(batch_in("in_progress"), "issued", issued=7, returned=2)
    assert [material.consumed for material in commanded(running, Consume({})).materials] == [5, 5]


def test_consumption_may_be_more_or_less_than_issued() -> None:
    batch = commanded(batch_in("in_progress"), Consume({"perfume": 600, "bottle": 0}))
    assert [material.consumed for material in batch.materials] == [600, 0]


def test_the_same_consumption_again_asks_nothing() -> None:
    asked = commanded(batch_in("in_progress"), Consume({"perfume": 500}))
    for again in (Consume({"perfume": 500}), Consume({})):
        assert outcomes(asked, [again]) == [Accepted(asked)]


def test_consumption_of_a_foreign_material_is_invalid_and_changes_nothing() -> None:
    for command in (Consume({"ghost": 1}), Fail("spilled", {"ghost": 1})):
        assert isinstance(outcomes(batch_in("in_progress"), [command])[0], InvalidCommand)


def test_a_failure_keeps_what_was_reported_before() -> None:
    failed = commanded(batch_in("in_progress"), Consume({"perfume": 500}), Fail("spilled", {"bottle": 3}))
    assert [material.consumed for material in failed.materials] == [500, 3]
    assert (failed.status, failed.reason, failed.materials_settled) == ("failed", "spilled", None)
    assert answered(failed, "settled").materials_settled is True


def test_a_repeated_command_keeps_the_first_reason() -> None:
    cancelled = commanded(batch_in("ready"), Cancel("first"))
    assert commanded(cancelled, Cancel("second")).reason == "first"
    failed = commanded(batch_in("in_progress"), Fail("first", {}))
    assert commanded(failed, Fail("second", {})).reason == "first"


@given(st.uuids(), st.uuids())
def test_lot_codes_differ_where_the_last_fifty_bits_of_the_batches_do(one: UUID, other: UUID) -> None:
    day, bits = date(2026, 1, 31), (1 << 50) - 1
    same = lot_code_of("ROSE-50", day, one) == lot_code_of("ROSE-50", day, other)
    assert same == (one.int & bits == other.int & bits)


def test_a_lot_code_can_be_read_aloud() -> None:
    code = lot_code_of("ROSE-50", date(2026, 1, 31), UUID("019c1234-5678-7abc-8def-0123456789ab"))
    assert code == "ROSE-50-20260131-R14D2-PF2DB"


def test_what_keeps_for_ever_has_no_expiry() -> None:
    assert expiry_of(date(2026, 1, 31), None) is None
    assert expiry_of(date(2026, 1, 31), 1) == date(2026, 2, 1)
