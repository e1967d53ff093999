"""How values read: numbers, money, statuses; nothing that was entered becomes markup."""

import re
from pathlib import Path

import pytest

from console.pages.operations import lag_of
from console.services import Refusal
from console.visit import Form
from console.words import WHY_NONE, badge, clock, decimal, figure, money, number, short, when

FIGURES = Path(__file__).resolve().parents[3] / "docs" / "figures.md"


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (0, "0"), (12345, "12\u202f345"), (-5, "-5")])
def test_a_number_reads_in_threes(value: int | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [("12.3400", "12.34 EUR"), ("12", "12.00 EUR"), ("0.5000", "0.50 EUR"), ("1.23456", "1.23456 EUR")],
)
def test_money_keeps_every_digit_that_says_something(amount: str, text: str) -> None:
    assert money({"amount": amount, "currency": "EUR"}) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        ("0.9512", "ratio", "95.1 %"),
        (1, "ratio", "100.0 %"),
        ("11.5", "EUR", "11.50 <small>EUR</small>"),
        ("0.5200", "times", "0.52 ×"),
        ("42.4", "seconds", "42 s"),
        ("5400", "seconds", "1.5 h"),
        ("172800.0000", "seconds", "2.0 days"),
    ],
)
def test_a_figure_reads_with_its_unit(value: object, unit: str, text: str) -> None:
    assert figure(value, unit) == text


def test_a_figure_without_data_says_what_it_waits_for() -> None:
    defined = re.findall(r"^\| `([a-z_]+)` \|", FIGURES.read_text(), re.MULTILINE)
    assert len(defined) == 12
    assert sorted(WHY_NONE) == sorted(defined)
    for name in defined:
        assert f"nothing to judge: {WHY_NONE[name]}" in figure(None, "ratio", name)


def test_what_need_not_be_whole_is_told_to_one_place() -> None:
    assert (decimal("1234.5600"), decimal(None)) == ("1\u202f234.6", "–")


def test_what_somebody_entered_is_never_markup() -> None:
    assert "<b>" not in badge("<b>") + short("<b>" * 9) + when("<b>") + clock("<b>")


def test_times_are_in_utc_wherever_they_come_from() -> None:
    assert "11:00:00.250<" in clock("2026-01-31T12:00:00.250+01:00")


def test_a_form_gives_rows_of_what_was_filled_in() -> None:
    form = Form({"product_id.1": " rose ", "quantity.1": "3", "product_id.2": "", "quantity.2": "9", "x.y": "z"})

    assert form.rows("product_id", "quantity") == [{"product_id": "rose", "quantity": "3"}]


@pytest.mark.parametrize("text", ["", "1.5", "five", "1e3"])
def test_a_number_that_is_none_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(Refusal) as refusal:
        Form({"n": text}).number("n", "The quantity")
    assert refusal.value.status == 422
    assert "The quantity" in refusal.value.detail


def test_lag_is_the_sum_over_partitions_or_unknown() -> None:
    told = (
        'flacon_consumer_lag{partition="0",topic="a"} 3.0\nflacon_consumer_lag{partition="1",topic="a"} 4.0\nother 9\n'
    )

    assert (lag_of(told), lag_of("other 9\n")) == (7, None)
