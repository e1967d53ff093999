"""Batches over HTTP: planned, started, checked, settled, completed or given up; the test plays inventory."""

import asyncio
from typing import Any

import pytest

from tests.component.bottling.conftest import RECIPE, Plant, until

CHECK = {"inspected": 10, "accepted": 8, "rejected": [{"reason_code": "leak", "quantity": 2}]}


def types(told: list[Any]) -> list[tuple[str, int]]:
    return [(type, version) for type, version, _ in told]


async def test_a_planned_batch_claims_what_its_recipe_needs(plant: Plant) -> None:
    batch = await plant.planned(10)
    assert batch == {
        "batch_id": batch["batch_id"],
        "product_id": "ROSE-50",
        "recipe_id": "rose",
        "recipe_version": 1,
        "status": "planned",
        "plan_reason": "manual",
        "reason": None,
        "quantity_planned": 10,
        "quantity_produced": 0,
        "quantity_defective": 0,
        "quantity_good": 0,
        "materials": [
            _material("perfume", 510),
            _material("bottle", 10),
        ],
        "materials_settled": False,
        "recalled_lots": [],
        "inspections": [],
        "cost": None,
        "lot_code": None,
        "expected_completion_at": batch["expected_completion_at"],
        "started_at": None,
        "ended_at": None,
        "version": 1,
    }
    [(type, version, payload)] = await plant.told()
    assert (type, version, payload["plan_reason"]) == ("batch.planned", 1, "manual")
    assert payload["materials"] == [
        {"material_id": "perfume", "required": 510, "consumed": None},
        {"material_id": "bottle", "required": 10, "consumed": None},
    ]


def _material(id: str, required: int) -> dict[str, Any]:
    unknown = dict.fromkeys(("held", "backordered", "issued", "consumed", "returned"))
    return {"material_id": id, "name": f"The {id}", "required": required, **unknown, "lots": []}


async def test_planning_waits_for_inventory_and_tells_ready_or_short(plant: Plant) -> None:
    for status, word in (("reserved", "ready"), ("short", "short")):
        asked = asyncio.create_task(plant.post("batches", {"recipe_id": "rose", "quantity": 10}, Prefer="wait=10"))
        batch = await _appeared(plant, "planned")
        assert not asked.done()
        await plant.say(batch, status, 1)
        response = await asked
        assert (response.status_code, response.json()["status"]) == (201, word)
        assert response.headers["Location"] == f"/api/bottling/batches/{batch['batch_id']}"
        assert response.headers["Preference-Applied"] == "wait=10"
        await plant.post(f"batches/{batch['batch_id']}/cancel", {"reason": "next"})
    assert response.json()["materials"][0] == {
        "material_id": "perfume",
        "name": "The perfume",
        "required": 510,
        "held": 507,
        "backordered": 3,
        "issued": 0,
        "consumed": None,
        "returned": 0,
        "lots": [],
    }


async def _appeared(plant: Plant, status: str) -> dict[str, Any]:
    async def there() -> bool:
        return bool((await plant.get(f"batches?status={status}"))["items"])

    await until(there)
    [batch] = (await plant.get(f"batches?status={status}"))["items"]
    return dict(batch)


async def test_a_batch_forward_to_its_good_units(plant: Plant) -> None:
    batch = await plant.running(10)
    path = f"batches/{batch['batch_id']}"
    assert (batch["status"], batch["started_at"] is None) == ("in_progress", False)
    checked = await plant.post(f"{path}/quality-checks", {**CHECK, "measures": [{"name": "fill", "value": "49.8"}]})
    assert (checked.status_code, checked.json()["status"]) == (201, "quality_check")
    assert checked.json()["inspections"] == [
        {
            "at": checked.json()["inspections"][0]["at"],
            "actor": "ann",
            **CHECK,
            "measures": [{"name": "fill", "value": "49.8", "low": None, "high": None, "within_limits": True}],
        }
    ]
    asked = await plant.post(f"{path}/consumption", {"materials": [{"material_id": "perfume", "consumed": 520}]})
    assert (asked.status_code, asked.json()["materials_settled"]) == (202, None)
    early = await plant.post(f"{path}/complete")
    assert (early.status_code, early.json()["allowed"]) == (409, ["quality-checks", "consumption", "fail"])
    await plant.say(batch, "settled", 4, cost={"amount": "26.00", "currency": "EUR"})
    completed = await plant.post(f"{path}/complete")
    assert completed.status_code == 200
    assert completed.json() == await plant.get(path)
    assert completed.json()["cost"] == {
        "materials": _euro("52.0000"),
        "labour": _euro("7.5000"),
        "overhead": _euro("2.5000"),
        "total": _euro("62.0000"),
        "unit": _euro("7.7500"),
        "standard_unit": None,
        "variance": None,
    }
    assert types(await plant.told(batch["batch_id"])) == [
        ("batch.planned", 1),
        ("batch.start_requested", 2),
        ("batch.started", 3),
        ("batch.consumed", 4),
        ("batch.completed", 5),
    ]
    told = (await plant.told(batch["batch_id"]))[-1][2]
    assert (told["quantity_good"], told["lot_code"], told["status"]) == (8, completed.json()["lot_code"], "completed")
    assert told["cost"]["total"] == {"amount": "62.00", "currency": "EUR"}
    assert told["materials"][0] == {"material_id": "perfume", "required": 510, "consumed": 520}


def _euro(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


async def test_a_batch_is_completed_once_however_often_it_is_asked_for(plant: Plant) -> None:
    batch = await plant.running(10)
    path = f"batches/{batch['batch_id']}"
    await plant.post(f"{path}/quality-checks", CHECK)
    await plant.post(f"{path}/consumption")
    await plant.say(batch, "settled", 4)
    answers = await asyncio.gather(*(plant.post(f"{path}/complete") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert [type for type, _ in types(await plant.told())].count("batch.completed") == 1


async def test_a_short_batch_cannot_start_until_it_is_filled(plant: Plant) -> None:
    batch = await plant.planned(10)
    path = f"batches/{batch['batch_id']}"
    await plant.say(batch, "short", 1)
    refused = await plant.post(f"{path}/start")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:flacon:problem:out-of-stock")
    assert refused.json()["detail"] == "Insufficient stock for The perfume. Available: 507, Requested: 510"
    assert (refused.json()["batch_id"], refused.json()["status"]) == (batch["batch_id"], "short")
    assert refused.json()["lines"][1] == {
        "product_id": "bottle",
        "material_id": "bottle",
        "name": "The bottle",
        "available": 7,
        "requested": 10,
        "alternatives": [],
        "earliest_date": None,
        "earliest_basis": None,
    }
    assert types(await plant.told()) == [("batch.planned", 1)]
    await plant.say(batch, "reserved", 1)
    assert (await plant.get(path))["status"] == "ready"
    assert (await plant.post(f"{path}/start")).status_code == 202


async def test_a_start_waits_and_is_refused_when_materials_were_taken_back(plant: Plant) -> None:
    batch = await plant.planned(10)
    path = f"batches/{batch['batch_id']}"
    await plant.say(batch, "reserved", 1)
    asked = asyncio.create_task(plant.post(f"{path}/start", Prefer="wait=10"))
    await _appeared(plant, "starting")
    assert (await plant.post(f"{path}/cancel", {"reason": "no"})).json()["from"] == "starting"
    await plant.say(batch, "short", 2)
    response = await asked
    assert (response.status_code, response.json()["type"]) == (409, "urn:flacon:problem:out-of-stock")
    assert (await plant.get(path))["status"] == "short"


async def test_a_start_that_is_answered_in_time_is_running(plant: Plant) -> None:
    batch = await plant.planned(10)
    path = f"batches/{batch['batch_id']}"
    await plant.say(batch, "reserved", 1)
    asked = asyncio.create_task(plant.post(f"{path}/start", Prefer="wait=10"))
    await _appeared(plant, "starting")
    again = asyncio.create_task(plant.post(f"{path}/start", Prefer="wait=10"))
    await plant.say(batch, "issued", 2)
    assert [(each.status_code, each.json()["status"]) for each in (await asked, await again)] == [
        (200, "in_progress"),
        (200, "in_progress"),
    ]
    assert [type for type, _ in types(await plant.told())].count("batch.start_requested") == 1


async def test_a_cancel_waits_until_the_materials_are_released(plant: Plant) -> None:
    batch = await plant.planned(10)
    path = f"batches/{batch['batch_id']}"
    asked = asyncio.create_task(plant.post(f"{path}/cancel", {"reason": "no demand"}, Prefer="wait=10"))
    await _appeared(plant, "cancelled")
    await plant.say(batch, "reserved", 1)
    assert not asked.done()
    await plant.say(batch, "released", 2)
    response = await asked
    assert (response.status_code, response.json()["status"], response.json()["reason"]) == (
        200,
        "cancelled",
        "no demand",
    )
    assert types(await plant.told()) == [("batch.planned", 1), ("batch.cancelled", 2)]


async def test_after_the_issue_a_batch_can_only_fail(plant: Plant) -> None:
    batch = await plant.running(10)
    path = f"batches/{batch['batch_id']}"
    refused = await plant.post(f"{path}/cancel", {"reason": "no"})
    assert (refused.status_code, refused.json()["from"], refused.json()["action"]) == (409, "in_progress", "cancel")
    assert refused.json()["allowed"] == ["quality-checks", "consumption", "fail"]
    failed = await plant.post(
        f"{path}/fail", {"reason": "spilled", "consumed": [{"material_id": "perfume", "consumed": 100}]}
    )
    assert (failed.status_code, failed.json()["status"], failed.json()["materials_settled"]) == (202, "failed", None)
    await plant.say(batch, "settled", 4)
    again = await plant.post(f"{path}/fail", {"reason": "again"})
    assert (again.status_code, again.json()["reason"], again.json()["materials_settled"]) == (200, "spilled", True)
    assert [material["consumed"] for material in again.json()["materials"]] == [100, 10]
    assert types(await plant.told())[-1] == ("batch.failed", 4)


async def test_a_batch_keeps_the_recipe_it_was_planned_by(plant: Plant) -> None:
    batch = await plant.planned(10)
    await plant.post("recipes/rose/versions", {**RECIPE, "labour_cost": {"amount": "99"}, "shelf_life_days": None})
    path = f"batches/{batch['batch_id']}"
    await plant.say(batch, "reserved", 1)
    await plant.post(f"{path}/start")
    await plant.say(batch, "issued", 2)
    await plant.post(f"{path}/quality-checks", CHECK)
    await plant.post(f"{path}/consumption")
    await plant.say(batch, "settled", 4)
    completed = (await plant.post(f"{path}/complete")).json()
    assert (completed["recipe_version"], completed["cost"]["labour"]["amount"]) == (1, "7.5000")
    assert (await plant.told())[-1][2]["expires_on"] is not None
    newer = await plant.planned(10)
    assert newer["recipe_version"] == 2


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"quantity": 10}, ""),
        ({"product_id": "GHOST", "quantity": 10}, "/product_id"),
        ({"recipe_id": "ghost", "quantity": 10}, "/recipe_id"),
        ({"recipe_id": "rose", "product_id": "LILY-50", "quantity": 10}, "/recipe_id"),
        ({"recipe_id": "rose", "quantity": 0}, "/quantity"),
        ({"recipe_id": "rose", "quantity": 100_001}, "/quantity"),
        ({"recipe_id": "rose", "quantity": True}, "/quantity"),
        ({"recipe_id": "rose", "quantity": "10"}, "/quantity"),
    ],
)
async def test_a_plan_that_is_not_acceptable_writes_nothing(plant: Plant, body: dict[str, Any], pointer: str) -> None:
    refused = await plant.post("batches", body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await plant.get("batches"))["items"] == []
    assert await plant.told() == []


async def test_a_product_that_is_no_longer_active_is_not_bottled(plant: Plant) -> None:
    await plant.know(("ROSE-50", "product", False), version=2)
    refused = await plant.post("batches", {"recipe_id": "rose", "quantity": 10})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/recipe_id")
    assert await plant.told() == []


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("quality-checks", {"inspected": 10, "accepted": 9, "rejected": []}),
        ("quality-checks", {"inspected": 11, "accepted": 11, "rejected": []}),
        ("quality-checks", {"inspected": 0, "accepted": 0, "rejected": []}),
        ("quality-checks", {"inspected": 1, "accepted": 0, "rejected": [{"reason_code": "leak", "quantity": 0}]}),
        ("consumption", {"materials": [{"material_id": "ghost", "consumed": 1}]}),
        ("consumption", {"materials": [{"material_id": "bottle", "consumed": -1}]}),
        ("consumption", {"materials": [{"material_id": "bottle", "consumed": 1}] * 2}),
        ("fail", {}),
        ("fail", {"reason": ""}),
        ("fail", {"reason": "nul \x00"}),
    ],
)
async def test_a_report_that_cannot_be_true_changes_nothing(plant: Plant, route: str, body: dict[str, Any]) -> None:
    batch = await plant.running(10)
    before = await plant.told()
    assert (await plant.post(f"batches/{batch['batch_id']}/{route}", body)).status_code == 422
    assert await plant.get(f"batches/{batch['batch_id']}") == batch
    assert await plant.told() == before


async def test_unknown_batches_are_not_found(plant: Plant) -> None:
    for id in ("019c1234-5678-7abc-8def-0123456789ab", "kpis", "%00"):
        assert (await plant.client.get(f"/api/bottling/batches/{id}")).status_code == 404
        assert (await plant.post(f"batches/{id}/start")).status_code == 404


async def test_a_key_makes_a_quality_check_count_once(plant: Plant) -> None:
    batch = await plant.running(10)
    path = f"batches/{batch['batch_id']}/quality-checks"
    check = {"inspected": 2, "accepted": 2, "rejected": []}
    first = await plant.post(path, check, Idempotency_Key="one")
    again = await plant.post(path, check, Idempotency_Key="one")
    other = await plant.post(path, {**check, "accepted": 1}, Idempotency_Key="one")
    without = await plant.post(path, check)
    assert (first.json(), again.headers["Idempotent-Replayed"]) == (again.json(), "true")
    assert (other.status_code, other.json()["type"]) == (422, "urn:flacon:problem:idempotency-key-reused")
    assert without.json()["quantity_produced"] == 4


async def test_a_key_makes_a_plan_one_batch_and_answers_as_it_is_now(plant: Plant) -> None:
    body = {"recipe_id": "rose", "quantity": 10}
    first = await plant.post("batches", body, Idempotency_Key="one")
    await plant.say(first.json(), "reserved", 1)
    again = await plant.post("batches", body, Idempotency_Key="one", Prefer="wait=10")
    assert (first.status_code, again.status_code, again.json()["status"]) == (202, 201, "ready")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json()["batch_id"] == first.json()["batch_id"]
    assert types(await plant.told()) == [("batch.planned", 1)]


async def test_batches_are_listed_newest_first_page_by_page(plant: Plant) -> None:
    ids = [(await plant.planned(n))["batch_id"] for n in range(1, 6)]
    first = await plant.get("batches?limit=3")
    rest = await plant.get(f"batches?limit=3&cursor={first['next_cursor']}")
    assert [item["batch_id"] for item in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None
    assert len((await plant.get("batches?product_id=ROSE-50&status=planned"))["items"]) == 5
    assert (await plant.get("batches?product_id=LILY-50"))["items"] == []
    assert (await plant.get("batches?status=ready"))["items"] == []
    assert (await plant.client.get("/api/bottling/batches?status=baked")).status_code == 422
    assert (await plant.client.get("/api/bottling/batches?cursor=WzFd")).status_code == 400
