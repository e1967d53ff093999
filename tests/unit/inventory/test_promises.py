"""The earliest day on which short units can be had: from dated batches, the first first, else from lead days."""

from datetime import UTC, date, datetime, timedelta

from services.inventory.domain.promises import Incoming, Promise, promise

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def batch(quantity: int, days: int) -> Incoming:
    return Incoming(quantity, NOW + timedelta(days=days))


TWO = (batch(5, 9), batch(3, 2))


def test_the_batch_that_makes_the_last_missing_unit_gives_the_day() -> None:
    first, second = Promise(date(2026, 2, 2), "batch"), Promise(date(2026, 2, 9), "batch")
    assert [promise(NOW, missing, TWO, 14) for missing in (1, 3, 4, 8)] == [first, first, second, second]


def test_more_than_all_batches_make_takes_the_lead_days() -> None:
    assert promise(NOW, 9, TWO, 14) == promise(NOW, 1, (), 14) == Promise(date(2026, 2, 14), "lead_days")


def test_a_batch_without_a_date_promises_nothing() -> None:
    assert promise(NOW, 1, (Incoming(100, None),), 7) == Promise(date(2026, 2, 7), "lead_days")


def test_a_batch_that_is_late_is_expected_today() -> None:
    assert promise(NOW, 1, (batch(1, -3),), 7) == Promise(date(2026, 1, 31), "batch")
