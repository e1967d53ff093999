"""What somebody should look at: quality below what is expected, values outside their limits, batches that failed."""

from dataclasses import dataclass
from typing import Literal

from services.bottling.domain.batch import Batch
from services.bottling.domain.commands import Command, Fail, Inspect, Measure

QUALITY_PERCENT_MIN = 95
ConcernKind = Literal["quality_below", "batch_failed"]


@dataclass(frozen=True, slots=True)
class Concern:
    """An alert about a batch, and what it says."""

    kind: ConcernKind
    batch: Batch
    detail: str


def concern_of(batch: Batch, command: Command, percent_min: int) -> Concern | None:
    """What the batch, as it is after this command, gives cause for."""
    match command:
        case Fail():
            return Concern("batch_failed", batch, command.reason)
        case Inspect():
            said = _about_quality(batch, command, percent_min)
            return Concern("quality_below", batch, "; ".join(said)) if said else None
        case _:
            return None


def _about_quality(batch: Batch, check: Inspect, percent_min: int) -> list[str]:
    said = [_outside(measure) for measure in check.measures if not measure.within]
    if not good_enough(batch, percent_min):
        said.insert(0, f"{batch.quantity_good} of {batch.quantity_produced} good, {percent_min} % expected")
    return said


def _outside(measure: Measure) -> str:
    limits = [f"low {measure.low}"] if measure.low is not None else []
    limits += [f"high {measure.high}"] if measure.high is not None else []
    return f"{measure.name} is {measure.value} ({', '.join(limits)})"


def good_enough(batch: Batch, percent_min: int) -> bool:
    """Whether so many of the units produced are good."""
    return batch.quantity_good * 100 >= batch.quantity_produced * percent_min
