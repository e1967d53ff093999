"""What makes an order acceptable, and how its items become lines."""

import json
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.order.domain.intake import (
    ADDRESS_BYTES_MAX,
    ERRORS_MAX,
    LINES_MAX,
    QUANTITY_MAX,
    Draft,
    DraftItem,
    KnownItem,
    bounded,
    errors_of,
    is_email,
    lines_of,
    mean_price,
    readable,
    unknown_products,
)

GOOD = Draft("c-1", (DraftItem("rose", 1),), {"city": "Grasse"})


def _pointers(**changed: Any) -> list[str]:
    return [error.pointer for error in errors_of(replace(GOOD, **changed), "EUR")]


def test_a_good_order_has_no_errors() -> None:
    full = {"priority": 9, "on_shortage": "partial", "email": "a@b.example"}
    assert _pointers(**full) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("customer_id", ""),
        ("customer_id", "a b"),
        ("customer_id", "x" * 65),
        ("customer_id", "c\n"),
        ("priority", -1),
        ("priority", 10),
        ("on_shortage", "wait"),
        ("email", "nobody"),
        ("email", "a@b"),
        ("email", "a@b.c\r\nBcc: x@y.z"),
        ("shipping_address", {"note": "\x00"}),
        ("shipping_address", {"note": float("nan")}),
        ("shipping_address", {"note": "x" * ADDRESS_BYTES_MAX}),
    ],
)
def test_a_bad_field_is_named(field: str, value: object) -> None:
    assert _pointers(**{field: value}) == [f"/{field}"]


def test_an_address_may_have_4096_bytes() -> None:
    frame = len(json.dumps({"note": ""}, separators=(",", ":")))
    assert _pointers(shipping_address={"note": "x" * (ADDRESS_BYTES_MAX - frame)}) == []
    assert _pointers(shipping_address={"note": "x" * (ADDRESS_BYTES_MAX - frame + 1)}) == ["/shipping_address"]
    assert _pointers(shipping_address={"note": "é" * (ADDRESS_BYTES_MAX // 2)}) == ["/shipping_address"]


@pytest.mark.parametrize(
    ("item", "pointer"),
    [
        (DraftItem("a b", 1), "/items/0/product_id"),
        (DraftItem("rose", 0), "/items/0/quantity"),
        (DraftItem("rose", -5), "/items/0/quantity"),
        (DraftItem("rose", QUANTITY_MAX + 1), "/items/0/quantity"),
        (DraftItem("rose", 1, Decimal("1"), "USD"), "/items/0/unit_price/currency"),
        (DraftItem("rose", 1, Decimal("-0.01"), "EUR"), "/items/0/unit_price/amount"),
        (DraftItem("rose", 1, Decimal(10) ** 12, "EUR"), "/items/0/unit_price/amount"),
    ],
)
def test_a_bad_item_is_named(item: DraftItem, pointer: str) -> None:
    assert _pointers(items=(item,)) == [pointer]


def test_an_order_has_1_to_1000_lines() -> None:
    assert _pointers(items=()) == ["/items"]
    assert _pointers(items=(DraftItem("rose", 1),) * LINES_MAX) == []
    assert _pointers(items=(DraftItem("rose", 1),) * (LINES_MAX + 1)) == ["/items"]


def test_the_quantity_of_a_product_is_limited_over_all_its_lines() -> None:
    half = QUANTITY_MAX // 2
    assert _pointers(items=(DraftItem("rose", half), DraftItem("rose", half))) == []
    three = (DraftItem("rose", half), DraftItem("lily", half), DraftItem("rose", half + 1), DraftItem("rose", 1))
    assert _pointers(items=three) == ["/items/2/quantity"]


def test_no_more_than_100_errors_are_told() -> None:
    assert len(_pointers(items=(DraftItem("rose", 0),) * LINES_MAX)) == ERRORS_MAX


def test_unknown_products_are_named_by_line() -> None:
    draft = replace(GOOD, items=(DraftItem("rose", 1), DraftItem("lily", 1), DraftItem("lily", 2)))
    errors = unknown_products(draft, {"rose": KnownItem("Rose", 7)})
    assert [error.pointer for error in errors] == ["/items/1/product_id", "/items/2/product_id"]


def test_lines_of_one_product_are_one_at_its_first_mention() -> None:
    items = (
        DraftItem("rose", 1, Decimal("2"), "EUR"),
        DraftItem("lily", 3),
        DraftItem("rose", 2, Decimal("3"), "EUR"),
    )
    known = {"rose": KnownItem("Rose", 7), "lily": KnownItem("Lily", 9)}
    lines = lines_of(replace(GOOD, items=items), known)
    assert [(one.line.line, one.line.product_id, one.line.quantity, one.price) for one in lines] == [
        (1, "rose", 3, Decimal("2.6667")),
        (2, "lily", 3, None),
    ]
    assert [(one.line.name, one.line.lead_days) for one in lines] == [("Rose", 7), ("Lily", 9)]


def test_half_a_step_of_a_price_is_rounded_up() -> None:
    items = [DraftItem("rose", 1, Decimal("0.0002"), "EUR"), DraftItem("rose", 1, Decimal("0.0003"), "EUR")]
    assert mean_price(items) == Decimal("0.0003")


prices = st.decimals(min_value=0, max_value=10**6, places=4)
items = st.lists(
    st.builds(DraftItem, st.sampled_from(["a", "b", "c"]), st.integers(1, 1000), prices, st.just("EUR")), min_size=1
)


@given(items)
def test_merging_keeps_units_and_value(found: list[DraftItem]) -> None:
    known = {name: KnownItem(name, 1) for name in "abc"}
    lines = lines_of(replace(GOOD, items=tuple(found)), known)
    assert sum(one.line.quantity for one in lines) == sum(item.quantity for item in found)
    assert [one.line.product_id for one in lines] == list(dict.fromkeys(item.product_id for item in found))
    for one in lines:
        group = [item for item in found if item.product_id == one.line.product_id]
        exact = sum(Fraction(item.price or 0) * item.quantity for item in group) / one.line.quantity
        steps = (exact * 10_000 + Fraction(1, 2)).__floor__()
        assert one.price == (Decimal(steps) / 10_000).quantize(Decimal("0.0001"), ROUND_HALF_UP)


@given(st.text(max_size=300), st.text(max_size=300), st.integers(), st.text(max_size=300))
def test_whatever_upstream_writes_is_judged_without_an_error(
    customer: str, product: str, quantity: int, email: str
) -> None:
    draft = replace(GOOD, customer_id=customer, items=(DraftItem(product, quantity),), email=email)
    assert len(errors_of(draft, "EUR")) <= ERRORS_MAX
    assert "\x00" not in readable(customer) and len(readable(customer)) <= 64
    assert -(2**31) <= bounded(quantity) < 2**31


@given(st.emails())
def test_common_addresses_are_accepted(address: str) -> None:
    if not set(address) & set(',;<>"'):
        assert is_email(address) == (len(address) <= 254)
