"""The compose files as a user starts them, under project names and on ports of their own."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from deploy.local.credentials import SERVICES, token_for
from deploy.local.home import ROOT
from deploy.local.ports import Ports

UP_SECONDS = 900
PLAIN = ("docker-compose.yml",)
SECURED = ("docker-compose.yml", "docker-compose.secure.yml")
WITHOUT_TLS = "tests/e2e/postgres-without-tls.yml"
LOOK_FOR_TLS = 'ldd "$(command -v postgres || ls /usr/lib/postgresql/*/bin/postgres)" | grep -q libssl'


def postgres_speaks_tls() -> bool:
    """Whether the server in the image of Postgres was built with TLS, as the official one is."""
    looked = ["docker", "run", "--rm", "--entrypoint", "sh", "postgres:18", "-c", LOOK_FOR_TLS]
    return subprocess.run(looked, capture_output=True, check=False, timeout=120).returncode == 0


@dataclass(frozen=True)
class Composed:
    """The addresses of the services, Kafka's, and the header that lets a request in."""

    urls: Mapping[str, str]
    headers: Mapping[str, str]
    kafka: str
    secrets: Path
    command: tuple[str, ...]
    environment: Mapping[str, str]

    def run(self, *words: str) -> str:
        """`docker compose ...` on this installation; what it printed."""
        done = subprocess.run(
            [*self.command, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=UP_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(words)} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout


@pytest.fixture(scope="session")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """Everything up and healthy by `docker compose up --wait`; removed with its volumes afterwards."""
    with _up("flacon-e2e", PLAIN, tmp_path_factory.mktemp("e2e"), by_secret) as composed:
        yield composed


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """The same with `docker-compose.secure.yml`, less Postgres' TLS where its image was built without."""
    files = SECURED if postgres_speaks_tls() else (*SECURED, WITHOUT_TLS)
    with _up("flacon-e2e-secured", files, tmp_path_factory.mktemp("secured"), _by_issuer) as composed:
        yield composed


def by_secret(composed: Composed) -> str:
    return token_for((composed.secrets / "jwt_secret").read_text())


def _by_issuer(composed: Composed) -> str:
    making = ("python", "/secure/issuer.py", "token", "--subject", "e2e", "--scope", "all", "/keys")
    return composed.run("exec", "-T", "issuer", *making).strip()


@contextmanager
def _up(
    project: str, files: tuple[str, ...], folder: Path, make_token: Callable[[Composed], str]
) -> Iterator[Composed]:
    ports = Ports(folder / "ports.json")
    secrets = folder / "secrets"
    subprocess.run([Path(ROOT, "deploy/secrets/make.sh"), secrets], check=True)
    taken = {name: ports.take(name) for name in (*SERVICES, "console", "kafka", "postgres")}
    named = [word for file in files for word in ("--file", str(Path(ROOT, file)))]
    composed = Composed(
        urls={service: f"http://127.0.0.1:{taken[service]}" for service in (*SERVICES, "console")},
        headers={},
        kafka=f"127.0.0.1:{taken['kafka']}",
        secrets=secrets,
        command=("docker", "compose", "--project-name", project, *named),
        environment={
            **os.environ,
            "FLACON_SECRETS": str(secrets),
            **{f"FLACON_{name.upper()}_PORT": str(port) for name, port in taken.items()},
        },
    )
    try:
        composed.run("up", "--build", "--wait", "--detach")
        yield replace(composed, headers={"Authorization": f"Bearer {make_token(composed)}"})
    finally:
        composed.run("down", "--volumes", "--remove-orphans")
