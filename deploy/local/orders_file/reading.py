"""Reading a file of orders, JSON lines or CSV by its name: a survey first, then its entries one after the other."""

from collections.abc import Iterator
from pathlib import Path

from deploy.local.orders_file.csv_file import read_csv, survey_csv
from deploy.local.orders_file.entries import Entry, FileError, Survey
from deploy.local.orders_file.jsonl_file import read_jsonl, survey_jsonl


def survey(path: Path) -> Survey:
    """The products of the file with their demand.

    Raises:
        FileError: if the file as a whole cannot be used.
    """
    return survey_csv(path) if _is_csv(path) else survey_jsonl(path)


def entries(path: Path, survey: Survey, *, source: str, currency: str) -> Iterator[Entry]:
    """The file's orders, cancellations and skipped rows, in its order; nothing of it is kept.

    Args:
        survey: of the same file, as `survey` made it.
        source: the upstream system's name where a line does not tell its own.
        currency: the installation's; prices in another are left out of a CSV's orders.

    Raises:
        FileError: if the file as a whole cannot be used.
    """
    if _is_csv(path):
        return read_csv(path, survey, source=source, currency=currency)
    return read_jsonl(path, source=source)


def _is_csv(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".jsonl"):
        raise FileError(path, "an orders file ends in .jsonl or .csv")
    if not path.exists():
        raise FileError(path, "no such file")
    if not path.is_file():
        raise FileError(path, "not a file")
    return suffix == ".csv"
