"""Questions of orders on a real Postgres: forward, each way back, early, late, twice."""

from datetime import timedelta

from tests.component.inventory.warehouse import START, Warehouse, new, only


async def test_an_order_is_held_confirmed_and_shipped(warehouse: Warehouse) -> None:
    await warehouse.item("P", 100)
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 25)))
    assert await warehouse.levels("P") == (100, 25, 0, 0)
    assert await warehouse.types() == ["stock.reserved active new"]
    await warehouse.hear(warehouse.confirm(one, ("P", 25)))
    assert await warehouse.types() == ["stock.confirmed confirmed confirmed"]
    await warehouse.hear(warehouse.shipped(one, ("P", 25)))
    assert await warehouse.levels("P") == (75, 0, 0, 0)
    assert await warehouse.line(one, "P") == (25, 0, 0, 25, 0)
    assert await warehouse.types() == ["stock.deducted confirmed shipped"]
    assert await warehouse.entries("P") == ["receipt +100", "reserve +25", "sale -25"]
    await warehouse.is_true()


async def test_an_auto_confirmed_order_is_held_as_confirmed_in_one_answer(warehouse: Warehouse) -> None:
    await warehouse.item("P", 5)
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 5), confirm=True))
    answer = only(await warehouse.told())
    assert (answer["status"], answer["reason"], answer["lines"][0]["held"]) == ("confirmed", "new", 5)


async def test_a_short_order_under_reject_takes_nothing_and_is_told_why(warehouse: Warehouse) -> None:
    await warehouse.item("Q", 7)
    await warehouse.item("P", 3, alternatives=("Q", "R"), lead_days=10)
    await warehouse.item("R")
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 5), ("Q", 1)))
    answer = only(await warehouse.told())
    assert (answer["status"], answer["reason"]) == ("rejected", "insufficient_stock")
    shortage = answer["lines"][0]["shortage"]
    assert (shortage["available"], shortage["requested"], shortage["expected_basis"]) == (3, 5, "lead_days")
    assert shortage["alternatives"] == [{"product_id": "Q", "name": "The Q", "available": 7}]
    assert answer["lines"][1]["shortage"] is None
    assert await warehouse.levels("P") == (3, 0, 0, 0)
    assert await warehouse.entries("P") == ["receipt +3"]


async def test_a_shortage_tells_what_is_available_not_what_is_in_stock(warehouse: Warehouse) -> None:
    await warehouse.item("P", 10)
    await warehouse.hear(warehouse.created(new(), ("P", 6), confirm=True))
    await warehouse.told()
    await warehouse.hear(warehouse.created(new(), ("P", 5)))
    shortage = only(await warehouse.told())["lines"][0]["shortage"]
    assert (shortage["available"], shortage["requested"]) == (4, 5)
    assert await warehouse.levels("P") == (10, 6, 0, 0)


async def test_the_day_of_a_shortage_counts_those_who_wait_already(warehouse: Warehouse) -> None:
    await warehouse.item("P")
    due = START + timedelta(days=400)
    await warehouse.hear(warehouse.batch("batch.started", new(), status="in_progress", expected=due))  # ten units
    await warehouse.hear(warehouse.created(new(), ("P", 8), on_shortage="backorder"))
    await warehouse.told()
    for quantity, basis in ((2, "batch"), (3, "lead_days")):
        await warehouse.hear(warehouse.created(new(), ("P", quantity)))
        assert only(await warehouse.told())["lines"][0]["shortage"]["expected_basis"] == basis


async def test_an_unknown_an_inactive_product_and_a_material_are_refused(warehouse: Warehouse) -> None:
    await warehouse.item("P", 3)
    await warehouse.item("OLD", 3, active=False)
    await warehouse.item("GLASS", 3, kind="material")
    for id in ("NONE", "OLD", "GLASS"):
        await warehouse.hear(warehouse.created(new(), ("P", 1), (id, 1)))
        answer = only(await warehouse.told())
        assert answer["reason"] == "unknown_product"
        assert {line["product_id"] for line in answer["lines"] if line["shortage"]} == {id}
    assert await warehouse.levels("P") == (3, 0, 0, 0)


async def test_a_partial_order_takes_what_is_there_and_queues_for_the_rest(warehouse: Warehouse) -> None:
    await warehouse.item("P", 3)
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 5), on_shortage="partial"))
    assert await warehouse.line(one, "P") == (5, 3, 2, 0, 0)
    assert await warehouse.levels("P") == (3, 3, 0, 2)
    assert await warehouse.types() == ["stock.reserved active new"]


async def test_a_receipt_fills_the_queue_by_priority_then_age(warehouse: Warehouse) -> None:
    await warehouse.item("P")
    old, young, urgent = new(), new(), new()
    await warehouse.hear(
        warehouse.created(old, ("P", 2), on_shortage="backorder"),
        warehouse.created(young, ("P", 2), on_shortage="backorder"),
        warehouse.created(urgent, ("P", 2), on_shortage="backorder", priority=9),
    )
    assert sorted(await warehouse.types()) == ["stock.backordered active new"] * 3
    done = await warehouse.receive("P", 5)
    assert [(id, quantity) for _, id, quantity in done.given] == [(urgent, 2), (old, 2), (young, 1)]
    assert await warehouse.types() == ["stock.reserved active backorder_filled"] * 3
    assert await warehouse.levels("P") == (5, 5, 0, 1)
    await warehouse.is_true()


async def test_a_newcomer_never_overtakes_the_queue(warehouse: Warehouse) -> None:
    await warehouse.item("P")
    first, second = new(), new()
    await warehouse.hear(warehouse.created(first, ("P", 5), on_shortage="backorder"))
    await warehouse.receive("P", 3)
    await warehouse.hear(warehouse.created(second, ("P", 1), on_shortage="backorder", priority=9))
    assert await warehouse.line(second, "P") == (1, 0, 1, 0, 0)
    await warehouse.receive("P", 3)
    assert await warehouse.line(second, "P") == (1, 1, 0, 0, 0)
    assert await warehouse.line(first, "P") == (5, 5, 0, 0, 0)


async def test_the_safety_stock_is_not_for_those_that_protect_it(warehouse: Warehouse) -> None:
    await warehouse.item("P", 10, minimum=4)
    await warehouse.hear(warehouse.created(new(), ("P", 7), protect_safety_stock=True))
    assert await warehouse.types() == ["stock.rejected rejected insufficient_stock"]
    careful, careless = new(), new()
    await warehouse.hear(warehouse.created(careful, ("P", 8), protect_safety_stock=True, on_shortage="partial"))
    assert await warehouse.line(careful, "P") == (8, 6, 2, 0, 0)
    await warehouse.hear(warehouse.created(careless, ("P", 4)))
    assert await warehouse.line(careless, "P") == (4, 4, 0, 0, 0)
    await warehouse.receive("P", 5)
    assert await warehouse.line(careful, "P") == (8, 7, 1, 0, 0)
    await warehouse.is_true()


async def test_a_cancelled_order_gives_back_and_the_queue_gets_it_at_once(warehouse: Warehouse) -> None:
    await warehouse.item("P", 5)
    one, two = new(), new()
    await warehouse.hear(warehouse.created(one, ("P", 5)))
    await warehouse.hear(warehouse.created(two, ("P", 3), on_shortage="backorder"))
    await warehouse.told()
    await warehouse.hear(warehouse.cancel(one, ("P", 5)))
    told = await warehouse.told()
    assert [type for type, _ in told] == ["stock.released", "stock.reserved"]
    assert told[0][1]["released"] == [{"product_id": "P", "quantity": 5}]
    assert await warehouse.line(one, "P") == (5, 0, 0, 0, 5)
    assert await warehouse.line(two, "P") == (3, 3, 0, 0, 0)
    await warehouse.is_true()


async def test_cancelling_some_units_gives_up_the_queued_ones_first(warehouse: Warehouse) -> None:
    await warehouse.item("P", 3)
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 5), on_shortage="partial"))
    await warehouse.hear(warehouse.cancel(one, ("P", 5, 0, 3), closed=False, version=2))
    assert await warehouse.line(one, "P") == (5, 2, 0, 0, 3)
    assert await warehouse.levels("P") == (3, 2, 0, 0)
    told, released = (await warehouse.told())[-1]
    assert (told, released["reason"]) == ("stock.released", "cancelled")
    assert released["released"] == [{"product_id": "P", "quantity": 1}]


async def test_units_of_a_line_that_are_given_up_go_to_the_queue_in_the_same_transaction(warehouse: Warehouse) -> None:
    await warehouse.item("P", 5)
    one, two = new(), new()
    await warehouse.hear(warehouse.created(one, ("P", 5)))
    await warehouse.hear(warehouse.created(two, ("P", 3), on_shortage="backorder"))
    await warehouse.hear(warehouse.cancel(one, ("P", 5, 0, 2), closed=False, version=2))
    assert await warehouse.line(one, "P") == (5, 3, 0, 0, 2)
    assert await warehouse.line(two, "P") == (3, 2, 1, 0, 0)
    assert await warehouse.go_on() == 0
    await warehouse.is_true()


async def test_a_cancel_before_its_order_leaves_a_closed_row(warehouse: Warehouse) -> None:
    await warehouse.item("P", 5)
    one = new()
    await warehouse.hear(warehouse.cancel(one, ("P", 5), version=2))
    await warehouse.hear(warehouse.created(one, ("P", 5)))
    assert await warehouse.types() == ["stock.released closed cancelled"]
    assert await warehouse.levels("P") == (5, 0, 0, 0)
    assert await warehouse.status(one) == "closed"


async def test_a_confirmation_before_its_order_holds_and_confirms_at_once(warehouse: Warehouse) -> None:
    await warehouse.item("P", 5)
    one = new()
    await warehouse.hear(warehouse.confirm(one, ("P", 5)))
    await warehouse.hear(warehouse.created(one, ("P", 5)))
    assert await warehouse.types() == ["stock.confirmed confirmed confirmed"]
    assert await warehouse.levels("P") == (5, 5, 0, 0)


async def test_the_newest_question_of_a_batch_is_answered_alone(warehouse: Warehouse) -> None:
    await warehouse.item("P", 5)
    one = new()
    await warehouse.hear(
        warehouse.confirm(one, ("P", 5)), warehouse.created(one, ("P", 5)), warehouse.cancel(one, ("P", 5))
    )
    assert await warehouse.types() == ["stock.released closed cancelled"]


async def test_the_same_question_again_is_answered_with_the_present_state(warehouse: Warehouse) -> None:
    await warehouse.item("P", 5)
    one, two = new(), new()
    question = warehouse.created(one, ("P", 5))
    await warehouse.hear(question)
    before = await warehouse.entries("P")
    await warehouse.hear(question)
    await warehouse.hear(warehouse.created(one, ("P", 5)))
    await warehouse.hear(warehouse.created(two, ("P", 1)), warehouse.created(two, ("P", 1)))
    await warehouse.hear(warehouse.created(two, ("P", 1)))
    assert await warehouse.types() == [
        "stock.reserved active new",
        "stock.reserved active new",
        "stock.rejected rejected insufficient_stock",
        "stock.rejected rejected insufficient_stock",
    ]
    assert await warehouse.entries("P") == before


async def test_a_lapsed_hold_ends_as_a_whole_order_and_tells(warehouse: Warehouse) -> None:
    await warehouse.item("P", 3)
    await warehouse.item("Q", 3)
    one, two = new(), new()
    await warehouse.hear(warehouse.created(one, ("P", 3), ("Q", 5), on_shortage="partial"))
    await warehouse.hear(warehouse.created(two, ("P", 3), on_shortage="backorder", confirm=True))
    await warehouse.told()
    assert await warehouse.sweep() == 0
    await _lapse(warehouse)
    assert await warehouse.sweep() == 1
    told = await warehouse.told()
    assert [(type, payload["order_id"]) for type, payload in told] == [
        ("stock.released", one),
        ("stock.reserved", two),
    ]
    assert told[0][1]["reason"] == "expired"
    assert {(line["product_id"], line["quantity"]) for line in told[0][1]["released"]} == {("P", 3), ("Q", 3)}
    assert await warehouse.line(one, "Q") == (0, 0, 0, 0, 0)
    assert await warehouse.sweep() == 0
    await warehouse.is_true()


async def _lapse(warehouse: Warehouse) -> None:
    """Every unconfirmed hold is over."""
    async with warehouse.database.transaction() as tx:
        await tx.execute("UPDATE claims SET expires_at = clock_timestamp() - interval '1 s' WHERE status = 'active'")


async def test_a_stopped_sweeper_never_blocks_a_sale(warehouse: Warehouse) -> None:
    await warehouse.item("P", 3)
    await warehouse.item("Q", 3)
    lapsed, waiting, buyer = new(), new(), new()
    await warehouse.hear(warehouse.created(lapsed, ("P", 3), ("Q", 3)))
    await warehouse.hear(warehouse.created(waiting, ("Q", 1), on_shortage="backorder", confirm=True))
    await _lapse(warehouse)
    await warehouse.told()
    await warehouse.hear(warehouse.created(buyer, ("P", 2)))
    assert sorted(await warehouse.types()) == [
        "stock.released expired expired",
        "stock.reserved active new",
        "stock.reserved confirmed backorder_filled",
    ]
    assert await warehouse.line(waiting, "Q") == (1, 1, 0, 0, 0)
    await warehouse.is_true()


async def test_a_lapsed_hold_that_nobody_needs_is_confirmed_anew(warehouse: Warehouse) -> None:
    await warehouse.item("P", 3)
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 3)))
    await _lapse(warehouse)
    await warehouse.hear(warehouse.confirm(one, ("P", 3)))
    assert (await warehouse.types())[-1] == "stock.confirmed confirmed retaken"
    assert (await warehouse.entries("P"))[-2:] == ["expire -3", "reserve +3"]
    await warehouse.is_true()


async def test_a_late_confirmation_is_refused_when_the_units_are_gone_and_taken_when_they_are_back(
    warehouse: Warehouse,
) -> None:
    await warehouse.item("P", 3)
    one, two = new(), new()
    await warehouse.hear(warehouse.created(one, ("P", 3)))
    await _lapse(warehouse)
    await warehouse.hear(warehouse.created(two, ("P", 1)))
    await warehouse.told()
    await warehouse.hear(warehouse.confirm(one, ("P", 3), version=2))
    answer = only(await warehouse.told())
    assert (answer["status"], answer["reason"]) == ("expired", "insufficient_stock")
    assert answer["lines"][0]["shortage"]["available"] == 2
    await warehouse.receive("P", 1)
    await warehouse.hear(warehouse.confirm(one, ("P", 3), version=3))
    assert await warehouse.types() == ["stock.confirmed confirmed retaken"]


async def test_after_a_day_a_lapsed_hold_is_not_taken_again(warehouse: Warehouse) -> None:
    await warehouse.item("P", 3)
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 3)))
    async with warehouse.database.transaction() as tx:
        await tx.execute("UPDATE claims SET expires_at = clock_timestamp() - interval '86401 s'")
    await warehouse.sweep()
    await warehouse.told()
    await warehouse.hear(warehouse.confirm(one, ("P", 3)))
    assert await warehouse.types() == ["stock.rejected expired expired"]
    assert await warehouse.levels("P") == (3, 0, 0, 0)


async def test_a_confirmed_hold_is_never_swept(warehouse: Warehouse) -> None:
    await warehouse.item("P", 3)
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 3), confirm=True))
    async with warehouse.database.transaction() as tx:
        await tx.execute("UPDATE claims SET expires_at = clock_timestamp() - interval '30 days'")
    assert await warehouse.sweep() == 0
    await warehouse.hear(warehouse.created(new(), ("P", 1)))
    assert await warehouse.line(one, "P") == (3, 3, 0, 0, 0)


async def test_a_queue_longer_than_one_transaction_goes_on_in_order(warehouse: Warehouse) -> None:
    await warehouse.item("P")
    orders = [new() for _ in range(1200)]
    await warehouse.hear(*(warehouse.created(one, ("P", 1), on_shortage="backorder") for one in orders))
    await warehouse.receive("P", 1150)
    assert await warehouse.levels("P") == (1150, 500, 0, 700)
    await warehouse.told()
    newcomer = new()
    await warehouse.hear(warehouse.created(newcomer, ("P", 1), priority=9))
    assert await warehouse.types() == ["stock.rejected rejected insufficient_stock"]
    assert await warehouse.go_on() == 1
    assert await warehouse.levels("P") == (1150, 1000, 0, 200)
    assert await warehouse.go_on() == 1
    assert await warehouse.go_on() == 0
    assert await warehouse.levels("P") == (1150, 1150, 0, 50)
    assert await warehouse.line(orders[1149], "P") == (1, 1, 0, 0, 0)
    assert await warehouse.line(orders[1150], "P") == (1, 0, 1, 0, 0)
    await warehouse.is_true()
