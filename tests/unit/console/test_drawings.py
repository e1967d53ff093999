"""Drawings say what the records say: every step, every wire, every batch in its place."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from console.drawing.saga import LANES, ROW_HEIGHT, draw_saga
from console.drawing.spark import HEIGHT, WIDTH, drawn_days, newest, spark
from console.drawing.timeline import BATCHES_MAX, draw_timeline
from console.drawing.timeline import WIDTH as TIMELINE_WIDTH
from console.drawing.trace import BOXES_MAX, draw_trace

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def _step(number: int, cause: int | None, event: str, service: str, before: str, after: str) -> dict[str, Any]:
    return {
        "at": (NOW + timedelta(seconds=number)).isoformat(),
        "service": service,
        "event": event,
        "event_id": str(number),
        "causation_id": None if cause is None else str(cause),
        "from_status": before,
        "to_status": after,
        "detail": None,
    }


def test_a_saga_has_a_row_for_each_step_and_an_arrow_from_each_known_cause() -> None:
    saga = draw_saga(
        [
            _step(0, None, "order.created", "order", "created", "created"),
            _step(1, 0, "stock.reserved", "inventory", "created", "confirmed"),
            _step(70, 99, "order.cancellation_requested", "order", "confirmed", "cancelling"),
            _step(4000, 70, "fulfillment.cancelled", "fulfillment", "cancelling", "cancelled"),
        ]
    )

    assert [(step.event, step.tone, step.change) for step in saga.steps] == [
        ("order.created", "forward", None),
        ("stock.reserved", "forward", "confirmed"),
        ("order.cancellation_requested", "back", "cancelling"),
        ("fulfillment.cancelled", "back", "cancelled"),
    ]
    assert [step.since_first for step in saga.steps] == ["+0.000 s", "+1.000 s", "+1 min 10 s", "+1 h 6 min"]
    assert len(saga.arrows) == 2
    assert saga.height == 4 * ROW_HEIGHT
    assert [step.x for step in saga.steps] == [saga.lanes[lane][1] for lane in (1, 2, 1, 3)]


def test_nobody_is_left_out_of_a_saga_that_is_empty_or_speaks_of_others() -> None:
    assert draw_saga([]).steps == []
    [step] = draw_saga([_step(0, None, "batch.started", "bottling", "created", "created")]).steps
    assert 0 < step.x < len(LANES) * 40


def test_a_trace_goes_from_suppliers_over_the_batch_to_customers() -> None:
    lot = {"lot_id": "L", "lot_code": "ROSE-1", "item_id": "rose", "batch_id": "B"}
    backward = [{"lot_id": "O", "item_id": "oil", "supplier_lot": "S-1", "batch_id": "B", "quantity": 500}]
    forward = [
        {"lot_id": "L", "batch_id": None, "order_id": "o-1", "shipment_id": "s-1", "customer_id": "ada", "quantity": 3}
    ]

    drawing = draw_trace({"lot": lot, "backward": backward, "forward": forward})

    left_to_right = sorted(drawing.boxes, key=lambda box: box.x)
    assert [(box.title, box.kind) for box in left_to_right] == [
        ("S-1", "lot"),
        ("…B", "batch"),
        ("ROSE-1", "here"),
        ("ada", "parcel"),
    ]
    assert len({box.x for box in drawing.boxes}) == 4
    assert sorted(units for *_, units in drawing.wires) == [0, 3, 500]
    assert (drawing.left_out, left_to_right[3].link) == (0, "/orders/o-1")


@settings(deadline=None)
@given(parcels=st.integers(0, 300))
def test_no_box_of_a_trace_lies_on_another_and_what_is_left_out_is_told(parcels: int) -> None:
    lot = {"lot_id": "L", "lot_code": "ROSE-1", "item_id": "rose", "batch_id": None}
    forward = [
        {
            "lot_id": "L",
            "batch_id": None,
            "order_id": f"o-{n}",
            "shipment_id": f"s-{n}",
            "customer_id": "c",
            "quantity": 1,
        }
        for n in range(parcels)
    ]

    drawing = draw_trace({"lot": lot, "backward": [], "forward": forward})

    assert len({(box.x, box.y) for box in drawing.boxes}) == len(drawing.boxes)
    assert len(drawing.boxes) + drawing.left_out == parcels + 1
    assert len(drawing.boxes) <= BOXES_MAX
    assert all(box.y + 42 <= drawing.height and box.x + 160 <= drawing.width for box in drawing.boxes)


@settings(deadline=None)
@given(values=st.lists(st.integers(0, 10**9), max_size=30))
def test_a_small_line_stays_in_its_frame(values: list[int]) -> None:
    drawing = spark(values)
    points = [tuple(map(float, point.split(","))) for point in drawing["line"].split()]

    assert len(points) == len(values)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)


@settings(deadline=None)
@given(batches=st.lists(st.tuples(st.integers(-5000, 5000), st.one_of(st.none(), st.integers(-5000, 0))), max_size=60))
def test_batches_lie_in_rows_within_the_line_of_time(batches: list[tuple[int, int | None]]) -> None:
    told = [
        {
            "batch_id": str(number),
            "quantity_expected": 1,
            "product_id": "rose",
            "expected_completion_at": (NOW + timedelta(minutes=due)).isoformat(),
            "started_at": None if began is None else (NOW + timedelta(minutes=began)).isoformat(),
            "late": due < 0,
        }
        for number, (due, began) in enumerate(batches)
    ]

    drawing = draw_timeline(told, NOW)

    assert len(drawing.bars) + drawing.left_out == len(batches)
    assert len(drawing.bars) <= BATCHES_MAX
    assert len({bar.y for bar in drawing.bars}) == len(drawing.bars)
    assert all(bar.x >= 0 and bar.x + bar.width <= TIMELINE_WIDTH + 5 for bar in drawing.bars)
    assert 0 <= drawing.now <= TIMELINE_WIDTH


def test_days_add_up_but_a_level_is_the_newest_and_what_did_not_answer_draws_nothing() -> None:
    answer = {"days": [{"sold": 2, "available": 9}, {"sold": -1, "available": 7}, {"sold": 4, "available": 8}]}
    lines = (("Sales", "shipped", "sold", sum), ("Stock", "available", "available", newest))

    sales, stock = drawn_days(answer, *lines)

    assert (sales["total"], sales["peak"], stock["total"], stock["peak"]) == (5, 4, 8, 9)
    assert sales["drawing"] == spark([2, 0, 4])
    assert drawn_days(None, *lines) == []
    assert drawn_days({"days": []}, *lines)[1]["total"] == 0
