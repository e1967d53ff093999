"""Inventory's snapshots: the newest counts, in whatever order and however often they come."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.bottling.domain.answers import Snapshot, hear, newest
from services.bottling.domain.batch import AnswerStatus, Batch
from services.bottling.domain.commands import Cancel, Start
from tests.unit.bottling.building import BATCH_ID, answered, batch_in, commanded, later, planned, snapshot

STATUSES: list[AnswerStatus] = ["reserved", "short", "issued", "settled", "released"]


def _histories(batch: Batch) -> st.SearchStrategy[list[Snapshot]]:
    """Snapshots with versions from 1 and whatever in them; then in any order, some of them twice."""
    statuses = st.lists(st.sampled_from(STATUSES), min_size=1, max_size=6)
    told = statuses.map(lambda each: [snapshot(batch, n, status) for n, status in enumerate(each, start=1)])
    return told.flatmap(lambda all: st.permutations([*all, *all[::2]]))


@given(_histories(batch_in("starting")))
def test_order_and_repeats_of_snapshots_do_not_matter(heard: list[Snapshot]) -> None:
    batch, told = batch_in("starting"), []
    batch = replace(batch, answer=None)
    for each in heard:
        accepted = hear(batch, each, later(5))
        batch = accepted.batch
        told += [accepted.told] if accepted.told else []
    last = max(heard, key=lambda each: each.version)
    alone = hear(replace(batch_in("starting"), answer=None), last, later(5)).batch
    assert (batch.answer, batch.materials, batch.status) == (alone.answer, alone.materials, alone.status)
    assert told in ([], ["batch.started"])
    if last.status in ("issued", "settled"):
        assert told == ["batch.started"]


@given(_histories(planned()))
def test_the_newest_of_a_list_is_all_that_is_needed(heard: list[Snapshot]) -> None:
    one_by_one = planned()
    for each in heard:
        one_by_one = hear(one_by_one, each, later(5)).batch
    at_once = hear(planned(), newest(heard)[str(BATCH_ID)], later(5)).batch
    assert (at_once.answer, at_once.materials) == (one_by_one.answer, one_by_one.materials)


def test_an_old_snapshot_changes_nothing() -> None:
    ready = batch_in("ready")
    assert hear(ready, snapshot(ready, 1, "short"), later(5)).batch is ready


def test_production_starts_once_and_moves_the_expected_completion() -> None:
    running = batch_in("in_progress")
    assert (running.started_at, running.expected_completion_at) == (later(5), later(5) + timedelta(minutes=90))
    again = hear(running, snapshot(running, 9, "issued"), later(30))
    assert again.told is None
    assert (again.batch.started_at, again.batch.version) == (running.started_at, running.version)


def test_an_answer_to_an_older_question_leaves_the_batch_starting() -> None:
    starting = commanded(batch_in("ready"), Start())
    assert answered(starting, "short", batch_version=1).status == "starting"
    assert answered(starting, "short").status == "short"


def test_a_cancelled_batch_stays_cancelled_whatever_is_heard() -> None:
    cancelled = commanded(batch_in("ready"), Cancel("not needed"))
    for status in STATUSES:
        heard = hear(cancelled, snapshot(cancelled, 9, status), later(5))
        assert (heard.batch.status, heard.told) == ("cancelled", None)


def test_a_material_that_inventory_leaves_out_keeps_its_state() -> None:
    ready = batch_in("ready")
    partial = replace(snapshot(ready, 9, "reserved"), materials=snapshot(ready, 9, "short").materials[:1])
    heard = hear(ready, partial, later(5)).batch
    assert [material.held for material in heard.materials] == [509, 10]
