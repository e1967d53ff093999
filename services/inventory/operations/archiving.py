"""Archiving: old months of the ledger go to files, one after the other; what they moved stays."""

import gzip
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from hashlib import file_digest
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import UUID

from services.inventory.domain.months import Opening, latest_bound, next_month, start_of
from services.inventory.store import archive as rows_of
from shared.runtime.database import Database
from shared.runtime.transaction import CLOCK

PAGE_ROWS: Final = 5_000
FIRST_ID: Final = UUID(int=0)


class NotOver(Exception):
    """A month that was asked for is not over, or only just."""


class OtherFile(Exception):
    """Where a month's file would stand there is one with other content."""


class Changed(OSError):
    """A month had other rows when it was to go than when its file was written; nothing was taken out."""


@dataclass(frozen=True, slots=True)
class Archived:
    """A month with its file; without a checksum it is only planned."""

    month: date
    rows: int
    file: Path
    sha256: str | None = None


async def planned(database: Database, before: date, folder: Path) -> list[Archived]:
    """The months that `archive` would let go.

    Raises:
        NotOver: `before` is later than the month before the running one.
    """
    async with database.reading() as connection:
        months = await _due(connection, before)
        counts = [await rows_of.count_month(connection, _span(month)) for month in months]
    return [Archived(month, count, _file(folder, month)) for month, count in zip(months, counts, strict=True)]


async def archive(database: Database, before: date, folder: Path, actor: str) -> AsyncIterator[Archived]:
    """Writes each month that is due to a file, and lets it go once the file is on the disk; yields what went.

    The file comes first and the change of the database is one transaction, so whoever ends this half way loses nothing,
    and the next run goes on. Of two runs at once the later finds the month gone.

    Raises:
        NotOver: `before` is later than the month before the running one; nothing is done.
        OtherFile: there is a file of that name with other content; the months before it are done.
        OSError: the folder cannot be written.
    """
    async with database.reading() as connection:
        months = await _due(connection, before)
    for month in months:
        written, openings = await _write(database, month, folder)
        if await _let_go(database, written, openings, actor):
            yield written


async def _due(connection: Any, before: date) -> list[date]:
    bound = latest_bound(await connection.fetchval(CLOCK))
    if before > bound:
        raise NotOver(f"--before {before:%Y-%m}: the running month and the one before it stay; at most {bound:%Y-%m}")
    return [month for month in await rows_of.unarchived_months(connection) if month < before]


def _span(month: date) -> rows_of.Span:
    return rows_of.Span(start_of(month), start_of(next_month(month)))


def _file(folder: Path, month: date) -> Path:
    return folder / f"ledger_{month:%Y%m}.jsonl.gz"


async def _write(database: Database, month: date, folder: Path) -> tuple[Archived, list[Opening]]:
    """A month's rows as lines of JSON, oldest first; the file is whole and on the disk, or not there."""
    span, openings, count = _span(month), dict[tuple[str, str], Opening](), 0
    place = (span.start, FIRST_ID)
    with _whole_file(_file(folder, month)) as lines:
        while rows := await _page(database, span, place):
            for row in rows:
                key = (row["item_id"], row["type"])
                moved = (row["version"], row["current"], row["reserved"], row["held"])
                openings.setdefault(key, Opening(*key)).add(*moved)
            lines.write("".join(f"{row['line']}\n" for row in rows).encode())
            count += len(rows)
            place = (rows[-1]["at"], rows[-1]["transaction_id"])
    return Archived(month, count, _file(folder, month), _digest(_file(folder, month))), [*openings.values()]


async def _page(database: Database, span: rows_of.Span, place: Any) -> list[Any]:
    async with database.reading() as connection:
        return await rows_of.read_month(connection, span, place, PAGE_ROWS)


@contextmanager
def _whole_file(path: Path) -> Iterator[gzip.GzipFile]:
    """What is written goes beside `path`, to the disk, and then in its place, with its checksum in a file beside it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as plain:
            with gzip.GzipFile("", "wb", fileobj=plain, mtime=0) as packed:
                yield packed
            _to_disk(plain)
        digest = _digest(Path(name))
        if path.exists() and _digest(path) != digest:
            raise OtherFile(f"{path} is there with other content: move it away, or say another --to")
        Path(name).replace(path)
        _write_checksum(path, digest)
    finally:
        Path(name).unlink(missing_ok=True)


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _write_checksum(path: Path, digest: str) -> None:
    """In the words of `sha256sum --check`; the folder itself is brought to the disk last."""
    with (path.parent / f"{path.name}.sha256").open("wb") as beside:
        beside.write(f"{digest}  {path.name}\n".encode())
        _to_disk(beside)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


async def _let_go(database: Database, written: Archived, openings: list[Opening], actor: str) -> bool:
    """The month out of the ledger, what it moved into the openings; False if another run did it."""
    async with database.transaction() as tx:
        row = (written.month, written.file.name, written.rows, written.sha256 or "", actor)
        if not await rows_of.insert_archive(tx, row, await tx.clock()):
            return False
        if await rows_of.count_month(tx, _span(written.month)) != written.rows:
            raise Changed(f"{written.month:%Y-%m} changed while it was written: run this again")
        await rows_of.insert_openings(tx, written.month, openings)
        await rows_of.drop_month(tx, written.month)
        return True
