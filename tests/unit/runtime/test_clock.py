"""Ids grow, and know their time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.clock import IdMaker, first_id_at, new_id, time_of


def test_ids_of_one_process_grow_strictly() -> None:
    make = IdMaker()
    ids = [make() for _ in range(20_000)]
    assert ids == sorted(set(ids))


def test_ids_of_many_threads_never_meet() -> None:
    make = IdMaker()
    with ThreadPoolExecutor(4) as threads:
        ids = list(threads.map(lambda _: make(), range(8_000)))
    assert len(set(ids)) == 8_000


def test_an_id_is_a_version_7_uuid_of_now() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=2)
    id = new_id()
    assert (id.version, id.variant) == (7, "specified in RFC 4122")
    assert before <= time_of(id) <= datetime.now(UTC) + timedelta(milliseconds=2)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_the_first_id_of_a_moment_is_the_lower_bound_of_its_ids(moment: datetime) -> None:
    bound = first_id_at(moment)
    millisecond = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert abs(time_of(bound) - millisecond) <= timedelta(milliseconds=1)
    assert bound < UUID(int=bound.int | 0x7 << 76 | 0b10 << 62)
    assert first_id_at(moment - timedelta(milliseconds=2)) < bound
