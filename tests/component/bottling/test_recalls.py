"""Recalled lots: seen at every batch that got them, an alert while it runs, in whatever order inventory tells."""

from typing import Any
from uuid import uuid4

from shared.contracts.envelope import Event
from tests.component.bottling.conftest import Plant

DRUM, BOX = str(uuid4()), str(uuid4())


def recall(plant: Plant, lot_id: str, item_id: str, kind: str = "material", code: str = "D-7") -> Event[Any]:
    return plant.event(
        "lot.recalled",
        lot_id,
        1,
        lot_id=lot_id,
        item_id=item_id,
        item_kind=kind,
        lot_code=code,
        reason="cloudy",
        cause_lot_id=None,
        held_quantity=5,
    )


def used(lot_id: str, quantity: int) -> list[dict[str, Any]]:
    return [{"lot_id": lot_id, "supplier_lot": "S-1", "quantity": quantity, "cost": None}]


async def started(plant: Plant, lot_id: str) -> dict[str, Any]:
    """A running batch all of whose materials came from this lot."""
    batch = await plant.planned(10)
    await plant.say(batch, "reserved", 1)
    await plant.post(f"batches/{batch['batch_id']}/start")
    await plant.say(batch, "issued", 2, lots=used(lot_id, 7))
    return dict(await plant.get(f"batches/{batch['batch_id']}"))


async def alerts(plant: Plant) -> list[tuple[str, str, str]]:
    listed = (await plant.get("alerts?kind=material_recalled"))["items"]
    return [(one["subject_id"], one["status"], one["detail"]) for one in listed]


async def test_a_batch_tells_the_lots_that_it_got_and_not_those_that_went_back(plant: Plant) -> None:
    batch = await started(plant, DRUM)
    assert [part["lots"] for part in batch["materials"]] == [
        [{"lot_id": DRUM, "supplier_lot": "S-1", "quantity": 7}] for _ in batch["materials"]
    ]
    await plant.say(batch, "settled", 2, lots=[])
    again = await plant.get(f"batches/{batch['batch_id']}")
    assert [part["lots"] for part in again["materials"]] == [[], []]


async def test_a_recall_reaches_the_running_batch_whether_it_is_told_before_or_after_the_issue(plant: Plant) -> None:
    before = await started(plant, DRUM)
    other = await started(plant, BOX)
    await plant.deliver(recall(plant, DRUM, "perfume"), recall(plant, str(uuid4()), "bottle"))
    after = await started(plant, DRUM)
    assert await plant.tick("watch_recalled_materials") == 2
    assert await plant.tick("watch_recalled_materials") == 0
    found = await alerts(plant)
    assert {(subject, status) for subject, status, _ in found} == {
        (before["batch_id"], "raised"),
        (after["batch_id"], "raised"),
    }
    assert found[0][2] == "7 of The perfume, lot D-7: cloudy; 7 of The bottle, lot D-7: cloudy"
    shown = await plant.get(f"batches/{before['batch_id']}")
    assert shown["recalled_lots"] == [{"lot_id": DRUM, "item_id": "perfume", "lot_code": "D-7", "reason": "cloudy"}]
    assert (await plant.get(f"batches/{other['batch_id']}"))["recalled_lots"] == []


async def test_the_alert_is_over_when_the_batch_ends_and_the_batch_shows_the_lot_for_ever(plant: Plant) -> None:
    batch = await started(plant, DRUM)
    await plant.deliver(recall(plant, DRUM, "perfume"))
    await plant.deliver(recall(plant, DRUM, "perfume"))
    assert await plant.tick("watch_recalled_materials") == 1
    await plant.post(f"batches/{batch['batch_id']}/fail", {"reason": "recalled"})
    assert [await plant.tick("watch_recalled_materials") for _ in range(2)] == [1, 0]
    assert [status for _, status, _ in await alerts(plant)] == ["resolved"]
    assert [lot["lot_id"] for lot in (await plant.get(f"batches/{batch['batch_id']}"))["recalled_lots"]] == [DRUM]


async def test_a_batch_shows_that_the_lot_it_made_was_recalled(plant: Plant) -> None:
    batch = await plant.running(10)
    path = f"batches/{batch['batch_id']}"
    await plant.post(f"{path}/quality-checks", {"inspected": 10, "accepted": 10, "rejected": []})
    await plant.post(f"{path}/consumption")
    await plant.say(batch, "settled", (await plant.told(batch["batch_id"]))[-1][1])
    made = (await plant.post(f"{path}/complete")).json()
    assert made["status"] == "completed", made
    goods = str(uuid4())
    await plant.deliver(recall(plant, goods, "ROSE-50", "product", made["lot_code"]))
    assert [lot["lot_id"] for lot in (await plant.get(path))["recalled_lots"]] == [goods]
    assert await plant.tick("watch_recalled_materials") == 0
