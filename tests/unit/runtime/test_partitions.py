"""Partitions follow each other without gap or overlap, and only what is outlived goes."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.partitions import Partitioned, name_of, outlived, start_named, start_of, wanted

MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
TABLES = st.builds(
    Partitioned,
    table=st.just("ledger"),
    by=st.sampled_from(["time", "uuid7"]),
    span=st.sampled_from(["hour", "day", "month"]),
    keep=st.one_of(st.none(), st.timedeltas(timedelta(hours=1), timedelta(days=60))),
    ahead=st.integers(0, 5),
)


@given(TABLES, MOMENTS)
def test_each_partition_begins_where_the_one_before_ends(table: Partitioned, now: datetime) -> None:
    partitions = list(wanted(table, now))
    assert len(partitions) == table.ahead + 2
    for (_, lower, upper), (_, next_lower, _) in pairwise(partitions):
        assert lower < upper == next_lower


@given(TABLES, MOMENTS)
def test_now_is_in_the_second_partition_and_its_name_tells_its_start(table: Partitioned, now: datetime) -> None:
    name, _, _ = list(wanted(table, now))[1]
    assert name == name_of(table, start_of(now, table.span))
    assert start_named(table, name) == start_of(now, table.span)


@given(TABLES, MOMENTS, st.lists(MOMENTS, max_size=8))
def test_only_partitions_that_ended_before_what_is_kept_are_dropped(
    table: Partitioned, now: datetime, moments: list[datetime]
) -> None:
    names = [name_of(table, start_of(moment, table.span)) for moment in moments]
    dropped = outlived(table, names, now)
    if table.keep is None:
        assert dropped == []
    else:
        keep = table.keep
        assert all(end < now - keep for _, end in dropped)
        young = {name for name in names if start_named(table, name) >= now - keep}
        assert not young & {name for name, _ in dropped}
