"""What was measured, its medians over the runs, and the ratios that are to hold."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

Percentiles = dict[str, float]
Bound = Literal[">=", "<="]


@dataclass(frozen=True, slots=True)
class Figures:
    """One run of a load: rates, CPU and WAL of its steady state, tables and messages of the whole run, per order."""

    orders: int
    seconds: float
    rate: float
    reserved_ms: Percentiles
    fulfilled_ms: Percentiles
    cpu: dict[str, float]
    busy: float
    wal_bytes: float
    table_bytes: float
    messages: float
    messages_by_topic: dict[str, float]


@dataclass(frozen=True, slots=True)
class Limit:
    """One run of the straight-line script; CPU seconds per 1,000 orders."""

    batch: int
    rate: float
    cpu: dict[str, float]


@dataclass(frozen=True, slots=True)
class Bare:
    """One run of the bare path."""

    took_ms: Percentiles


@dataclass(frozen=True, slots=True)
class Idle:
    """A minute without an order: how many processors each part kept busy, and the milliseconds of the next order."""

    cores: dict[str, float]
    reserved_ms: float


@dataclass
class Round:
    """One turn of the alternation: everything once."""

    loads: dict[str, Figures] = field(default_factory=dict)
    limits: dict[str, Limit] = field(default_factory=dict)
    bare: Bare | None = None
    idle: Idle | None = None


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio within each round, its median, and the bound that the project sets itself."""

    name: str
    value: float
    rounds: tuple[float, ...]
    bound: Bound
    limit: float
    promised: bool

    @property
    def holds(self) -> bool:
        return self.value >= self.limit if self.bound == ">=" else self.value <= self.limit


def percentiles(values: Iterable[float]) -> Percentiles:
    """p50, p99 and how many there were; nothing of nothing."""
    ordered = sorted(values)
    if not ordered:
        return {"p50": float("nan"), "p99": float("nan"), "count": 0}
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return {"p50": statistics.median(ordered), "p99": p99, "count": len(ordered)}


Part = Callable[[Round], float]


def _rate(load: str) -> Part:
    return lambda one: one.loads[load].rate


def _limit(batch: int) -> Part:
    return lambda one: one.limits[str(batch)].rate


def _p99_of_bare(one: Round) -> float:
    if one.bare is None:
        raise KeyError("bare")
    return one.bare.took_ms["p99"]


def _at_rest(one: Round) -> float:
    if one.idle is None:
        raise KeyError("idle")
    return one.idle.cores["services"]


def _cpu_of_load(one: Round) -> float:
    return sum(one.loads["kafka uniform"].cpu[part] for part in ("services", "postgres", "kafka"))


def _cpu_of_limit(one: Round) -> float:
    return sum(one.limits["250"].cpu[part] for part in ("client", "postgres", "kafka"))


RATIOS: Final[tuple[tuple[str, Part, Part, Bound, float, bool], ...]] = (
    ("through Kafka, of the straight-line limit", _rate("kafka uniform"), _limit(250), ">=", 0.15, True),
    ("hot product, of uniform", _rate("kafka hot"), _rate("kafka uniform"), ">=", 0.70, True),
    ("REST at 32 in flight, of the limit in batches of 32", _rate("rest 32"), _limit(32), ">=", 0.25, True),
    (
        "p99 to reserved by REST one at a time, of the bare path",
        lambda one: one.loads["rest 1"].reserved_ms["p99"],
        _p99_of_bare,
        "<=",
        6.0,
        True,
    ),
    ("REST at 128 in flight, of the limit in batches of 128", _rate("rest 128"), _limit(128), ">=", 0.40, False),
    (
        "p99 to reserved by REST at 50 % of the fastest, of the bare path",
        lambda one: one.loads["open 50 %"].reserved_ms["p99"],
        _p99_of_bare,
        "<=",
        10.0,
        False,
    ),
    ("four services at rest, of one core", _at_rest, lambda one: 1.0, "<=", 0.05, False),
    ("CPU of an order through Kafka, of the limit's", _cpu_of_load, _cpu_of_limit, "<=", 5.0, False),
)
"""Name, part, whole, bound, and whether it is promised already or aimed at."""


def ratios(rounds: Sequence[Round]) -> list[Ratio]:
    """Those whose both parts were measured."""
    found = []
    for name, part, whole, bound, limit, promised in RATIOS:
        values = tuple(_divided(one, part, whole) for one in rounds)
        known = tuple(value for value in values if value is not None)
        if known:
            found.append(Ratio(name, statistics.median(known), known, bound, limit, promised))
    return found


def _divided(one: Round, part: Part, whole: Part) -> float | None:
    try:
        return part(one) / whole(one)
    except (KeyError, ZeroDivisionError):
        return None


def medians(records: Sequence[Any]) -> dict[str, Any]:
    """The median of every number in records of the same shape."""
    return _median_of([asdict(record) for record in records])


def _median_of(many: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    keys = list(dict.fromkeys(key for one in many for key in one))
    found: dict[str, Any] = {}
    for key in keys:
        values = [one.get(key, 0) for one in many]
        inner = [value for value in values if isinstance(value, dict)]
        found[key] = _median_of(inner) if inner else statistics.median(values)
    return found
