"""Figures of bottling, against batches counted by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.bottling.views.figures import figures_in
from shared.runtime.kpis import Window
from tests.component.bottling.conftest import Plant
from tests.plans import rows_read

END = "UPDATE batches SET ended_at = $2 WHERE batch_id = $1::uuid"
SPEND = """
UPDATE batch_materials SET issued = $3, returned = $4, cost = $5 WHERE batch_id = $1::uuid AND material_id = $2
"""
DAY = datetime(2026, 3, 10, 12, tzinfo=UTC)
NAMES = ["production_efficiency", "quality_rate", "material_utilization", "cost_per_unit"]


async def _figures(plant: Plant, first: int = 0, days: int = 1) -> dict[str, tuple[Any, Any, Any]]:
    """The figures of some days, counted from DAY."""
    since = (DAY + timedelta(days=first)).date()
    body = await plant.get(f"kpis?from={since}&to={since + timedelta(days=days)}")
    return {one["name"]: (one["value"], one["numerator"], one["denominator"]) for one in body["figures"]}


async def _checked(plant: Plant, batch: dict[str, Any], accepted: int, rejected: int) -> None:
    check = {
        "inspected": accepted + rejected,
        "accepted": accepted,
        "rejected": [{"reason_code": "leak", "quantity": rejected}] if rejected else [],
    }
    assert (await plant.post(f"batches/{batch['batch_id']}/quality-checks", check)).status_code == 201


async def _ended(plant: Plant, batch: dict[str, Any], command: str, when: datetime, body: Any = None) -> None:
    answer = await plant.post(f"batches/{batch['batch_id']}/{command}", body)
    assert answer.status_code in (200, 202), answer.text
    await plant.database.pool.execute(END, batch["batch_id"], when)


async def _completed(plant: Plant, planned: int, good: int, bad: int, when: datetime = DAY) -> dict[str, Any]:
    """A batch by its own commands, whose end is moved to a moment; its materials cost 1 a unit and 0.50 each."""
    batch = await plant.running(planned)
    await _checked(plant, batch, good, bad)
    await plant.post(f"batches/{batch['batch_id']}/consumption")
    await plant.say(batch, "settled", 99)
    await _ended(plant, batch, "complete", when)
    return batch


async def _failed(plant: Plant, planned: int, good: int, when: datetime = DAY) -> dict[str, Any]:
    batch = await plant.running(planned)
    await _checked(plant, batch, good, 0)
    await _ended(plant, batch, "fail", when, {"reason": "it smells"})
    return batch


async def test_days_without_a_batch_have_no_figure(plant: Plant) -> None:
    await _completed(plant, 10, 9, 1, DAY + timedelta(days=1))
    await plant.running(10)
    figures = await _figures(plant)
    assert list(figures) == NAMES
    assert [value for value, _, _ in figures.values()] == [None] * 4
    assert [figures[name][1:] for name in NAMES[:2]] == [(0, 0), (0, 0)]


async def test_a_batch_belongs_to_the_day_on_which_it_ended(plant: Plant) -> None:
    midnight = DAY.replace(hour=0)
    await _completed(plant, 10, 10, 0, midnight)
    await _completed(plant, 20, 20, 0, midnight + timedelta(days=1))
    assert [(await _figures(plant, day))["production_efficiency"][2] for day in (-1, 0, 1, 2)] == [0, 10, 20, 0]
    assert (await _figures(plant, 0, 2))["production_efficiency"] == ("1.0000", 30, 30)


async def test_a_failed_batch_was_planned_and_put_out_nothing_and_a_cancelled_one_never_ran(plant: Plant) -> None:
    await _completed(plant, 20, 9, 1)
    await _failed(plant, 10, 5)
    cancelled = await plant.planned(100)
    await plant.say(cancelled, "reserved", 1)
    await _ended(plant, cancelled, "cancel", DAY, {"reason": "not needed"})
    figures = await _figures(plant)
    assert figures["production_efficiency"] == ("0.3333", 10, 30)
    assert figures["quality_rate"] == ("0.6000", 9, 15)


async def test_a_batch_that_failed_alone_has_a_quality_and_no_cost(plant: Plant) -> None:
    await _failed(plant, 10, 5)
    figures = await _figures(plant)
    assert figures["quality_rate"] == ("0.0000", 0, 5)
    assert figures["cost_per_unit"][0] is None


async def test_cost_per_unit_weighs_batches_by_their_good_units(plant: Plant) -> None:
    one = await _completed(plant, 10, 9, 1)
    two = await _completed(plant, 2, 2, 0)
    await _failed(plant, 10, 5)
    costs = [(await plant.get(f"batches/{batch['batch_id']}"))["cost"]["total"]["amount"] for batch in (one, two)]
    # perfume 510 ml + 10 bottles at 1 each and 0.50 twice, then 1.00 for each of 10; 102 + 2 + 1.00 + 2.00
    assert [float(cost) for cost in costs] == [531.0, 107.0]
    value, numerator, denominator = (await _figures(plant))["cost_per_unit"]
    assert (value, float(numerator), denominator) == ("58.0000", 638.0, 11)


async def _spend(plant: Plant, batch: dict[str, Any], material: str, issued: int, returned: int, cost: str) -> None:
    await plant.database.pool.execute(SPEND, batch["batch_id"], material, issued, returned, cost)


async def test_utilization_weighs_each_material_by_its_cost(plant: Plant) -> None:
    batch = await _completed(plant, 10, 10, 0)
    # planned 510 ml and 10 bottles: 561 ml were used for 112.20, 10 bottles for 5.00
    await _spend(plant, batch, "perfume", 600, 39, "112.2000")
    await _spend(plant, batch, "bottle", 10, 0, "5.0000")
    assert (await _figures(plant))["material_utilization"] == ("1.0953", "117.2000", "107.0000")


async def test_what_cost_nothing_and_what_was_not_used_has_no_weight(plant: Plant) -> None:
    batch = await _completed(plant, 10, 10, 0)
    await _spend(plant, batch, "perfume", 510, 510, "0.0000")
    await _spend(plant, batch, "bottle", 12, 0, "0.0000")
    assert (await _figures(plant))["material_utilization"][0] is None
    await _spend(plant, batch, "bottle", 12, 0, "6.0000")
    assert (await _figures(plant))["material_utilization"] == ("1.2000", "6.0000", "5.0000")


async def test_a_failed_batch_uses_materials_once_they_are_settled_on_the_day_it_failed(plant: Plant) -> None:
    batch = await _failed(plant, 10, 5)
    assert (await _figures(plant))["material_utilization"][0] is None
    await plant.say(batch, "settled", 99)
    assert (await _figures(plant))["material_utilization"][0] == "1.0000"


async def test_figures_read_the_batches_of_their_window(plant: Plant) -> None:
    for day in range(5):
        await _completed(plant, 2, 2, 0, DAY + timedelta(days=day))
    async with plant.database.reading() as connection:
        read = figures_in("EUR")
        window = Window(DAY.date(), (DAY + timedelta(days=1)).date())
        rows = await rows_read(connection, lambda: read(connection, window, DAY))
    # the batch twice, and its two materials
    assert rows == 4
