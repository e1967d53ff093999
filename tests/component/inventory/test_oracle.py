"""Random histories on a real Postgres, step by step beside an oracle that knows the rules and not the code."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.component.inventory.histories import LONG_AGO, History, openings, steps, wishes
from tests.component.inventory.warehouse import Warehouse


@given(openings, st.lists(wishes, min_size=2, max_size=5), st.lists(steps, min_size=8, max_size=30))
@settings(
    max_examples=150,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_every_unit_is_where_the_rules_put_it_after_each_step(
    warehouse: Warehouse, opening: dict[str, int], asked: list[dict[str, Any]], said: list[tuple[Any, ...]]
) -> None:
    history = History(warehouse, asked)
    await history.open(opening)
    for step in said:
        await history.play(step)
    await warehouse.is_true()


THREE = {
    "on_shortage": "backorder",
    "priority": 0,
    "protect_safety_stock": False,
    "confirm": True,
    "lines": (("P", 3),),
}
PASSED_ON: dict[str, list[tuple[Any, ...]]] = {
    "a count of nothing, then a parcel that had left": [
        ("hear", [("created", 0)]),
        ("hear", [("created", 1)]),
        ("look", "P"),
        ("count", "P", 0),
        ("hear", [("ship", 0, "P", 1, LONG_AGO)]),
    ],
    "a confirmation that tells of a cancel before the cancel itself": [
        ("hear", [("created", 0)]),
        ("hear", [("created", 1)]),
        ("hear", [("drop", 0, 1), ("confirm", 0)]),
    ],
    "a short pick while another waits": [
        ("hear", [("created", 0)]),
        ("hear", [("created", 1)]),
        ("hear", [("short", 0, "P", 1, "missing")]),
    ],
    "a batch cancelled and planned in one poll": [
        ("hear", [("planned", 0, 1)]),
        ("hear", [("created", 1)]),
        ("hear", [("cancelled", 0, 1), ("planned", 0, 1)]),
    ],
}


@pytest.mark.parametrize("said", PASSED_ON.values(), ids=PASSED_ON.keys())
async def test_what_one_gives_up_the_next_has_at_once(warehouse: Warehouse, said: list[tuple[Any, ...]]) -> None:
    history = History(warehouse, [THREE, THREE])
    await history.open({"P": 3, "Q": 0, "G": 3})
    for step in said:
        await history.play(step)
