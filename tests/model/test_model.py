"""The whole saga against an imperfect network: random histories, each of which must come to rest with true books."""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import SagaMachine

HISTORIES = int(os.environ.get("FLACON_MODEL_HISTORIES", "3000"))
STEPS = int(os.environ.get("FLACON_MODEL_STEPS", "60"))
PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
def test_every_history_keeps_the_truths_and_comes_to_rest(part: int) -> None:
    """Told apart only so that several processes can share the work."""
    run_state_machine_as_test(
        SagaMachine,
        settings=settings(
            max_examples=-(-HISTORIES // PARTS),
            stateful_step_count=STEPS,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
