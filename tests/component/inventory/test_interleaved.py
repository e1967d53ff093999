"""Two instances, statement by statement in drawn order: no deadlock, always true, as if one after the other."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.component.inventory.histories import Act, History, Step, news, openings, steps, wishes
from tests.component.inventory.histories import staff as acts_of_staff
from tests.component.inventory.turns import Table
from tests.component.inventory.warehouse import Warehouse

schedules = st.lists(st.booleans(), min_size=20, max_size=60)
sweeping = st.tuples(st.just("sweep"))
acts = st.one_of(news, news, acts_of_staff.filter(lambda step: step[0] != "look"), sweeping)
works = st.lists(acts, min_size=1, max_size=2)
bounds = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def _meet(history: History, works: Sequence[Sequence[Step]], schedule: list[bool]) -> None:
    """Plays the works on two instances, and finds the order one after the other that does the same."""
    given = [[await history.act(step) for step in work] for work in works]
    await _meet_of(history, given, schedule)


async def _meet_of(history: History, given: Sequence[Sequence[Act]], schedule: list[bool]) -> None:
    table = Table(history.warehouse, history.is_true)
    await table.play([[act.really for act in work] for work in given], schedule)
    found = await history.facts()
    allowed = []
    for order in _orders(given[0], given[1]):
        oracle = deepcopy(history.oracle)
        for act in order:
            act.ideally(oracle)
        allowed.append(history.truth(oracle))
    assert found in allowed, (found, allowed)


def _orders(one: Sequence[Act], two: Sequence[Act]) -> list[list[Act]]:
    """Every way to put two sequences into one."""
    if not one or not two:
        return [[*one, *two]]
    return [[one[0], *rest] for rest in _orders(one[1:], two)] + [[two[0], *rest] for rest in _orders(one, two[1:])]


@given(
    openings, st.lists(wishes, min_size=2, max_size=5), st.lists(steps, max_size=8), st.tuples(works, works), schedules
)
@bounds
async def test_what_two_instances_do_at_once_is_what_one_would_do_after_the_other(
    warehouse: Warehouse,
    opening: dict[str, int],
    asked: list[dict[str, Any]],
    before: list[Step],
    works: tuple[list[Step], list[Step]],
    schedule: list[bool],
) -> None:
    history = History(warehouse, asked)
    await history.open(opening)
    for step in before:
        await history.play(step)
    await _meet(history, works, schedule)


@given(openings, st.lists(wishes, min_size=2, max_size=5), st.lists(steps, max_size=5), news, schedules)
@bounds
async def test_a_batch_of_events_that_two_instances_hold_at_once_has_one_effect(
    warehouse: Warehouse,
    opening: dict[str, int],
    asked: list[dict[str, Any]],
    before: list[Step],
    batch: Step,
    schedule: list[bool],
) -> None:
    history = History(warehouse, asked)
    await history.open(opening)
    for step in before:
        await history.play(step)
    twin = await history.act(batch)
    await _meet_of(history, [[twin], [twin]], schedule)
