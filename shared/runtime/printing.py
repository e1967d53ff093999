"""How commands print data: a table on a terminal, tab-separated when piped, or JSON."""

import sys
from collections.abc import Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.runtime.answers import plain


def print_json(value: Any) -> None:
    """One JSON document on stdout, indented."""
    text = orjson.dumps(value, default=plain, option=orjson.OPT_INDENT_2 | orjson.OPT_PASSTHROUGH_DATETIME)
    sys.stdout.write(text.decode() + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table for people on a terminal; when piped, a line of names and a line for each row, separated by tabs."""
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            sys.stdout.write("\t".join(_cell(value) for value in row) + "\n")
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    Console().print(table)


def _cell(value: Any) -> str:
    """One line, without the characters that would break the table."""
    return "" if value is None else " ".join(str(value).split())
