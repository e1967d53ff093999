"""The saga's table, and what holds for every decision: any order of hearing ends in the same state."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.order.domain.answers import Answer, FulfillmentAnswer, FulfillmentLine, StockAnswer, StockLine, apply
from services.order.domain.order import STATUSES, Order
from services.order.domain.status import status_of
from services.order.saga import RULES, STEP_OF, STEPS, accept, decide, seconds_to_next, target_of
from shared.contracts.catalog import BY_NAME
from tests.unit.order.dialogue import START, Dialogue, held, left, order, shipping, stock


def test_the_steps_are_the_questions_of_the_catalog() -> None:
    asked = {event.name for event in BY_NAME.values() if event.owner == "order" and event.question}
    assert set(STEP_OF) == asked
    for step in STEPS:
        assert step.neighbour in BY_NAME[step.asks].readers
        assert all("order" in BY_NAME[answer].readers for answer in step.answered_by)
        assert step.undone_by is None or step.undone_by in STEP_OF


def test_an_open_question_is_asked_again_after_10_s_1_min_5_min_and_every_15_min() -> None:
    assert [seconds_to_next(attempts) for attempts in range(6)] == [10, 60, 300, 900, 900, 900]


def test_a_question_is_open_until_a_snapshot_takes_it_into_account() -> None:
    dialogue = Dialogue.given(order(rose=5), auto_confirm=True)
    assert (dialogue.order.inventory_owes_answer, dialogue.order.fulfillment_owes_answer) == (True, False)
    dialogue.inventory("confirmed", *held(("rose", 5)))
    assert (dialogue.order.inventory_owes_answer, dialogue.order.fulfillment_owes_answer) == (False, True)
    dialogue.fulfillment(left("rose"))
    assert (dialogue.order.inventory_owes_answer, dialogue.order.fulfillment_owes_answer) == (False, False)
    dialogue.inventory("confirmed", stock("rose", held=4, backordered=1)).expect("processing", "ready")
    assert not dialogue.order.fulfillment_owes_answer


quantity = st.integers(0, 4)
stock_lines = st.builds(
    StockLine,
    product_id=st.sampled_from(["rose", "lily"]),
    name=st.just(""),
    held=quantity,
    backordered=quantity,
    deducted=quantity,
    cancelled=quantity,
    short=quantity,
)
stock_answers = st.builds(
    StockAnswer,
    version=st.integers(1, 6),
    order_version=st.integers(0, 4),
    status=st.sampled_from(["active", "confirmed", "rejected", "expired", "closed"]),
    reason=st.sampled_from(["new", "insufficient_stock", "expired"]),
    at=st.integers(0, 10).map(lambda hours: START + timedelta(hours=hours)),
    lines=st.lists(stock_lines, max_size=2).map(tuple),
)
fulfillment_answers = st.builds(
    FulfillmentAnswer,
    version=st.integers(1, 6),
    order_version=st.integers(0, 4),
    closed=st.booleans(),
    lines=st.lists(st.builds(FulfillmentLine, st.sampled_from(["rose", "lily"]), quantity, quantity), max_size=2).map(
        tuple
    ),
)
answers = st.lists(stock_answers | fulfillment_answers, max_size=8)


def _heard(start: Order, heard: list[Answer]) -> Order:
    for answer in heard:
        start = decide(start, apply(start, answer)).order
    return start


@given(answers)
def test_nothing_that_an_event_says_raises_an_error_or_leaves_the_table(heard: list[Answer]) -> None:
    now = accept(order(rose=3, lily=2)).order
    for answer in heard:
        was = now
        decision = decide(was, apply(was, answer))
        now = decision.order
        assert now.status in STATUSES and status_of(now) == now.status
        assert [said.version for said in decision.said] == list(range(was.version + 1, now.version + 1))
        assert was.status not in ("fulfilled", "cancelled", "rejected") or now.has_ended
        for line in now.lines:
            assert line.given_up + line.open + min(line.shipped, line.quantity) == line.quantity
            assert 0 <= target_of(line) <= line.quantity


@given(answers)
def test_a_decision_leaves_nothing_to_say(heard: list[Answer]) -> None:
    now = _heard(accept(order(rose=3, lily=2)).order, heard)
    assert decide(now, now).said == ()


@given(answers, st.data())
def test_every_event_twice_is_every_event_once(heard: list[Answer], data: st.DataObject) -> None:
    start = accept(order(rose=3, lily=2)).order
    once = _heard(start, heard)
    repeated = [*heard, *data.draw(st.permutations(heard))] if heard else []
    assert _heard(start, [answer for pair in zip(heard, heard, strict=True) for answer in pair]) == once
    older = [one for one in repeated if _is_known(once, one)]
    assert _heard(once, older) == once


def _is_known(now: Order, answer: Answer) -> bool:
    known = now.stock_version if isinstance(answer, StockAnswer) else now.fulfillment_version
    return answer.version <= known


def test_events_between_topics_commute() -> None:
    first = shipping().order
    lines = (stock("rose", held=2, deducted=3),)
    hold = StockAnswer(first.stock_version + 1, first.stock_asked, "confirmed", "x", START, None, lines)
    parcel = FulfillmentAnswer(first.fulfillment_version + 1, first.ready_version, False, (left("rose", 5),))
    assert _heard(first, [hold, parcel]) == _heard(first, [parcel, hold])


def test_snapshots_applied_together_are_decided_once() -> None:
    start = Dialogue.given(order(rose=5), auto_confirm=True).order
    hold = StockAnswer(1, 1, "confirmed", "new", START, None, held(("rose", 5)))
    parcel = FulfillmentAnswer(2, 3, False, (left("rose", 5),))
    decision = decide(start, apply(apply(start, hold), parcel))
    assert [said.event for said in decision.said] == ["order.confirmed", "order.fulfilled"]


def test_no_rule_is_due_for_an_order_that_was_just_accepted() -> None:
    new = accept(order(rose=1)).order
    assert [event for event, is_due in RULES if is_due(new, new)] == []
    assert decide(new, replace(new)).said == ()
