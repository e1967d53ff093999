"""What inventory says that a product needs becomes one batch, by the policy of its recipe, and never two."""

import asyncio
from typing import Any

import pytest
from asyncpg import UniqueViolationError

from services.bottling.operations.replenishment import propose_batches
from shared.contracts.envelope import Event
from tests.component.bottling.conftest import RECIPE, Plant

ASYNC = {"Prefer": "respond-async"}
COPY = """
INSERT INTO batches (
    batch_id, product_id, recipe_id, recipe_version, recipe, status, asked, question_version, version, revision,
    quantity_planned, quantity_produced, quantity_defective, planned_at, expected_completion_at, plan_reason
)
SELECT gen_random_uuid(), product_id, recipe_id, recipe_version, recipe, status, asked, question_version, version,
       revision, quantity_planned, quantity_produced, quantity_defective, planned_at, expected_completion_at,
       plan_reason
FROM batches
"""


async def _recipe(plant: Plant, replenishment: str, batch_size: int | None = None, **changes: Any) -> None:
    fields = {**RECIPE, "replenishment": replenishment, "batch_size": batch_size, **changes}
    answer = await plant.post("recipes/rose/versions", fields)
    assert answer.status_code == 201, answer.text


def _low(plant: Plant, version: int, suggested: int, **changes: Any) -> Event[Any]:
    """Nothing is there and nothing on its way, unless told otherwise."""
    fields = {
        "item_id": "ROSE-50",
        "alert_id": None,
        "item_kind": "product",
        "kind": "stockout",
        "status": "raised",
        "available": 0,
        "incoming": 0,
        "queued": suggested,
        "min_stock_level": 0,
        "reorder_point": 0,
        "suggested_quantity": suggested,
        "batches_ended": 0,
        **changes,
    }
    return plant.event("stock.low", str(fields["item_id"]), version, **fields)


async def _needs(plant: Plant, version: int, suggested: int, **changes: Any) -> int:
    """Inventory tells a need, and the timer looks at it; returns how many batches it planned or let grow."""
    await plant.deliver(_low(plant, version, suggested, **changes))
    return await plant.tick("propose_batches")


async def _batches(plant: Plant) -> list[dict[str, Any]]:
    """All batches, oldest first."""
    return list(reversed((await plant.get("batches?limit=500"))["items"]))


async def _brief(plant: Plant) -> list[tuple[str, int, str]]:
    return [(batch["status"], batch["quantity_planned"], batch["plan_reason"]) for batch in await _batches(plant)]


async def test_a_need_becomes_a_planned_batch_that_asks_for_its_materials(plant: Plant) -> None:
    await _recipe(plant, "plan")
    low = _low(plant, 4, 20)
    await plant.deliver(low)
    assert [await plant.tick("propose_batches") for _ in range(2)] == [1, 0]
    assert await _brief(plant) == [("planned", 20, "replenishment")]
    [(type, version, told)] = await plant.told()
    required = {part["material_id"]: part["required"] for part in told["materials"]}
    assert (type, version, told["plan_reason"], told["quantity_planned"]) == ("batch.planned", 1, "replenishment", 20)
    assert required == {"perfume": 1020, "bottle": 20}
    async with plant.database.reading() as connection:
        headers = await connection.fetchval("SELECT headers FROM outbox")
    assert str(low.id) in headers, "the need is the cause"


async def test_a_recipe_that_is_not_to_be_replenished_plans_nothing_until_it_is(plant: Plant) -> None:
    assert await _needs(plant, 1, 20) == 0
    assert await _brief(plant) == []
    await _recipe(plant, "plan")
    assert await plant.tick("propose_batches") == 1
    assert await _brief(plant) == [("planned", 20, "replenishment")]


async def test_materials_and_products_without_a_recipe_are_not_bottled(plant: Plant) -> None:
    await _recipe(plant, "plan")
    await plant.know(("GOLD", "product", True))
    assert await _needs(plant, 1, 20, item_id="perfume", item_kind="material") == 0
    assert await _needs(plant, 1, 20, item_id="GOLD") == 0
    async with plant.database.reading() as connection:
        assert await connection.fetchval("SELECT array_agg(product_id) FROM needs") == ["GOLD"]
    await plant.know(("ROSE-50", "product", False), version=2)
    assert await _needs(plant, 1, 20) == 0
    assert await _brief(plant) == []


async def test_a_batch_size_is_the_limit_and_the_next_is_planned_when_the_first_is_started(plant: Plant) -> None:
    await _recipe(plant, "plan", 50)
    assert await _needs(plant, 1, 120) == 1
    assert await plant.tick("propose_batches") == 0
    [first] = await _batches(plant)
    await plant.say(first, "reserved", 1)
    await plant.post(f"batches/{first['batch_id']}/start")
    assert [await plant.tick("propose_batches") for _ in range(2)] == [1, 0]
    assert await _brief(plant) == [("starting", 50, "replenishment"), ("planned", 50, "replenishment")]


async def test_a_need_that_grew_lets_the_planned_batch_grow_and_asks_inventory_anew(plant: Plant) -> None:
    await _recipe(plant, "plan")
    await _needs(plant, 1, 20)
    [batch] = await _batches(plant)
    await plant.say(batch, "reserved", 1)
    assert await _needs(plant, 2, 10, incoming=20, queued=30, status="open") == 1
    assert await _brief(plant) == [("planned", 30, "replenishment")]
    assert [(type, version, told["quantity_planned"]) for type, version, told in await plant.told()] == [
        ("batch.planned", 1, 20),
        ("batch.planned", 2, 30),
    ]
    await plant.say(await plant.get(f"batches/{batch['batch_id']}"), "reserved", 2)
    assert await _brief(plant) == [("ready", 30, "replenishment")]


async def test_a_proposal_grows_up_to_its_batch_size_and_no_further(plant: Plant) -> None:
    await _recipe(plant, "plan", 50)
    await _needs(plant, 1, 20)
    assert await _needs(plant, 2, 100, incoming=20, queued=120, status="open") == 1
    assert await _brief(plant) == [("planned", 50, "replenishment")]
    assert await plant.tick("propose_batches") == 0


async def test_a_need_that_grew_after_the_start_is_another_batch(plant: Plant) -> None:
    await _recipe(plant, "plan")
    await _needs(plant, 1, 20)
    [batch] = await _batches(plant)
    await plant.say(batch, "reserved", 1)
    await plant.post(f"batches/{batch['batch_id']}/start")
    await plant.say(batch, "short", 2)
    assert await _needs(plant, 2, 10, incoming=20, queued=30, status="open") == 1
    assert await _brief(plant) == [("short", 20, "replenishment"), ("planned", 10, "replenishment")]


async def test_the_same_need_told_again_plans_nothing_more(plant: Plant) -> None:
    await _recipe(plant, "plan")
    assert await _needs(plant, 1, 20) == 1
    assert await _needs(plant, 2, 20, kind="critical") == 0
    assert await _needs(plant, 3, 0, incoming=20, status="open", queued=20) == 0
    assert await _brief(plant) == [("planned", 20, "replenishment")]


async def test_an_older_need_that_comes_late_and_one_that_is_over_plan_nothing(plant: Plant) -> None:
    await _recipe(plant, "plan")
    assert await _needs(plant, 5, 0, status="resolved", queued=0, available=40) == 0
    assert await _needs(plant, 4, 20) == 0
    assert await _brief(plant) == []


async def test_what_somebody_planned_by_hand_counts(plant: Plant) -> None:
    await _recipe(plant, "plan")
    await plant.planned(15)
    assert await _needs(plant, 1, 20) == 1
    assert await _brief(plant) == [("planned", 15, "manual"), ("planned", 5, "replenishment")]


@pytest.mark.parametrize("end", ["cancel", "fail"])
async def test_a_batch_that_was_given_up_is_planned_again_once_inventory_has_heard_of_it(
    plant: Plant, end: str
) -> None:
    await _recipe(plant, "plan")
    await _needs(plant, 1, 20)
    [batch] = await _batches(plant)
    await plant.say(batch, "reserved", 1)
    if end == "fail":
        await plant.post(f"batches/{batch['batch_id']}/start")
        await plant.say(batch, "issued", 2)
    await plant.post(f"batches/{batch['batch_id']}/{end}", {"reason": "spilt"})
    assert await plant.tick("propose_batches") == 0
    assert await _needs(plant, 2, 0, incoming=20, queued=25, status="open") == 0, "told before it was heard"
    assert await _needs(plant, 3, 25, status="open", batches_ended=1) == 1
    assert (await _brief(plant))[1:] == [("planned", 25, "replenishment")]


async def test_a_batch_that_came_out_short_is_followed_by_one_of_what_is_missing(plant: Plant) -> None:
    await _recipe(plant, "plan")
    await _needs(plant, 1, 20)
    [batch] = await _batches(plant)
    id = batch["batch_id"]
    await plant.say(batch, "reserved", 1)
    await plant.post(f"batches/{id}/start")
    await plant.say(batch, "issued", 2)
    check = {"inspected": 20, "accepted": 17, "rejected": [{"reason_code": "leak", "quantity": 3}]}
    assert (await plant.post(f"batches/{id}/quality-checks", check)).status_code == 201
    assert await plant.tick("propose_batches") == 1, "the defective ones are missing at once"
    await plant.post(f"batches/{id}/consumption")
    await plant.say(batch, "settled", 4)
    assert (await plant.post(f"batches/{id}/complete")).status_code == 200
    assert await _needs(plant, 2, 0, incoming=3, queued=3, status="open", batches_ended=1) == 0
    assert [(status, planned) for status, planned, _ in await _brief(plant)] == [("completed", 20), ("planned", 3)]


async def test_plan_and_start_starts_by_itself_when_everything_is_held(plant: Plant) -> None:
    await _recipe(plant, "plan_and_start")
    await _needs(plant, 1, 20)
    [batch] = await _batches(plant)
    await plant.say(batch, "short", 1)
    assert (await _brief(plant))[0][0] == "short"
    await plant.say(batch, "reserved", 1)
    assert (await _brief(plant))[0][0] == "starting"
    await plant.say(batch, "short", 2)
    await plant.say(batch, "reserved", 2)
    assert [(type, version) for type, version, _ in await plant.told()] == [
        ("batch.planned", 1),
        ("batch.start_requested", 2),
        ("batch.start_requested", 3),
    ]
    await plant.say(batch, "issued", 3)
    assert (await _brief(plant))[0][0] == "in_progress"


async def test_what_was_planned_by_hand_waits_for_its_start(plant: Plant) -> None:
    await _recipe(plant, "plan_and_start")
    batch = await plant.planned(10)
    await plant.say(batch, "reserved", 1)
    assert await _brief(plant) == [("ready", 10, "manual")]


async def test_timers_of_two_instances_plan_a_need_once(plant: Plant) -> None:
    await _recipe(plant, "plan")
    for version in range(1, 6):
        await plant.deliver(_low(plant, version, 20))
        await asyncio.gather(*(plant.tick("propose_batches") for _ in range(4)))
    assert await _brief(plant) == [("planned", 20, "replenishment")]


async def test_planning_at_once_without_the_timers_lock_plans_a_need_once(plant: Plant) -> None:
    await _recipe(plant, "plan")
    await plant.deliver(_low(plant, 1, 20))

    everybody = asyncio.Barrier(4)

    async def plan() -> int:
        async with plant.database.transaction() as tx:
            await tx.clock()
            await everybody.wait()
            return await propose_batches(tx, 100_000)

    assert sorted(await asyncio.gather(*(plan() for _ in range(4)))) == [0, 0, 0, 1]
    assert await _brief(plant) == [("planned", 20, "replenishment")]


async def test_needs_are_told_while_batches_are_planned_and_none_is_planned_twice(plant: Plant) -> None:
    await _recipe(plant, "plan")

    async def tell(versions: range) -> None:
        for version in versions:
            await plant.deliver(_low(plant, version, 20 + version))

    async def plan() -> None:
        for _ in range(15):
            await plant.tick("propose_batches")

    await asyncio.gather(tell(range(1, 20, 2)), tell(range(2, 21, 2)), plan(), plan())
    await plant.tick("propose_batches")
    assert await _brief(plant) == [("planned", 40, "replenishment")]


@pytest.mark.parametrize("first", ["start", "tick"])
async def test_a_start_and_a_growing_need_at_once_bring_what_is_needed_and_no_more(plant: Plant, first: str) -> None:
    await _recipe(plant, "plan")
    await _needs(plant, 1, 20)
    [batch] = await _batches(plant)
    await plant.say(batch, "reserved", 1)
    await plant.deliver(_low(plant, 2, 10, incoming=20, queued=30, status="open"))

    async def start() -> Any:
        return await plant.twin.post(f"/api/bottling/batches/{batch['batch_id']}/start", headers=ASYNC)

    async def tick() -> Any:
        return await plant.tick("propose_batches")

    await asyncio.gather(*((start(), tick()) if first == "start" else (tick(), start())))
    assert await plant.tick("propose_batches") == 0
    assert sum(planned for _, planned, _ in await _brief(plant)) == 30
    versions = [version for _, version, _ in await plant.told(batch["batch_id"])]
    assert versions == list(range(1, len(versions) + 1))


async def test_a_second_proposal_of_a_product_is_refused_by_the_schema(plant: Plant) -> None:
    await _recipe(plant, "plan")
    await _needs(plant, 1, 20)
    with pytest.raises(UniqueViolationError, match="one_proposal_per_product"):
        async with plant.database.transaction() as tx:
            await tx.execute(COPY)
    assert len(await _batches(plant)) == 1
