"""Bottling's timers."""

from services.bottling.operations.questions import ASKED_AT_ONCE, ask_again
from shared.runtime.jobs import Job

JOBS = (Job("ask_again", every_seconds=1.0, tick=ask_again, batch=ASKED_AT_ONCE),)
