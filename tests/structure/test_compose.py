"""What compose tells a service is what its settings read, and all that they need."""

import importlib
from typing import Any

import pytest
import yaml

from shared.contracts.catalog import SERVICES
from shared.runtime.secret_files import FILE_SUFFIX
from shared.runtime.settings import every_variable, secrets_of, variables
from tests.structure.house import ROOT


def _compose(name: str = "docker-compose.yml") -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("service", [*SERVICES, "console"])
def test_the_environment_in_compose_is_fields_of_the_settings(service: str) -> None:
    place = "console.settings" if service == "console" else f"services.{service}.settings"
    kind = getattr(importlib.import_module(place), f"{service.title()}Settings")
    known = variables(kind)
    needed = {known[name] for name, field in kind.model_fields.items() if field.is_required()}
    told = set(_compose()["services"][service]["environment"])
    assert told <= every_variable(kind)
    assert needed <= {name.removesuffix(FILE_SUFFIX) for name in told}


@pytest.mark.parametrize("service", SERVICES)
def test_no_secret_stands_in_the_environment(service: str) -> None:
    """An address without a password is none; a mail password comes from whoever starts it."""
    kind = getattr(importlib.import_module(f"services.{service}.settings"), f"{service.title()}Settings")
    secret = {variables(kind)[field] for field in secrets_of(kind)}
    told = _compose()["services"][service]["environment"]
    values = {name: value for name, value in told.items() if name in secret}
    assert values.pop(f"{service.upper()}_POSTGRES_DSN") == f"postgresql://{service}_service@postgres:5432/flacon"
    assert all(value.startswith("${") for value in values.values())


@pytest.mark.parametrize("service", [*SERVICES, *(f"{service}-migrate" for service in SERVICES), "topics", "console"])
def test_a_container_of_ours_is_confined(service: str) -> None:
    container = _compose()["services"][service]
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container["mem_limit"] and container["pids_limit"] and container["cpus"]


def test_every_secret_that_is_mounted_has_a_file_for_development() -> None:
    folder = ROOT / "deploy" / "secrets" / "development"
    files = [_compose(), _compose("docker-compose.secure.yml")]
    secrets = {name for file in files for name in file["secrets"]}
    mounted = {name for file in files for service in file["services"].values() for name in service.get("secrets", ())}
    assert mounted == secrets == {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("service", SERVICES)
def test_secured_a_service_logs_in_as_itself(service: str) -> None:
    kind = getattr(importlib.import_module(f"services.{service}.settings"), f"{service.title()}Settings")
    told = _compose("docker-compose.secure.yml")["services"][service]["environment"]
    named = variables(kind)
    assert set(told) <= every_variable(kind)
    assert told[named["kafka_username"]] == service
    assert told[named["kafka_password"] + FILE_SUFFIX] == f"/run/secrets/{service}_kafka_password"
    assert told[named["kafka_ca_file"]]


def test_secured_the_broker_listens_without_a_password_on_its_own_loopback_only() -> None:
    told = _compose("docker-compose.secure.yml")["services"]["kafka"]["environment"]
    protocols = dict(pair.split(":") for pair in told["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    listeners = [one.split("://") for one in told["KAFKA_LISTENERS"].split(",")]
    assert sorted(protocols) == sorted(name for name, _ in listeners)
    assert {name for name, place in listeners if not place.startswith("localhost:")} == {
        name for name, protocol in protocols.items() if protocol == "SASL_SSL"
    }


@pytest.mark.parametrize("service", SERVICES)
def test_secured_a_service_checks_the_certificate_of_postgres(service: str) -> None:
    services = _compose("docker-compose.secure.yml")["services"]
    for container in (service, f"{service}-migrate"):
        address = services[container]["environment"][f"{service.upper()}_POSTGRES_DSN"]
        assert address.endswith("?sslmode=verify-full&sslrootcert=/certificates/ca.pem")
        assert services[container]["volumes"] == ["certificates:/certificates:ro"]
    rules = [line.split() for line in (ROOT / "deploy/secure/pg_hba.conf").read_text().splitlines()]
    found = {words[0]: words[-1] for words in rules if words and words[0] != "#"}
    assert found == {"local": "trust", "hostssl": "scram-sha-256", "hostnossl": "reject"}


@pytest.mark.parametrize("service", [*SERVICES, "console"])
def test_secured_a_service_believes_an_issuer_and_no_secret(service: str) -> None:
    told = _compose("docker-compose.secure.yml")["services"][service]["environment"]
    name = f"{service.upper()}_JWT_"
    assert (told[name + "SECRET_FILE"], told[name + "DISCOVERY"]) == ("", "true")
    assert told[name + "ISSUER"].startswith("${FLACON_ISSUER:-https://")


def test_secured_only_the_issuer_sees_the_key_that_signs() -> None:
    services = _compose("docker-compose.secure.yml")["services"]
    seen = {
        name: [one for one in service.get("volumes", ()) if one.startswith("issuer:")]
        for name, service in services.items()
    }
    assert {name: one for name, one in seen.items() if one} == {
        "certificates": ["issuer:/keys"],
        "issuer": ["issuer:/keys:ro"],
    }


def test_published_ports_are_on_loopback() -> None:
    ports = [port for service in _compose()["services"].values() for port in service.get("ports", ())]
    assert ports
    assert [port for port in ports if not str(port).startswith("127.0.0.1:")] == []
