"""Questions without an answer are asked again after 10 s, 1 min, 5 min, then every 15 min."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.bottling.domain.questions import next_attempt_at
from tests.unit.bottling.building import NOW


def test_the_waits_grow_to_a_quarter_of_an_hour() -> None:
    waits = [(next_attempt_at(NOW, attempts) - NOW).total_seconds() for attempts in range(6)]
    assert waits == [10, 60, 300, 900, 900, 900]


@given(st.integers(0, 10_000))
def test_a_question_is_asked_again_for_ever(attempts: int) -> None:
    waits = [next_attempt_at(NOW, each) - NOW for each in (attempts, attempts + 1)]
    assert all(earlier <= later for earlier, later in pairwise(waits))
    assert waits[1] <= timedelta(minutes=15)
