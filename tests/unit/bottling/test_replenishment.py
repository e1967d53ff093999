"""From a need to the one batch that is proposed for it: never more than is missing, never twice."""

from dataclasses import replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.bottling.domain.batch import Batch
from services.bottling.domain.commands import Accepted, Start
from services.bottling.domain.recipe import RecipeVersion
from services.bottling.domain.replenishment import (
    Need,
    Supply,
    grown,
    missing_units,
    propose,
    start_by_itself,
    target_of,
)
from tests.unit.bottling.building import BATCH_ID, NOW, RECIPE, answered, commanded, planned

CAUSE = UUID("019c1234-0000-7000-8000-000000000001")
MOST = 100_000
units = st.integers(0, 1_000)


def _version(replenishment: str = "plan", batch_size: int | None = None) -> RecipeVersion:
    recipe = replace(RECIPE, replenishment=replenishment, batch_size=batch_size)  # type: ignore[arg-type]
    return RecipeVersion("rose", 1, recipe, NOW)


def _need(target: int, batches_ended: int | None = 0) -> Need:
    return Need("ROSE-50", 1, target, batches_ended, CAUSE)


def _proposed(need: Need, supply: Supply, version: RecipeVersion) -> Batch | None:
    return propose(BATCH_ID, need, supply, version, {}, MOST, NOW)


def _suggested(shortage: int, incoming: int, lot: int) -> int:
    """As inventory suggests: what is missing besides what is on its way, at least the item's lot size."""
    missing = shortage - incoming
    return max(missing, lot) if missing > 0 else 0


@given(units, units, units, st.integers(0, 100))
def test_what_should_be_on_its_way_covers_the_shortage_and_no_more_than_was_suggested(
    shortage: int, incoming: int, planned_here: int, lot: int
) -> None:
    suggested = _suggested(shortage, incoming, lot)
    target = target_of("open", shortage, incoming, suggested)
    missing = missing_units(_need(target), Supply(planned_here, 0))
    assert planned_here + missing >= shortage
    assert missing == 0 or planned_here + missing <= max(shortage, incoming + suggested)
    assert missing_units(_need(target), Supply(planned_here + missing, 0)) == 0
    assert target_of("resolved", shortage, incoming, suggested) == 0


@given(st.lists(st.integers(1, 200), min_size=1, max_size=10), st.one_of(st.none(), st.integers(1, 150)))
def test_a_proposal_follows_a_growing_need_up_to_its_batch_size(targets: list[int], batch_size: int | None) -> None:
    version = _version(batch_size=batch_size)
    proposal: Batch | None = None
    for target in targets:
        supply = Supply(proposal.quantity_planned if proposal else 0, 0, proposal)
        proposal = _proposed(_need(target), supply, version) or proposal
    assert proposal is not None
    assert proposal.quantity_planned == min(max(targets), batch_size or MOST)


@given(st.integers(1, 500), st.integers(1, 500))
def test_a_proposal_that_grew_is_the_batch_that_would_have_been_planned_at_once(first: int, more: int) -> None:
    batch = replace(planned(first), plan_reason="replenishment")
    larger = grown(batch, first + more, MOST)
    assert larger is not None
    at_once = planned(first + more)
    assert [(part.material_id, part.required) for part in larger.materials] == [
        (part.material_id, part.required) for part in at_once.materials
    ]
    assert (larger.version, larger.question_version, larger.revision) == (2, 2, 2)
    assert (larger.quantity_planned, larger.status, larger.recipe) == (first + more, "planned", batch.recipe)


def test_an_answer_to_the_smaller_proposal_does_not_start_the_larger_one() -> None:
    small = replace(planned(), plan_reason="replenishment", recipe=_version("plan_and_start").recipe)
    larger = grown(small, 20, MOST)
    assert larger is not None
    behind = answered(larger, "reserved", batch_version=1)
    assert (behind.status, start_by_itself(behind, NOW)) == ("planned", None)
    assert start_by_itself(answered(behind, "reserved"), NOW) is not None


def test_a_batch_whose_start_was_asked_for_does_not_grow() -> None:
    starting = commanded(answered(planned(), "reserved"), Start())
    assert grown(starting, 50, MOST) is None
    assert grown(answered(starting, "short"), 50, MOST) is None


def test_a_proposal_does_not_shrink() -> None:
    assert grown(planned(10), 9, MOST) is None
    assert grown(planned(10), 10, MOST) is None


def test_a_recipe_that_is_off_proposes_nothing_and_lets_nothing_grow() -> None:
    assert _proposed(_need(20), Supply(0, 0), _version("off")) is None
    assert _proposed(_need(20), Supply(10, 0, planned(10)), _version("off")) is None


def test_a_need_that_does_not_know_of_an_end_proposes_nothing() -> None:
    assert _proposed(_need(20, batches_ended=1), Supply(0, 2), _version()) is None
    assert _proposed(_need(20, batches_ended=2), Supply(0, 2), _version()) is not None
    assert _proposed(_need(20, batches_ended=None), Supply(0, 2), _version()) is not None


def test_only_a_ready_proposal_of_a_recipe_that_says_so_starts_by_itself() -> None:
    ready = answered(
        replace(planned(), plan_reason="replenishment", recipe=_version("plan_and_start").recipe), "reserved"
    )
    started = start_by_itself(ready, NOW)
    assert isinstance(started, Accepted)
    assert (started.batch.status, started.told) == ("starting", "batch.start_requested")
    assert start_by_itself(started.batch, NOW) is None
    assert start_by_itself(replace(ready, plan_reason="manual"), NOW) is None
    assert start_by_itself(replace(ready, recipe=_version("plan").recipe), NOW) is None
    assert start_by_itself(answered(ready, "short"), NOW) is None
