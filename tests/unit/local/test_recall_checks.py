"""Who got units of a recalled lot, by events alone, over any number of batches; and against what the tables say."""

from dataclasses import replace

import pytest

from deploy.local.audit.recall_checks import check_recalls, orders_reached
from shared.contracts import bottling, inventory
from tests.builders import make
from tests.unit.local.story import OIL, ROSE, Story, story

BOOKS = story()[0]
DRUM, OTHER_DRUM, ESSENCE, BOTTLES, OTHER = "drum", "other drum", "essence lot", "bottles lot", "other lot"


def _used(told: Story, batch: str, *lots: str) -> None:
    used = [{"lot_id": lot, "supplier_lot": lot, "quantity": 5, "cost": None} for lot in lots]
    material = {"material_id": OIL, "want": 5, "issued": 5, "held": 0, "lots": used}
    told.tell(make(inventory.MaterialsSettled, batch_id=batch, materials=[material]), 1)


def _made(told: Story, batch: str, product: str, code: str) -> None:
    told.tell(make(bottling.BatchCompleted, batch_id=batch, product_id=product, lot_code=code), 1)


def _got(told: Story, order_id: str, product: str, lot: str, code: str) -> None:
    lots = [{"lot_id": lot, "lot_code": code, "expires_on": None, "quantity": 1}]
    units = [{"product_id": product, "quantity": 1, "lots": lots}]
    told.tell(make(inventory.StockDeducted, order_id=order_id, shipment_id=order_id, lines=[], deducted=units), 1)


def _recalled(told: Story, lot: str, item: str, code: str, cause: str | None = None) -> None:
    told.tell(make(inventory.LotRecalled, lot_id=lot, item_id=item, lot_code=code, cause_lot_id=cause), 1)


def _story() -> Story:
    """Oil becomes an essence, the essence bottles; `a` got some, `b` bottles of another drum with the same code."""
    told = Story()
    _used(told, "b-1", DRUM)
    _made(told, "b-1", "ESSENCE", "E-1")
    _used(told, "b-2", ESSENCE)
    _made(told, "b-2", ROSE, "L-1")
    _used(told, "b-3", OTHER_DRUM)
    _made(told, "b-3", "LILY-50", "L-1")
    _got(told, "a", ROSE, BOTTLES, "L-1")
    _got(told, "b", "LILY-50", OTHER, "L-1")
    _recalled(told, DRUM, OIL, "D-1")
    _recalled(told, ESSENCE, "ESSENCE", "E-1", DRUM)
    return told


def test_a_recall_reaches_orders_over_any_number_of_batches_and_no_others() -> None:
    log = _story().log()
    assert {lot: orders_reached(log, lot) for lot in (DRUM, OTHER_DRUM, ESSENCE, BOTTLES, OTHER)} == {
        DRUM: {"a"},
        ESSENCE: {"a"},
        BOTTLES: {"a"},
        OTHER_DRUM: {"b"},
        OTHER: {"b"},
    }


@pytest.mark.parametrize(
    ("recalled", "named"),
    [
        ({DRUM: frozenset("a")}, []),
        ({DRUM: frozenset()}, [DRUM, f"{DRUM} a"]),
        ({DRUM: frozenset("ab")}, [DRUM, f"{DRUM} b"]),
        ({DRUM: frozenset("b")}, [f"{DRUM} a", f"{DRUM} b"]),
        ({}, [DRUM]),
        ({DRUM: frozenset("a"), OTHER: frozenset("b")}, [OTHER]),
    ],
)
def test_where_tables_and_events_differ_lot_and_order_are_named(
    recalled: dict[str, frozenset[str]], named: list[str]
) -> None:
    found = check_recalls(replace(BOOKS, recalled=recalled), _story().log())
    assert sorted(one.subject for one in found) == named
