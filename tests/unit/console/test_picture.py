"""The picture that the events draw: each counted once, bounded by items and minutes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.live.hearing import CHANNELS, names_of
from console.live.picture import MINUTES_KEPT, RECENT_MAX, Level, Picture
from shared.contracts.catalog import EVENTS

NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)


def _order(order_id: str, quantity: int) -> dict[str, Any]:
    return {"order_id": order_id, "customer_id": "c-1", "lines": [{"quantity": quantity}, {"quantity": 1}]}


def test_units_are_counted_by_the_hour_and_an_event_heard_twice_once() -> None:
    picture = Picture()
    picture.hear("order.created", "1", NOW - timedelta(hours=1), _order("o-1", 4))
    for _ in range(2):
        picture.hear("order.created", "2", NOW, _order("o-2", 6))
    picture.hear("fulfillment.shipped", "3", NOW, {"order_id": "o-2", "shipped": [{"quantity": 7}]})
    picture.hear("batch.completed", "4", NOW, {"batch_id": "b-1", "quantity_good": 9})
    picture.hear("order.fulfilled", "5", NOW, {"order_id": "o-2", "customer_id": "c-1", "lines": []})

    hours = picture.hours(NOW)

    assert len(hours) == 24
    assert [(hour.orders, hour.ordered) for hour in hours[-2:]] == [(1, 5), (1, 7)]
    assert (hours[-1].shipped, hours[-1].bottled, hours[-1].fulfilled) == (7, 9, 1)
    assert picture.lately(NOW, 5).orders == 1


def test_what_is_older_than_a_day_is_forgotten() -> None:
    picture = Picture()
    for minute in range(MINUTES_KEPT + 60):
        picture.hear("order.created", str(minute), NOW - timedelta(minutes=minute), _order("o", 1))

    assert len(picture.minutes) == MINUTES_KEPT
    assert sum(hour.orders for hour in picture.hours(NOW)) <= MINUTES_KEPT
    assert len(picture.recent) <= RECENT_MAX


def test_the_newest_news_of_orders_stands_first() -> None:
    picture = Picture()
    for number in range(RECENT_MAX + 3):
        picture.hear("order.created", str(number), NOW + timedelta(seconds=number), _order(f"o-{number}", 1))

    assert [news.order_id for news in picture.recent] == [f"o-{number}" for number in range(RECENT_MAX + 2, 2, -1)]


def test_a_level_is_the_newest_of_its_item_with_the_items_name() -> None:
    picture = Picture()
    level = {"item_id": "rose", "item_kind": "product", "current": 9, "reserved": 2, "held": 0, "available": 7}
    picture.hear("stock.level_changed", "1", NOW, {**level, "incoming": 0, "queued": 0})
    picture.hear("item.changed", "2", NOW, {"item_id": "rose", "item_kind": "product", "name": "Rose", "unit": "pcs"})
    picture.hear("stock.level_changed", "3", NOW, {**level, "available": 3, "incoming": 5, "queued": 1})

    assert picture.levels() == [Level("rose", "product", "Rose", "pcs", 9, 2, 0, 3, 5, 1, 0, 0)]


@pytest.mark.parametrize(
    ("available", "min_level", "reorder", "gravity"),
    [(0, 5, 10, "stockout"), (5, 5, 10, "critical"), (10, 5, 10, "low_stock"), (11, 5, 10, "fine"), (0, 0, 0, "fine")],
)
def test_a_level_is_as_grave_as_its_alert(available: int, min_level: int, reorder: int, gravity: str) -> None:
    level = Level("rose", "product", "Rose", "pcs", 20, 0, 0, available, 0, 0, min_level, reorder)

    assert level.gravity == gravity


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_every_event_of_the_services_stirs_a_channel_and_its_subject(event: Any) -> None:
    if event.owner == "upstream":
        return
    *channels, subject = names_of(event.name, "7")

    assert set(channels) <= {"orders", "stock", "production", "fulfillment", "alerts"}
    assert subject == event.key[0].removesuffix("_id") + ":7"
    assert set(CHANNELS[event.name.split(".")[0]]) <= set(channels)
