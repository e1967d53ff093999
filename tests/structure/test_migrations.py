"""Migrations of each service are numbered from one, without a gap and none twice."""

import pytest

from deploy.local.home import ROOT
from shared.contracts.catalog import SERVICES


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_are_numbered_without_a_gap(service: str) -> None:
    names = sorted(path.name for path in (ROOT / "services" / service / "migrations").glob("*.sql"))
    assert [int(name.partition("_")[0]) for name in names] == list(range(1, len(names) + 1)), names
