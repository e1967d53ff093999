"""The services' figures against those that the topics of a small installation come to, each counted by hand."""

from dataclasses import replace
from fractions import Fraction

import pytest

from deploy.local.audit.books import Books
from deploy.local.audit.deviation import Deviation
from deploy.local.audit.figure_checks import check_figures
from deploy.local.audit.log import Log, log_of
from tests.builders import AT
from tests.unit.local.story import story

BOOKS, TOLD, IDS = story()
ANSWERS = {
    "order": {
        "fulfillment_rate": (1, 1),
        "reservation_accuracy": (6, 8),
        "delivery_performance": (1, 1),
        "order_to_delivery": (0, 1),
    },
    # 9 pieces stand there on both days
    "inventory": {"stock_turnover": (6, 9), "stockout_frequency": (0, 2)},
    "bottling": {
        "production_efficiency": (6, 6),
        "quality_rate": (5, 6),
        "material_utilization": (0, 0),
        "cost_per_unit": (1, 5),
    },
}
CASES = [(service, name) for service, figures in ANSWERS.items() for name in figures]


def _books() -> Books:
    figures = {
        service: {name: (Fraction(top), Fraction(bottom)) for name, (top, bottom) in of_service.items()}
        for service, of_service in ANSWERS.items()
    }
    ledger = tuple(replace(row, at=AT) for row in BOOKS.ledger)
    return replace(BOOKS, ledger=ledger, first_promises={IDS.shipped: AT.date()}, figures=figures)


def _found(books: Books, log: Log | None = None) -> list[Deviation]:
    return list(check_figures(books, log or TOLD.log()))


def test_figures_that_the_topics_tell_are_no_deviation() -> None:
    assert _found(_books()) == []


@pytest.mark.parametrize(("service", "name"), CASES)
@pytest.mark.parametrize("place", [0, 1])
def test_a_figure_that_is_wrong_in_either_part_is_named(service: str, name: str, place: int) -> None:
    books = _books()
    parts = list(books.figures[service][name])
    parts[place] += 1
    wrong = {**books.figures, service: {**books.figures[service], name: tuple(parts)}}
    [one] = _found(replace(books, figures=wrong))  # type: ignore[arg-type]  # two parts
    assert (one.check, one.subject) == ("figure", f"{service} {name}")


def test_a_figure_that_is_not_answered_is_named() -> None:
    books = _books()
    less = {name: parts for name, parts in books.figures["order"].items() if name != "order_to_delivery"}
    [one] = _found(replace(books, figures={**books.figures, "order": less}))
    assert (one.subject, one.actual) == ("order order_to_delivery", "no answer")


@pytest.mark.parametrize(
    ("topic", "named"),
    [
        ("fulfillment.delivered", {"order delivery_performance", "order order_to_delivery"}),
        ("stock.deducted", {"inventory stock_turnover"}),
        ("order.cancelled", {"order reservation_accuracy"}),
        ("batch.completed", {"bottling production_efficiency", "bottling quality_rate", "bottling cost_per_unit"}),
    ],
)
def test_what_a_topic_does_not_tell_is_missed(topic: str, named: set[str]) -> None:
    records = [record for record in TOLD.records if record.topic != topic]
    assert {one.subject for one in _found(_books(), log_of(records, TOLD.ranges))} == named


def test_an_order_is_late_by_its_first_promise_and_once_the_day_is_over() -> None:
    books = _books()
    late = replace(books, first_promises={IDS.shipped: AT.date().replace(day=30)})
    assert {one.subject for one in _found(late)} == {"order fulfillment_rate", "order delivery_performance"}
    two = {IDS.shipped: AT.date(), IDS.cancelled: AT.date(), IDS.rejected: AT.date()}
    assert _found(replace(books, first_promises=two)) == []
    still_open = log_of([record for record in TOLD.records if record.topic != "order.cancelled"], TOLD.ranges)
    waiting, _ = _found(replace(books, first_promises=two), still_open)
    assert (waiting.subject, waiting.expected) == ("order fulfillment_rate", "1.0 / 2.0")


def test_topics_that_lost_their_beginning_tell_no_figures() -> None:
    wrong = replace(_books(), figures={"order": {}})
    ranges = {place: (1, end) for place, (_, end) in TOLD.ranges.items()}
    assert _found(wrong, log_of(TOLD.records, ranges)) == []
    assert len(_found(wrong)) == 4
