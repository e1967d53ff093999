"""Each defence switched off alone turns the model red; otherwise nobody would know that it is needed."""

import re
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from services.inventory.domain.claims import Claim
from services.order import saga
from services.order.domain.order import Order
from tests.model.machine import SagaMachine
from tests.model.services import Defences
from tests.model.violation import Violation

HISTORIES = 250
STARTS_MAX = 40
"""Ten times and more what the slowest of these needs to turn red."""


class WithoutNewestSnapshot(SagaMachine):
    defences = replace(Defences(), newest_snapshot_wins=False)


class WithRefusedFacts(SagaMachine):
    defences = replace(Defences(), facts_never_refused=False)


class WithShortPicksWrittenOff(SagaMachine):
    defences = replace(Defences(), short_picks_held_for_count=False)


class WithoutInbox(SagaMachine):
    defences = replace(Defences(), inbox=False)


def _broken(machine: type[SagaMachine]) -> str:
    """What the first broken history says, the same in every run; fresh starts, for neighbours are much alike."""
    for start in range(STARTS_MAX):
        try:
            run_state_machine_as_test(
                seed(start)(type(machine.__name__, (machine,), {})),
                settings=settings(
                    max_examples=HISTORIES,
                    stateful_step_count=60,
                    deadline=None,
                    database=None,
                    phases=[Phase.generate],
                    report_multiple_bugs=False,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        except Violation as violation:
            return str(violation)
    return "nothing"


def test_if_the_last_to_arrive_counts_as_the_newest_order_shows_what_is_not() -> None:
    assert re.search("order shows|is stuck|nobody ships|and left", _broken(WithoutNewestSnapshot))


def test_if_a_shipment_without_a_hold_is_refused_the_books_are_wrong() -> None:
    assert re.search("left, order says", _broken(WithRefusedFacts))


def test_if_what_a_picker_does_not_find_is_written_off_the_books_are_wrong() -> None:
    assert re.search("books say|more left the building", _broken(WithShortPicksWrittenOff))


def test_if_additive_effects_are_not_fenced_they_happen_twice() -> None:
    assert re.search("books say|more left the building|never reached|inventory", _broken(WithoutInbox))


def test_if_order_judges_a_cancel_alone_a_cancelled_order_is_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def decide_alone(asked: Order) -> saga.Decision:
        return saga._decide_alone(asked, asked)

    monkeypatch.setattr(saga, "_ask_fulfillment", decide_alone)
    assert re.search(r"an order is cancelled and \d+ units of it left", _broken(SagaMachine))


def test_if_confirmed_holds_are_swept_an_order_that_expired_is_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def lapsed(claim: Claim, now: datetime) -> bool:
        return claim.kind == "order" and claim.live and claim.expires_at is not None and claim.expires_at <= now

    monkeypatch.setattr(Claim, "lapsed", lapsed)
    assert re.search(r"an order is expired and \d+ units of it left", _broken(SagaMachine))
