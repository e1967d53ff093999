"""What compose tells a service is what its settings read, and all that they need."""

import importlib
from typing import Any

import pytest
import yaml

from shared.contracts.catalog import SERVICES
from shared.runtime.settings import variables
from tests.structure.house import ROOT


def _compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("service", SERVICES)
def test_the_environment_in_compose_is_fields_of_the_settings(service: str) -> None:
    kind = getattr(importlib.import_module(f"services.{service}.settings"), f"{service.title()}Settings")
    known = variables(kind)
    needed = {known[name] for name, field in kind.model_fields.items() if field.is_required()}
    told = set(_compose()["services"][service]["environment"])
    assert told <= set(known.values())
    assert needed <= told


def test_published_ports_are_on_loopback() -> None:
    ports = [port for service in _compose()["services"].values() for port in service.get("ports", ())]
    assert ports
    assert [port for port in ports if not str(port).startswith("127.0.0.1:")] == []
