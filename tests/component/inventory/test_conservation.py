"""Nothing is lost and nothing made of air: units and costs of materials, batches and lots over random histories."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.inventory.domain.lots import MONEY
from shared.contracts import bottling
from shared.contracts.values import Money
from tests.component.inventory.warehouse import Warehouse, event, new

UNITS = """
SELECT coalesce(sum(quantity) FILTER (WHERE type = 'receipt'), 0)::int AS received,
       coalesce(-sum(quantity) FILTER (WHERE type IN ('material_issue', 'material_return')), 0)::int AS consumed,
       coalesce(-sum(quantity) FILTER (WHERE type = 'adjust'), 0)::int AS scrapped,
       coalesce(sum(quantity) FILTER (WHERE type = 'found'), 0)::int AS found
FROM ledger WHERE item_id = $1 AND type NOT IN ('reserve', 'release', 'hold', 'unhold', 'take_back')
"""
COSTS = """
SELECT (SELECT coalesce(sum(round(unit_cost * quantity, 4)), 0) FROM receipts WHERE item_id = $1) AS received,
       (SELECT coalesce(sum(cost), 0) FROM reservations WHERE item_id = $1) AS charged,
       (SELECT coalesce(-sum(cost), 0) FROM lot_movements WHERE item_id = $1 AND type = 'adjust') AS scrapped,
       (SELECT coalesce(sum(cost), 0) FROM lot_movements WHERE item_id = $1 AND type = 'found') AS found,
       (SELECT coalesce(sum(round(total_cost * least(quantity, made) / made, 4)), 0)
        FROM lots WHERE item_id = $1 AND total_cost IS NOT NULL AND made > 0) AS on_hand
"""
MADE = "SELECT coalesce(sum(total_cost), 0) AS cost, coalesce(sum(made), 0)::int AS units FROM lots WHERE item_id = $1"
USED = "SELECT cost FROM reservations WHERE claim_id = $1 AND item_id = $2"

amounts = st.integers(1, 30)
prices = st.sampled_from(["0", "0.01", "1", "3.333333333333", "0.000000000001", "17.0005"])
steps = st.one_of(
    st.tuples(st.just("receive"), amounts, prices),
    st.tuples(st.just("receive"), amounts, prices),
    st.tuples(st.just("scrap"), amounts),
    st.tuples(st.just("plan"), amounts),
    st.tuples(st.just("plan"), amounts),
    st.tuples(st.just("consume"), st.integers(0, 40)),
    st.tuples(st.just("complete"), amounts, st.integers(0, 5)),
    st.tuples(st.just("fail"), st.integers(0, 40)),
    st.tuples(st.just("sell"), st.integers(1, 6)),
)


@dataclass
class Plant:
    """Batches of `P` from `G` under way; their facts as bottling tells them."""

    warehouse: Warehouse
    material: str
    product: str
    running: list[tuple[str, int]] = field(default_factory=list)
    settled: list[tuple[str, int]] = field(default_factory=list)
    told: dict[str, int] = field(default_factory=dict)
    good: int = 0
    inputs: Decimal = Decimal(0)

    async def play(self, step: tuple[Any, ...]) -> None:
        match step:
            case "receive", quantity, price:
                await self.warehouse.receive(self.material, quantity, price, lot=new())
            case "scrap", quantity:
                await self.warehouse.adjust(self.material, -quantity)
            case "plan", quantity:
                await self._plan(quantity)
            case "consume", used if self.running:
                await self._settle("batch.consumed", used)
            case "fail", used if self.running:
                await self._settle("batch.failed", used)
                self.settled.pop()
            case "complete", good, defective if self.settled:
                await self._complete(good, defective)
            case "sell", quantity:
                one = new()
                await self.warehouse.hear(self.warehouse.created(one, (self.product, quantity), confirm=True))
                await self.warehouse.hear(self.warehouse.shipped(one, (self.product, min(quantity, 2))))

    async def _tell(self, type: str, batch: str, need: int, used: int | None = None, **more: Any) -> None:
        self.told[batch] = version = self.told.get(batch, 0) + 1
        asked = (self.material, need, used)
        await self.warehouse.hear(
            self.warehouse.batch(type, batch, asked, version=version, product=self.product, **more)
        )

    async def _plan(self, quantity: int) -> None:
        batch = new()
        await self._tell("batch.planned", batch, quantity)
        await self._tell("batch.start_requested", batch, quantity)
        if await self.warehouse.status(batch) == "issued":
            self.running.append((batch, quantity))

    async def _settle(self, type: str, used: int) -> None:
        batch, need = self.running.pop(0)
        await self._tell(type, batch, need, used)
        self.settled.append((batch, need))

    async def _complete(self, good: int, defective: int) -> None:
        """As bottling does: the cost of the materials as it was told, and 1.20 of labour for each unit made."""
        batch, need = self.settled.pop(0)
        async with self.warehouse.database.reading() as connection:
            materials = await connection.fetchval(USED, batch, self.material)
        labour = Decimal("1.2000") * (good + defective)
        asked = (self.material, need, None)
        fact = self.warehouse.batch("batch.completed", batch, asked, product=self.product, good=good)
        told = fact.data.model_dump()
        cost = {"materials": materials, "labour": labour, "overhead": Decimal(0), "total": materials + labour}
        cost["unit"] = (cost["total"] / good).quantize(MONEY)
        told["cost"] = {name: Money(amount=amount) for name, amount in cost.items()}
        told |= {"quantity_produced": good + defective, "quantity_defective": defective}
        data = bottling.BatchCompleted.model_validate(told)
        self.good += good
        self.inputs += materials + labour
        await self.warehouse.hear(event("batch.completed", batch, self.told[batch] + 1, data))

    async def is_conserved(self) -> None:
        """Received (and found, where the books had fewer) = consumed + scrapped + on hand, in units and in money; and
        what all lots of the product cost is what all their inputs cost."""
        async with self.warehouse.database.reading() as connection:
            units, costs = [dict(await connection.fetchrow(sql, self.material)) for sql in (UNITS, COSTS)]
            made = dict(await connection.fetchrow(MADE, self.product))
        current = (await self.warehouse.level(self.material))["current"]
        assert units["received"] + units["found"] == units["consumed"] + units["scrapped"] + current
        assert costs["received"] + costs["found"] == costs["charged"] + costs["scrapped"] + costs["on_hand"]
        assert (made["units"], made["cost"]) == (self.good, self.inputs)
        await self.warehouse.is_true()


@given(st.lists(steps, min_size=6, max_size=24))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_units_and_costs_are_conserved_to_the_last_cent(
    warehouse: Warehouse, said: list[tuple[Any, ...]]
) -> None:
    plant = Plant(warehouse, f"G-{new()}", f"P-{new()}")
    await warehouse.item(plant.material, kind="material")
    await warehouse.item(plant.product)
    await warehouse.receive(plant.material, 40, "2.000000000001", lot="first")
    for step in said:
        await plant.play(step)
    await plant.is_conserved()
