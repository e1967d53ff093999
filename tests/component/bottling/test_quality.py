"""Quality checks with measured values, the alerts that batches give cause for, and cost against the standard."""

from datetime import timedelta
from typing import Any

import pytest
from asyncpg import CheckViolationError

from tests.component.bottling.conftest import RECIPE, Plant

OVERDUE = "UPDATE batches SET expected_completion_at = clock_timestamp() - $1::interval"
WRONG_VARIANCE = "UPDATE batches SET variance_usage = variance_usage + 0.0001 WHERE status = 'completed'"


def _check(accepted: int, rejected: int = 0, **measures: tuple[str, str | None, str | None]) -> dict[str, Any]:
    """One inspection; a measure is (value, low, high)."""
    return {
        "inspected": accepted + rejected,
        "accepted": accepted,
        "rejected": [{"reason_code": "leak", "quantity": rejected}] if rejected else [],
        "measures": [
            {"name": name, "value": value, "low": low, "high": high} for name, (value, low, high) in measures.items()
        ],
    }


async def _checked(plant: Plant, batch: dict[str, Any], check: dict[str, Any]) -> dict[str, Any]:
    answer = await plant.post(f"batches/{batch['batch_id']}/quality-checks", check)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def _completed(plant: Plant, batch: dict[str, Any], **settled: Any) -> dict[str, Any]:
    await plant.post(f"batches/{batch['batch_id']}/consumption")
    await plant.say(batch, "settled", 99, **settled)
    answer = await plant.post(f"batches/{batch['batch_id']}/complete")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def _alerts(plant: Plant, query: str = "") -> list[tuple[str, str, str]]:
    items = (await plant.get(f"alerts{query}"))["items"]
    return [(alert["kind"], alert["status"], alert["detail"]) for alert in items]


async def test_several_inspections_add_up_and_each_keeps_its_measures(plant: Plant) -> None:
    batch = await plant.running(10)
    await _checked(plant, batch, _check(5, fill=("50.2", "49.5", "50.5"), scent=("7", None, None)))
    found = await _checked(plant, batch, _check(4, 1, fill=("49.5", "49.5", None)))
    assert (found["quantity_produced"], found["quantity_defective"], found["quantity_good"]) == (10, 1, 9)
    assert [one["measures"] for one in found["inspections"]] == [
        [
            {"name": "fill", "value": "50.2", "low": "49.5", "high": "50.5", "within_limits": True},
            {"name": "scent", "value": "7", "low": None, "high": None, "within_limits": True},
        ],
        [{"name": "fill", "value": "49.5", "low": "49.5", "high": None, "within_limits": True}],
    ]


@pytest.mark.parametrize("value", ["49.4", "50.6"])
async def test_a_value_outside_its_limits_is_kept_and_raises_an_alert(plant: Plant, value: str) -> None:
    batch = await plant.running(10)
    found = await _checked(plant, batch, _check(10, fill=(value, "49.5", "50.5")))
    assert found["inspections"][0]["measures"][0]["within_limits"] is False
    assert found["quantity_good"] == 10
    detail = f"fill is {value} (low 49.5, high 50.5)"
    assert await _alerts(plant) == [("quality_below", "raised", detail)]
    await _completed(plant, batch)
    assert await _alerts(plant) == [("quality_below", "raised", detail)], "the batch itself does not make it good"


async def test_limits_that_contradict_each_other_are_refused_and_nothing_is_written(plant: Plant) -> None:
    batch = await plant.running(10)
    answer = await plant.post(f"batches/{batch['batch_id']}/quality-checks", _check(10, fill=("1", "3", "2")))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/measures/0")
    assert (await plant.get(f"batches/{batch['batch_id']}"))["inspections"] == []
    assert await _alerts(plant) == []


async def test_too_few_good_units_raise_one_alert_until_a_batch_of_the_product_comes_out_well(plant: Plant) -> None:
    batch = await plant.running(100)
    await _checked(plant, batch, _check(19, 1))
    assert await _alerts(plant) == []
    await _checked(plant, batch, _check(18, 2))
    await _checked(plant, batch, _check(10, 1))
    raised = ("quality_below", "raised", "37 of 40 good, 95 % expected")
    assert await _alerts(plant) == [raised]
    await _completed(plant, batch)
    assert await _alerts(plant) == [raised], "it is the batch that came out badly"
    other = await plant.running(10)
    await _checked(plant, other, _check(10))
    await _completed(plant, other)
    assert await _alerts(plant) == [("quality_below", "resolved", raised[2])]


async def test_a_failed_batch_raises_an_alert_with_its_reason_once(plant: Plant) -> None:
    batch = await plant.running(10)
    for reason in ("spilt", "again"):
        await plant.post(f"batches/{batch['batch_id']}/fail", {"reason": reason})
    assert await _alerts(plant) == [("batch_failed", "raised", "spilt")]
    bad = await plant.running(10)
    await _checked(plant, bad, _check(5, 5))
    await _completed(plant, bad)
    assert [alert[:2] for alert in await _alerts(plant)] == [("quality_below", "raised"), ("batch_failed", "raised")]
    other = await plant.running(10)
    await _checked(plant, other, _check(10))
    await _completed(plant, other)
    await plant.post(f"batches/{batch['batch_id']}/fail", {"reason": "once more"})
    assert await _alerts(plant, "?status=raised") == []


async def test_a_refused_command_raises_no_alert(plant: Plant) -> None:
    batch = await plant.planned(10)
    await plant.say(batch, "reserved", 1)
    assert (await plant.post(f"batches/{batch['batch_id']}/fail", {"reason": "no"})).status_code == 409
    assert (await plant.post(f"batches/{batch['batch_id']}/quality-checks", _check(1, 9))).status_code == 409
    assert await _alerts(plant) == []


async def test_a_batch_past_its_time_raises_one_alert_until_it_ends(plant: Plant) -> None:
    batch = await plant.running(10)
    assert await plant.tick("watch_late_batches") == 0
    async with plant.database.transaction() as tx:
        await tx.execute(OVERDUE, timedelta(minutes=5))
    assert [await plant.tick("watch_late_batches") for _ in range(2)] == [1, 0]
    [(kind, status, detail)] = await _alerts(plant)
    assert (kind, status, detail.partition(" were")[0]) == ("batch_late", "raised", "in_progress: 10 ROSE-50")
    await plant.post(f"batches/{batch['batch_id']}/fail", {"reason": "spilt"})
    assert [await plant.tick("watch_late_batches") for _ in range(2)] == [1, 0]
    assert [(kind, status) for kind, status, _ in await _alerts(plant)] == [
        ("batch_failed", "raised"),
        ("batch_late", "resolved"),
    ]


async def test_a_start_gives_a_late_batch_another_time(plant: Plant) -> None:
    batch = await plant.planned(10)
    await plant.say(batch, "reserved", 1)
    async with plant.database.transaction() as tx:
        await tx.execute(OVERDUE, timedelta(minutes=5))
    assert await plant.tick("watch_late_batches") == 1
    await plant.post(f"batches/{batch['batch_id']}/start")
    await plant.say(batch, "issued", 2)
    assert await plant.tick("watch_late_batches") == 1
    assert [(kind, status) for kind, status, _ in await _alerts(plant)] == [("batch_late", "resolved")]


async def test_open_batches_are_listed_by_the_time_at_which_they_are_expected(plant: Plant) -> None:
    running = await plant.running(10)
    await _checked(plant, running, _check(7, 2))
    second = await plant.planned(5)
    gone = await plant.planned(4)
    await plant.post(f"batches/{gone['batch_id']}/cancel", {"reason": "no"})
    async with plant.database.transaction() as tx:
        await tx.execute(OVERDUE + " WHERE quantity_planned = 5", timedelta(minutes=5))
    listed = (await plant.get("schedule"))["items"]
    brief = [(one["batch_id"], one["status"], one["quantity_expected"], one["late"]) for one in listed]
    assert brief == [(second["batch_id"], "planned", 5, True), (running["batch_id"], "quality_check", 8, False)]
    pages = []
    cursor = ""
    for _ in range(2):
        page = await plant.get(f"schedule?limit=1{cursor}")
        pages += page["items"]
        cursor = f"&cursor={page['next_cursor']}"
    assert [one["batch_id"] for one in pages] == [one["batch_id"] for one in listed]
    assert page["next_cursor"] is None
    assert (await plant.get("schedule?product_id=GOLD"))["items"] == []


def _euro(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


async def _priced(plant: Plant) -> dict[str, Any]:
    materials = [
        {"material_id": "perfume", "quantity_per_unit": "50", "waste_percent": "2", "standard_price": _euro("0.50")},
        {"material_id": "bottle", "quantity_per_unit": "1", "standard_price": {"amount": "2"}},
    ]
    answer = await plant.post("recipes/rose/versions", {**RECIPE, "materials": materials})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_recipe_with_standard_prices_tells_what_a_unit_should_cost(plant: Plant) -> None:
    assert (await plant.get("recipes/rose"))["standard_unit"] is None
    written = await _priced(plant)
    assert written["standard_unit"] == _euro("28.5000")
    assert written["materials"][1]["standard_price"] == _euro("2")
    assert await plant.get("recipes/rose") == written


async def test_a_standard_price_in_another_currency_is_refused(plant: Plant) -> None:
    material = {"material_id": "bottle", "quantity_per_unit": "1", "standard_price": {"amount": "1", "currency": "USD"}}
    answer = await plant.post("recipes/rose/versions", {**RECIPE, "materials": [material]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/materials/0/standard_price/currency"
    assert (await plant.get("recipes/rose"))["version"] == 1


async def test_a_completed_batch_tells_its_variance_by_cause_and_keeps_it(plant: Plant) -> None:
    await _priced(plant)
    batch = await plant.running(10)
    await _checked(plant, batch, _check(8, 2))
    found = await _completed(plant, batch, returned=2, cost=_euro("300.00"))
    # 508 ml and 8 bottles were kept, at 300.00 each; a unit should take 51 ml at 0.50 and a bottle at 2
    assert found["cost"]["standard_unit"] == _euro("28.5000")
    assert found["cost"]["variance"] == {
        "price": _euro("330.0000"),
        "usage": _euro("-5.0000"),
        "yield": _euro("57.0000"),
        "total": _euro("382.0000"),
    }
    assert found["cost"]["total"] == _euro("610.0000")
    await plant.post("recipes/rose/versions", RECIPE)
    assert (await plant.get(f"batches/{batch['batch_id']}"))["cost"] == found["cost"]


async def test_without_standard_prices_a_batch_has_no_variance(plant: Plant) -> None:
    batch = await plant.running(10)
    await _checked(plant, batch, _check(10))
    cost = (await _completed(plant, batch))["cost"]
    assert (cost["standard_unit"], cost["variance"]) == (None, None)


async def test_a_variance_that_does_not_add_up_is_refused_by_the_schema(plant: Plant) -> None:
    await _priced(plant)
    batch = await plant.running(10)
    await _checked(plant, batch, _check(10))
    await _completed(plant, batch)
    with pytest.raises(CheckViolationError, match="variance_is_the_sum_of_its_causes"):
        async with plant.database.transaction() as tx:
            await tx.execute(WRONG_VARIANCE)
