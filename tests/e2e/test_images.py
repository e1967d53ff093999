"""The images: what is in them, as whom they run, and what somebody who got in could do."""

import json
import subprocess
from typing import Any

import pytest

from deploy.local.credentials import SERVICES
from tests.e2e.conftest import Composed

pytestmark = pytest.mark.timeout(1200)
INSTALLERS = "pip pip3 uv gcc cc make git"
IMPORTABLE = """
import importlib.util, json
rooms = {name: importlib.util.find_spec(f"services.{name}") is not None for name in %r}
print(json.dumps({**rooms, "pip": importlib.util.find_spec("pip") is not None}))
"""


def _inspected(service: str) -> Any:
    told = subprocess.run(
        ["docker", "image", "inspect", f"flacon-{service}"], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(told.stdout)[0]["Config"]


def _inside(service: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs words in a new container of the image, without a network."""
    command = ["docker", "run", "--rm", "--network=none", "--read-only", "--entrypoint", words[0]]
    return subprocess.run(
        [*command, f"flacon-{service}", *words[1:]], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_says_what_it_is_runs_as_nobody_special_and_knows_whether_it_is_well(
    composed: Composed, service: str
) -> None:
    config = _inspected(service)
    assert config["User"] == "10001"
    assert config["Healthcheck"]["Test"][0] == "CMD"
    assert config["Labels"]["org.opencontainers.image.title"] == f"flacon-{service}"
    assert config["Labels"]["org.opencontainers.image.version"]
    assert [one for one in config["Env"] if "PASSWORD" in one or "SECRET" in one] == []


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_gives_whoever_gets_in_nothing_to_go_on_with(composed: Composed, service: str) -> None:
    """No installer, no compiler, no disk to write to, and of the services only its own code."""
    found = _inside(service, "/bin/sh", "-c", f"for tool in {INSTALLERS}; do command -v $tool; done; id -u")
    assert found.stdout.split() == ["10001"]
    importable = json.loads(_inside(service, "python", "-c", IMPORTABLE % (SERVICES,)).stdout)
    assert importable == {**{name: name == service for name in SERVICES}, "pip": False}
    assert _inside(service, "/bin/sh", "-c", "echo > /flacon/written").returncode != 0
