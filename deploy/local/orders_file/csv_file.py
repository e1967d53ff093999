"""Orders in CSV, read in two passes so that a file of any size needs the memory of its invoices, not of its rows.

A line's price is sent only if it is in the installation's currency: order refuses any other (contract, section 1), and
a file without a `currency` column is in GBP. Such a line is sent without `unit_price`, which nothing is decided on, and
counted as "price in another currency, not sent".
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from deploy.local.orders_file.cancellations import Sales
from deploy.local.orders_file.columns import Header, Line, Unacceptable, header_of, line_of, missing_columns
from deploy.local.orders_file.entries import (
    NOT_IN_FILE,
    UNREADABLE,
    Cancellation,
    Entry,
    FileError,
    Order,
    Skipped,
    Survey,
)
from shared.contracts.values import rfc3339

Row = tuple[int, Sequence[str]]


def survey_csv(path: Path) -> Survey:
    """First pass: demand and name of each product, rows of each invoice, customers who cancel."""
    survey = Survey()
    header, rows = _open(path)
    for _, row in rows:
        if isinstance(row, str):
            continue
        invoice = header.cell("invoice", row)
        survey.rows_of[invoice] = survey.rows_of.get(invoice, 0) + 1
        _survey_line(survey, header, row)
    return survey


def _survey_line(survey: Survey, header: Header, row: Sequence[str]) -> None:
    try:
        line = line_of(header, row)
    except Unacceptable:
        return
    if line.cancels:
        survey.cancelling.add(line.customer_id)
    else:
        survey.ask(line.product_id, line.name, line.quantity)


def read_csv(path: Path, survey: Survey, *, source: str, currency: str) -> Iterator[Entry]:
    """Second pass: each invoice as one order or cancellation as soon as its last row was read, skipped rows between."""
    header, rows = _open(path)
    left = dict(survey.rows_of)
    invoices: dict[str, list[tuple[int, Line]]] = {}
    sales = Sales(survey.cancelling)
    for number, row in rows:
        if isinstance(row, str):
            yield Skipped(str(path), number, "1", UNREADABLE, row)
            continue
        invoice = header.cell("invoice", row)
        left[invoice] -= 1
        try:
            invoices.setdefault(invoice, []).append((number, line_of(header, row)))
        except Unacceptable as error:
            yield Skipped(str(path), number, error.column, error.reason, error.detail)
        if left[invoice] == 0 and (lines := invoices.pop(invoice, None)):
            yield _invoice(path, header, lines, sales, source, currency)


def _invoice(
    path: Path, header: Header, lines: Sequence[tuple[int, Line]], sales: Sales, source: str, currency: str
) -> Entry:
    row, first = lines[0]
    quantities: dict[str, int] = {}
    for _, line in lines:
        quantities[line.product_id] = quantities.get(line.product_id, 0) + line.quantity
    if not first.cancels:
        sales.remember(first.customer_id, first.invoice, quantities)
        return _order([line for _, line in lines], lines[-1][0], source, currency)
    found = sales.take_back(first.customer_id, quantities)
    if found is None:
        return Skipped(str(path), row, header.title("invoice"), NOT_IN_FILE, first.invoice)
    return Cancellation(source, found[0], found[1], f"cancelled by {first.invoice}", row)


def _order(lines: Sequence[Line], row: int, source: str, currency: str) -> Order:
    first = lines[0]
    submission: dict[str, Any] = {
        "source": source,
        "external_id": first.invoice,
        "submitted_at": rfc3339(first.moment),
        "customer_id": first.customer_id,
        "items": [_item(line, currency) for line in lines],
        "shipping_address": {"name": first.customer_id, "country": first.country or "unknown"},
        "on_shortage": "backorder",
        "auto_confirm": True,
    }
    return Order(submission, row, sum(line.price is not None and line.currency != currency for line in lines))


def _item(line: Line, currency: str) -> dict[str, Any]:
    item: dict[str, Any] = {"product_id": line.product_id, "quantity": line.quantity}
    if line.price is not None and line.currency == currency:
        item["unit_price"] = {"amount": format(line.price, "f"), "currency": currency}
    return item


def _open(path: Path) -> tuple[Header, Iterator[tuple[int, Sequence[str] | str]]]:
    rows = _rows(path)
    names = next(rows, (1, ()))[1]
    header = header_of(names if not isinstance(names, str) else ())
    missing = missing_columns(header)
    if len(missing) == 5:
        raise FileError(path, f"no header; the first row must name the columns {', '.join(missing)}", row=1, column=1)
    if missing:
        raise FileError(path, f"no column {', no column '.join(missing)}", row=1, column=len(names) + 1)
    return header, rows


def _rows(path: Path) -> Iterator[tuple[int, Sequence[str] | str]]:
    """Row number and cells; text instead of cells is why the row could not be split. Blank rows are passed over."""
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.reader(file)
            while True:
                try:
                    row = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield reader.line_num, str(error)
                    continue
                if any(row):
                    yield reader.line_num, _utf8(path, reader.line_num, row)
    except OSError as error:
        raise FileError(path, f"cannot be read: {error.strerror or error}") from error


def _utf8(path: Path, number: int, row: Sequence[str]) -> Sequence[str]:
    for column, text in enumerate(row, start=1):
        if not text.isascii() and any("\udc80" <= character <= "\udcff" for character in text):
            raise FileError(path, "not UTF-8; save the file as UTF-8 and try again", row=number, column=column)
    return row
