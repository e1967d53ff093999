"""The compose file as a user starts it, under a project name and on ports of its own."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local.credentials import SERVICES, token_for
from deploy.local.home import ROOT
from deploy.local.ports import Ports

PROJECT = "flacon-e2e"
UP_SECONDS = 900


@dataclass(frozen=True)
class Composed:
    """The addresses of the services and the header that lets a request in."""

    urls: Mapping[str, str]
    headers: Mapping[str, str]


@pytest.fixture(scope="session")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """Everything up and healthy by `docker compose up --wait`; removed with its volumes afterwards."""
    folder = tmp_path_factory.mktemp("e2e")
    ports = Ports(folder / "ports.json")
    secrets = folder / "secrets"
    subprocess.run([Path(ROOT, "deploy/secrets/make.sh"), secrets], check=True)
    taken = {name: ports.take(name) for name in (*SERVICES, "kafka", "postgres")}
    environment = {**os.environ, "FLACON_SECRETS": str(secrets)}
    environment |= {f"FLACON_{name.upper()}_PORT": str(port) for name, port in taken.items()}
    try:
        _compose(environment, "up", "--build", "--wait", "--detach")
        urls = {service: f"http://127.0.0.1:{taken[service]}" for service in SERVICES}
        yield Composed(urls, {"Authorization": f"Bearer {token_for((secrets / 'jwt_secret').read_text())}"})
    finally:
        _compose(environment, "down", "--volumes", "--remove-orphans")


def _compose(environment: Mapping[str, str], *words: str) -> None:
    command = ["docker", "compose", "--project-name", PROJECT, "--file", str(Path(ROOT, "docker-compose.yml")), *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=UP_SECONDS, check=False)
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
