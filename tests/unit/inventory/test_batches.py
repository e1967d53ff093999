"""Questions of batches, one dialogue per rule: claim, issue, settle, release."""

from tests.unit.inventory.warehouse import Warehouse


def issued() -> Warehouse:
    """Four units of oil were issued to the batch."""
    house = Warehouse(oil=10)
    house.batch("planned", 1, oil=(4, None))
    house.batch("start_requested", 2, oil=(4, None))
    assert (house.claims["b"].status, house.line("b", "oil"), house.stock("oil")) == (
        "issued", (0, 0, 4, 0), (6, 0, 0, 0),
    )  # fmt: skip
    return house


def test_a_cancel_after_the_materials_were_issued_releases_nothing_and_they_are_settled() -> None:
    house = issued()
    house.batch("cancelled", 3, oil=(4, None))
    assert (house.claims["b"].status, house.line("b", "oil")) == ("issued", (0, 0, 4, 0))
    house.batch("failed", 4, oil=(4, 1))
    assert (house.claims["b"].status, house.posted()) == ("settled", [("material_return", 3)])


def test_a_cancel_gives_all_back_and_what_comes_later_takes_nothing() -> None:
    house = Warehouse(oil=3)
    house.batch("planned", 1, oil=(4, None))
    assert house.line("b", "oil") == (3, 1, 0, 0)
    house.batch("cancelled", 2, oil=(4, None))
    assert (house.claims["b"].status, house.line("b", "oil"), house.stock("oil")) == (
        "closed", (0, 0, 0, 4), (3, 0, 0, 0),
    )  # fmt: skip
    house.batch("start_requested", 3, oil=(4, None))
    house.batch("consumed", 4, oil=(4, 4))
    assert (house.claims["b"].status, house.line("b", "oil"), house.posted()) == ("closed", (0, 0, 0, 4), [])


def test_an_older_question_of_a_batch_is_not_answered_and_the_same_again_is() -> None:
    house = issued()
    assert house.batch("consumed", 1, oil=(4, 0)) is None
    assert (house.claims["b"].status, house.claims["b"].asked) == ("issued", 2)
    told = house.batch("start_requested", 2, oil=(4, None))
    assert told is not None and (told.answers, house.posted()) == ("batch.start_requested", [])


def test_a_batch_that_is_short_is_issued_nothing() -> None:
    house = Warehouse(oil=10, cork=1)
    house.batch("start_requested", 1, oil=(4, None), cork=(2, None))
    assert house.claims["b"].status == "confirmed"
    assert (house.line("b", "oil"), house.line("b", "cork")) == ((4, 0, 0, 0), (1, 1, 0, 0))


def test_the_unused_returns_and_the_extra_is_issued() -> None:
    house = issued()
    line = house.claims["b"].lines["oil"]
    house.batch("consumed", 3, oil=(4, 1))
    assert (line.issued, line.returned, house.posted()) == (1, 3, [("material_return", 3)])
    house.batch("consumed", 4, oil=(4, 3))
    assert (line.issued, house.posted()) == (3, [("material_issue", -2)])
    house.batch("consumed", 5, oil=(4, None))
    assert (line.issued, house.posted(), house.claims["b"].status) == (3, [], "settled")


def test_a_plan_that_needs_less_gives_up_its_queue_before_its_hold() -> None:
    house = Warehouse(oil=3)
    house.batch("planned", 1, oil=(5, None))
    house.batch("planned", 2, oil=(2, None))
    assert (house.line("b", "oil"), house.stock("oil")) == ((2, 0, 0, 3), (3, 2, 0, 0))
    assert house.posted() == [("release", -1)]
