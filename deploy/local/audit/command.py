"""`audit`: every total recomputed twice, from the tables and from the topics, and each deviation named."""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from deploy.local.audit.checking import deviations
from deploy.local.audit.figures import read_figures
from deploy.local.audit.log import Record, log_of
from deploy.local.audit.quiescence import motion_ends
from deploy.local.audit.report import Report, counts_of, show, show_json
from deploy.local.audit.tables import read_tables
from deploy.local.audit.topics import Ranges, consumer, ranges, read_topics
from deploy.local.failure import CannotRun
from deploy.local.stack import Stack

REST_SECONDS_MAX: Final = 30.0
TRIES_MAX: Final = 3
Seam = Callable[[Sequence[Record]], Sequence[Record]]


def audit(stack: Stack, as_json: bool) -> int:
    """Audits a running stack and prints the outcome; the exit code of contract section 10."""
    try:
        report = asyncio.run(examine(stack))
    except CannotRun as error:
        print(error, file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    (show_json if as_json else show)(report)
    return 0 if report.ok else 1


async def examine(stack: Stack, *, records: Seam = lambda read: read, rest_seconds: float = REST_SECONDS_MAX) -> Report:
    """Waits for a quiet moment, reads tables and topics in it, and compares.

    What is stuck (an outbox that is not sent, a group that does not read) does not hide behind the wait: the checks run
    then too, and name it.

    Args:
        records: what the checks get to see of the records that were read; tests leave one out.
        rest_seconds: how long to wait for the system to come to rest.

    Raises:
        CannotRun: if Postgres or Kafka does not answer, or the topics grow all the time.
    """
    began = time.monotonic()
    for _ in range(TRIES_MAX):
        motion = await motion_ends(stack, seconds=rest_seconds)
        books = await read_tables(stack)
        read, at, after = await _read(stack)
        if at == after == motion.ends:
            books = replace(books, figures=await read_figures(stack, books.now))
            log = log_of(records(read), at)
            found = deviations(books, log, stack.topic_prefix)
            unrest = None if motion.none else str(motion)
            return Report(counts_of(books, log), found, unrest, time.monotonic() - began)
    raise CannotRun(f"the system does not come to rest ({motion}); audit it while nothing is going on")


async def _read(stack: Stack) -> tuple[list[Record], Ranges, Ranges]:
    """The records, and the topics' offsets before and after they were read."""
    async with consumer(stack) as client:
        before = await ranges(client, stack)
        read = await read_topics(client, stack.topic_prefix, before)
        return read, before, await ranges(client, stack)
