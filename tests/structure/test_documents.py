"""Documents that are made from the code are as it would make them now."""

import pytest

from console.settings import ConsoleSettings
from deploy.documents.__main__ import differing
from deploy.documents.configuration import INSTALLATION, compose_variables, settings_of
from shared.contracts.catalog import SERVICES
from shared.runtime.settings import every_variable
from tests.structure.house import ROOT


def test_generated_documents_are_current() -> None:
    assert differing() == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_says_what_it_is(service: str) -> None:
    fields = settings_of(service).model_fields.items()
    assert [name for name, field in fields if not (field.description or "").strip()] == []


def test_every_threat_names_the_test_that_holds_its_answer() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| threat", "| ---"))]
    assert len(rows) > 20
    assert [row for row in rows if "`tests/" not in row] == []


def test_what_the_compose_file_reads_is_documented_and_only_that() -> None:
    read = set(compose_variables())
    services = {name for service in SERVICES for name in every_variable(settings_of(service))}
    services |= every_variable(ConsoleSettings)
    assert read - services - set(INSTALLATION) == set()
    assert set(INSTALLATION) - read == set()


def test_the_example_of_an_environment_names_what_the_compose_file_reads() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    named = {line.split("=")[0] for line in lines if "=" in line and not line.startswith("#")}
    assert named and named <= set(compose_variables())
