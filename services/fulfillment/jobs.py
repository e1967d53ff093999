"""Timers: fulfillment has none, for it asks nobody and waits for people."""

from typing import Final

from shared.runtime.jobs import Job

JOBS: Final[tuple[Job, ...]] = ()
