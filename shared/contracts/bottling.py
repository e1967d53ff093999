"""Events of the bottling service: batches."""

from datetime import date
from typing import Literal

from shared.contracts.values import Money, Payload, Quantity, Text, Timestamp, Value

BatchStatus = Literal[
    "planned", "short", "ready", "starting", "in_progress", "quality_check", "completed", "failed", "cancelled"
]


class BatchMaterial(Value):
    """One material of a batch; `consumed` = actual, in all, null until reported."""

    material_id: str
    required: Quantity
    consumed: Quantity | None


class BatchSnapshot(Payload):
    """Shape B: the whole state of a batch."""

    batch_id: str
    product_id: str
    recipe_id: str
    recipe_version: int
    status: BatchStatus
    reason: Text | None
    quantity_planned: Quantity
    quantity_produced: Quantity
    quantity_defective: Quantity
    quantity_good: Quantity
    materials: tuple[BatchMaterial, ...]
    expected_completion_at: Timestamp | None


class BatchPlanned(BatchSnapshot):
    """Asks inventory for the materials; again with a larger quantity until start is asked."""

    plan_reason: Literal["manual", "replenishment"]


class BatchStartRequested(BatchSnapshot):
    """Asks inventory to issue the materials."""


class BatchStarted(BatchSnapshot):
    """Production runs; `expected_completion_at` moves the delivery estimate."""


class BatchConsumed(BatchSnapshot):
    """Reports actual consumption; inventory issues the extra and takes the rest back."""


class BatchCost(Value):
    """Actual cost of a batch; `unit` = total divided by good units."""

    materials: Money
    labour: Money
    overhead: Money
    total: Money
    unit: Money


class BatchCompleted(BatchSnapshot):
    """Good units enter stock, once."""

    lot_code: str
    produced_on: date
    expires_on: date | None
    cost: BatchCost


class BatchFailed(BatchSnapshot):
    """The batch failed after issue: what was used is written off, the rest returns."""


class BatchCancelled(BatchSnapshot):
    """Cancelled before issue; before its `batch.planned` it leaves a closed row."""
