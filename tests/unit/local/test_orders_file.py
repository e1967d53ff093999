"""Orders files: what is an order, what is skipped and where, and which order a cancellation means."""

import csv
import io
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.demo.catalogue import catalogue_of_file
from deploy.local.orders_file.cancellations import Sales
from deploy.local.orders_file.entries import (
    GUEST,
    NOT_A_PRODUCT,
    NOT_IN_FILE,
    PRICE_ZERO,
    QUANTITY_BELOW_ONE,
    TOO_LARGE,
    UNREADABLE,
    Cancellation,
    Entry,
    FileError,
    Order,
    Skipped,
)
from deploy.local.orders_file.reading import entries, survey
from shared.contracts.order import OrderSubmitted

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
REAL = Path(os.environ.get("FLACON_REAL_ORDERS", "online-retail-sample.csv"))


def read(folder: Path, text: str | bytes, name: str = "orders.csv", currency: str = "EUR") -> list[Entry]:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(entries(path, survey(path), source="test", currency=currency))


def orders(found: list[Entry]) -> list[dict[str, Any]]:
    return [dict(entry.submission) for entry in found if isinstance(entry, Order)]


def skipped(found: list[Entry]) -> list[tuple[int, str, str]]:
    return [(entry.row, entry.column, entry.reason) for entry in found if isinstance(entry, Skipped)]


def rows(*lines: str) -> str:
    return "\n".join((HEADER, *lines)) + "\n"


def test_rows_of_one_invoice_are_one_order(tmp_path: Path) -> None:
    found = read(
        tmp_path, rows("1,85123a,HEART,6,1/12/2010,2.55,17850,UK", "1,71053,LANTERN,8,1/12/2010,3.39,17850,UK")
    )
    assert orders(found) == [
        {
            "source": "test",
            "external_id": "1",
            "submitted_at": "2010-12-01T00:00:00.000Z",
            "customer_id": "17850",
            "items": [{"product_id": "85123A", "quantity": 6}, {"product_id": "71053", "quantity": 8}],
            "shipping_address": {"name": "17850", "country": "UK"},
            "on_shortage": "backorder",
            "auto_confirm": True,
        }
    ]


def test_rows_of_one_invoice_need_not_stand_together(tmp_path: Path) -> None:
    found = read(tmp_path, rows(*(f"{n},1,A,1,1/12/2010,1,7,UK" for n in (1, 2, 1, 3, 2))))
    assert [(order["external_id"], len(order["items"])) for order in orders(found)] == [("1", 2), ("3", 1), ("2", 2)]


@pytest.mark.parametrize(
    "header",
    [
        "invoice,product,quantity,date,customer",
        "INVOICENO,STOCKCODE,QUANTITY,INVOICEDATE,CUSTOMERID",
        "order_id,product_id,Quantity,Date,customer_id",
        "\ufeffOrder_ID,SKU, quantity ,date,Customer",
    ],
)
def test_headers_are_matched_without_case_and_by_any_of_their_names(tmp_path: Path, header: str) -> None:
    found = read(tmp_path, f"{header}\nA-1,9x,2,2026-01-31,c-1\n")
    assert [(order["external_id"], order["items"]) for order in orders(found)] == [
        ("A-1", [{"product_id": "9X", "quantity": 2}])
    ]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1/12/2010", "2010-12-01T00:00:00.000Z"),
        ("31/01/2010", "2010-01-31T00:00:00.000Z"),
        ("1/12/2010 8:26", "2010-12-01T08:26:00.000Z"),
        ("2010-12-01", "2010-12-01T00:00:00.000Z"),
        ("2010-12-01T10:00:00+02:00", "2010-12-01T08:00:00.000Z"),
    ],
)
def test_dates_are_day_first_or_iso(tmp_path: Path, text: str, moment: str) -> None:
    found = read(tmp_path, rows(f"1,1,A,1,{text},1,7,UK"))
    assert [order["submitted_at"] for order in orders(found)] == [moment]


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ("1,POST,POSTAGE,1,1/12/2010,18,7,UK", "StockCode", NOT_A_PRODUCT),
        ("1,BANK CHARGES,X,1,1/12/2010,18,7,UK", "StockCode", NOT_A_PRODUCT),
        ("1,,X,1,1/12/2010,18,7,UK", "StockCode", NOT_A_PRODUCT),
        ("1,1 2,X,1,1/12/2010,18,7,UK", "StockCode", UNREADABLE),
        ("1,1,X,1,1/12/2010,0,7,UK", "UnitPrice", PRICE_ZERO),
        ("1,1,X,1,1/12/2010,0.000,7,UK", "UnitPrice", PRICE_ZERO),
        ("1,1,X,1,1/12/2010,cheap,7,UK", "UnitPrice", UNREADABLE),
        ("1,1,X,1,1/12/2010,-1,7,UK", "UnitPrice", UNREADABLE),
        ("1,1,X,1,1/12/2010,NaN,7,UK", "UnitPrice", UNREADABLE),
        ("1,1,X,1,1/12/2010,1e99,7,UK", "UnitPrice", UNREADABLE),
        ("1,1,X,0,1/12/2010,1,7,UK", "Quantity", QUANTITY_BELOW_ONE),
        ("1,1,X,-3,1/12/2010,1,7,UK", "Quantity", QUANTITY_BELOW_ONE),
        ("1,1,X,many,1/12/2010,1,7,UK", "Quantity", UNREADABLE),
        ("1,1,X,1.5,1/12/2010,1,7,UK", "Quantity", UNREADABLE),
        ("1,1,X,99999999999999999999,1/12/2010,1,7,UK", "Quantity", UNREADABLE),
        ("C1,1,X,3,1/12/2010,1,7,UK", "Quantity", UNREADABLE),
        ("1,1,X,1,31/02/2010,1,7,UK", "InvoiceDate", UNREADABLE),
        ("1,1,X,1,yesterday,1,7,UK", "InvoiceDate", UNREADABLE),
        (",1,X,1,1/12/2010,1,7,UK", "InvoiceNo", UNREADABLE),
        ("1,1,X,1,1/12/2010,1,no id,UK", "CustomerID", UNREADABLE),
        ("1", "StockCode", NOT_A_PRODUCT),
    ],
)
def test_a_row_that_cannot_be_used_is_skipped_with_its_place(
    tmp_path: Path, row: str, column: str, reason: str
) -> None:
    found = read(tmp_path, rows("2,1,A,1,1/12/2010,1,7,UK", row, "3,1,A,1,1/12/2010,1,7,UK"))
    assert skipped(found) == [(3, column, reason)]
    assert [order["external_id"] for order in orders(found)] == ["2", "3"]


def test_a_quotation_mark_that_is_never_closed_costs_its_rows_not_the_file(tmp_path: Path) -> None:
    lines = ["1,1,A,1,1/12/2010,1,7,UK", '2,"1,A,1,1/12/2010,1,7,UK', *["x" * 1000] * 200, "3,1,A,1,1/12/2010,1,7,UK"]
    found = read(tmp_path, rows(*lines))
    assert orders(found)[0]["external_id"] == "1"
    assert orders(found)[-1]["external_id"] == "3"
    assert {reason for _, _, reason in skipped(found)} == {UNREADABLE}


def test_no_customer_is_a_guest(tmp_path: Path) -> None:
    assert [order["customer_id"] for order in orders(read(tmp_path, rows("1,1,A,1,1/12/2010,1,,UK")))] == [GUEST]


def test_a_price_goes_along_only_in_the_currency_of_the_installation(tmp_path: Path) -> None:
    text = "invoice,sku,quantity,date,customer,price,currency\n1,1,1,2026-01-31,c,2.50,eur\n1,2,1,2026-01-31,c,2.50,\n"
    found = read(tmp_path, text)
    priced = {"product_id": "1", "quantity": 1, "unit_price": {"amount": "2.50", "currency": "EUR"}}
    assert orders(found)[0]["items"] == [priced, {"product_id": "2", "quantity": 1}]
    assert [entry.prices_left_out for entry in found if isinstance(entry, Order)] == [1]
    assert [entry.prices_left_out for entry in read(tmp_path, text, currency="GBP") if isinstance(entry, Order)] == [1]


def test_an_order_over_the_limit_of_lines_is_submitted(tmp_path: Path) -> None:
    found = read(tmp_path, rows(*["1,1,A,1,1/12/2010,1,7,UK"] * 1001))
    assert [len(order["items"]) for order in orders(found)] == [1001]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("orders.txt", b"x", "an orders file ends in .jsonl or .csv"),
        ("orders.csv", b"", "row 1, column 1: no header"),
        ("orders.csv", b"1,2,3\n", "row 1, column 1: no header"),
        ("orders.csv", b"invoice,sku,date,customer\n", "row 1, column 5: no column quantity"),
        ("orders.csv", HEADER.encode() + b"\n1,1,A\xff,1,1/12/2010,1,7,UK\n", "row 2, column 3: not UTF-8"),
        ("orders.csv", b"\xff\xfei\x00n\x00", "column 1: n"),
        ("orders.jsonl", b'{}\n{"a": "\xe9"}\n', "row 2, column 8: not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_says_why_in_one_line(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    with pytest.raises(FileError) as caught:
        read(tmp_path, content, name)
    assert why in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none.csv", "no such file"), (tmp_path / "folder.csv", "not a file")):
        (tmp_path / "folder.csv").mkdir(exist_ok=True)
        with pytest.raises(FileError, match=why):
            survey(path)


# cancellations


def sale(invoice: str, *lines: str, customer: str = "7") -> list[str]:
    return [f"{invoice},{line},1/12/2010,1,{customer},UK" for line in lines]


def test_a_cancellation_takes_from_the_customers_latest_order_that_still_has_the_quantities(tmp_path: Path) -> None:
    lines = [
        *sale("1", "10,A,6", "11,B,1"),
        *sale("2", "10,A,4"),
        *sale("3", "10,A,9", customer="8"),
        *sale("C4", "10,A,-3"),
        *sale("C5", "10,A,-2"),
        *sale("C6", "10,A,-1", "11,B,-1"),
        *sale("4", "10,A,50"),
    ]
    found = [entry for entry in read(tmp_path, rows(*lines)) if isinstance(entry, Cancellation)]
    assert [(one.external_id, one.items) for one in found] == [
        ("2", {"10": 3}),
        ("1", {"10": 2}),
        ("1", {"10": 3, "11": 1}),
    ]


def test_a_cancellation_tells_what_is_cancelled_in_all(tmp_path: Path) -> None:
    lines = [*sale("1", "10,A,6"), *sale("C2", "10,A,-2"), *sale("C3", "10,A,-2"), *sale("C4", "10,A,-3")]
    found = read(tmp_path, rows(*lines))
    assert [entry.items for entry in found if isinstance(entry, Cancellation)] == [{"10": 2}, {"10": 4}]
    assert skipped(found) == [(5, "InvoiceNo", NOT_IN_FILE)]


@pytest.mark.parametrize(
    "lines",
    [
        sale("C1", "10,A,-1") + sale("1", "10,A,6"),
        sale("1", "10,A,6", customer="") + sale("C1", "10,A,-1", customer=""),
        sale("1", "10,A,6", customer="guest") + sale("C1", "10,A,-1", customer="guest"),
        sale("1", "10,A,6", customer="8") + sale("C1", "10,A,-1"),
        sale("1", "10,A,6") + sale("C1", "10,A,-7"),
        sale("1", "10,A,6") + sale("2", "11,B,6") + sale("C1", "10,A,-1", "11,B,-1"),
    ],
)
def test_a_cancellation_without_such_an_order_is_reported(tmp_path: Path, lines: list[str]) -> None:
    found = read(tmp_path, rows(*lines))
    assert [reason for _, _, reason in skipped(found)] == [NOT_IN_FILE]
    assert not any(isinstance(entry, Cancellation) for entry in found)


quantities = st.dictionaries(st.sampled_from("ABC"), st.integers(1, 9), min_size=1)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("xy"), quantities), max_size=30))
def test_no_order_is_ever_cancelled_beyond_what_it_has(steps: list[tuple[bool, str, dict[str, int]]]) -> None:
    sales = Sales({"x", "y", GUEST})
    ordered: dict[str, tuple[str, dict[str, int]]] = {}
    cancelled: dict[str, Counter[str]] = {}
    for number, (cancels, customer, wanted) in enumerate(steps):
        if not cancels:
            ordered[str(number)] = (customer, wanted)
            sales.remember(customer, str(number), wanted)
        elif (taken := sales.take_back(customer, wanted)) is not None:
            external_id, in_all = taken
            counter = cancelled.setdefault(external_id, Counter())
            counter.update(wanted)
            assert ordered[external_id][0] == customer
            assert in_all == {product: counter[product] for product in wanted}
            assert all(counter[product] <= ordered[external_id][1].get(product, 0) for product in counter)


# JSON lines


def submission(**more: Any) -> dict[str, Any]:
    return {"customer_id": "c", "items": [{"product_id": "A", "quantity": 1}], "shipping_address": {}, **more}


def jsonl(*contents: Any) -> str:
    return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in contents) + "\n"


def test_a_line_without_identity_gets_one(tmp_path: Path) -> None:
    found = read(tmp_path, jsonl(submission(), submission(source="shop", external_id="9")), "orders.jsonl")
    assert [entry.identity for entry in found if isinstance(entry, Order)] == [("test", "line-1"), ("shop", "9")]


def test_a_line_is_submitted_as_it_is(tmp_path: Path) -> None:
    line = submission(source="shop", external_id="9", priority=12, on_shortage="perhaps", colour="red")
    assert orders(read(tmp_path, jsonl(line), "orders.jsonl")) == [line]


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("not json", "1"),
        ("[1]", "1"),
        ("[" * 100_000, "1"),
        (submission(items="none"), "/items"),
        (submission(items=[{"product_id": "A"}]), "/items/0/quantity"),
        (submission(external_id="with spaces"), "/external_id"),
        ({"customer_id": "c"}, "/items"),
        ({"cancel": "line-1", "items": [{"product_id": "A", "quantity": 0}]}, "/items/0/quantity"),
        ({"cancel": 5}, "/cancel"),
    ],
)
def test_a_line_that_is_no_order_is_skipped_with_its_place(tmp_path: Path, line: Any, column: str) -> None:
    found = read(tmp_path, jsonl(submission(), line, submission()), "orders.jsonl")
    assert [(row, where, reason) for row, where, reason in skipped(found)] == [(2, column, UNREADABLE)]
    assert len(orders(found)) == 2


def test_a_line_larger_than_a_record_is_skipped(tmp_path: Path) -> None:
    large = submission(shipping_address={"note": "x" * 3 * 1024 * 1024})
    found = read(tmp_path, jsonl(submission(), large, submission()), "orders.jsonl")
    assert [(row, reason) for row, _, reason in skipped(found)] == [(2, TOO_LARGE)]
    assert [entry.row for entry in found if isinstance(entry, Order)] == [1, 3]


def test_cancel_lines_name_an_earlier_order(tmp_path: Path) -> None:
    part = {"cancel": "9", "source": "shop", "items": [{"product_id": "A", "quantity": 1}], "reason": "late"}
    lines = [{"cancel": "9"}, submission(external_id="9", source="shop"), submission(), {"cancel": "line-3"}, part]
    found = read(tmp_path, jsonl(*lines), "orders.jsonl")
    cancels = [(one.identity, one.items) for one in found if isinstance(one, Cancellation)]
    assert cancels == [(("test", "line-3"), None), (("shop", "9"), {"A": 1})]
    assert skipped(found) == [(1, "cancel", NOT_IN_FILE)]


# properties


cells = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["1", "C1", "85123A", "POST", "6", "-6", "0", "1/12/2010", "2.55", "17850", "UK", "٣"]),
)


@given(st.lists(st.lists(cells, max_size=9), max_size=12))
def test_every_row_is_used_or_skipped_and_every_order_is_acceptable_to_the_contract(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]]
) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([HEADER.split(","), *table])
    found = read(tmp_path_factory.mktemp("any"), text.getvalue().encode("utf-8", "replace"))
    for order in orders(found):
        OrderSubmitted.model_validate_json(json.dumps(order))
    used = sum(len(order["items"]) for order in orders(found)) + len(skipped(found))
    cancellations = [entry for entry in found if isinstance(entry, Cancellation)]
    blank = sum(not any(row) for row in table)
    cancelling = sum(1 for row in table if row and row[0].strip().upper().startswith("C"))
    assert len(table) - blank - cancelling <= used + len(cancellations) <= len(table)


@given(st.binary(max_size=200), st.sampled_from(["a.csv", "a.jsonl"]))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    try:
        read(tmp_path_factory.mktemp("bytes"), content, name)
    except FileError as error:
        assert "\n" not in str(error)


if REAL.is_file():

    def test_the_file_of_real_orders_is_read_as_the_contract_says() -> None:
        surveyed = survey(REAL)
        found = list(entries(REAL, surveyed, source="real", currency="EUR"))
        assert Counter(type(entry).__name__ for entry in found) == {"Order": 423, "Skipped": 118, "Cancellation": 7}
        assert Counter(reason for _, _, reason in skipped(found)) == {
            NOT_A_PRODUCT: 38,
            NOT_IN_FILE: 34,
            QUANTITY_BELOW_ONE: 30,
            PRICE_ZERO: 16,
        }
        whole = catalogue_of_file(surveyed)
        assert (len(whole.products), whole.products["85123A"].opening) == (
            1958,
            surveyed.products["85123A"].demand * 6 // 10,
        )
