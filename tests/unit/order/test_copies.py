"""Records are copied and loaded past their constructors: nothing may be missing that those would have set."""

import dataclasses
import re

import pytest

from services.order.domain.copies import made, replace
from services.order.domain.order import Line, Order
from services.order.store.orders import LOAD_LINES, LOCK_ORDERS


def _columns(sql: str) -> set[str]:
    selected = re.search(r"SELECT (.*?)\sFROM ", sql, re.DOTALL)
    assert selected is not None
    return {column.split(" AS ")[-1].strip() for column in selected[1].split(",")}


def _fields(kind: type) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def test_every_field_of_an_order_and_of_its_lines_is_loaded() -> None:
    assert _columns(LOCK_ORDERS) | {"lines"} == _fields(Order)
    assert _columns(LOAD_LINES) - {"order_id", "now"} == _fields(Line)


def test_a_copy_is_what_the_constructor_makes_and_leaves_the_original_alone() -> None:
    line = Line(1, "rose", "Rose", 3)
    copy = replace(line, held=2, short=1)
    assert copy == dataclasses.replace(line, held=2, short=1) != line
    assert (line.held, line.short) == (0, 0)
    assert made(Line, dataclasses.asdict(copy)) == copy


def test_a_copy_stays_frozen() -> None:
    copy = replace(Line(1, "rose", "Rose", 3), held=2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        copy.held = 3  # type: ignore[misc]
