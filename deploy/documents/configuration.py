"""`docs/configuration.md`: every variable of every service, from its settings, and what the compose file reads."""

import importlib
import re
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, Final, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from console.settings import ConsoleSettings
from deploy.documents.house import ROOT
from shared.contracts.catalog import SERVICES
from shared.runtime.settings import ProcessSettings, ServiceSettings, every_variable, variables

INSTALLATION: Final = {
    "TOPIC_PREFIX": "Stands before the name of every topic and consumer group.",
    "FLACON_SECRETS": "The folder of the secrets, one a file (`deploy/secrets/README.md`).",
    "FLACON_ORDER_PORT": "Where the order service is published on loopback.",
    "FLACON_INVENTORY_PORT": "The same for inventory; for several instances a range, `8182-8184`.",
    "FLACON_BOTTLING_PORT": "The same for bottling.",
    "FLACON_FULFILLMENT_PORT": "The same for fulfillment.",
    "FLACON_CONSOLE_PORT": "Where the console is published on loopback.",
    "FLACON_POSTGRES_PORT": "The same for Postgres.",
    "FLACON_KAFKA_PORT": "The same for Kafka.",
    "FLACON_PROMETHEUS_PORT": "The same for Prometheus (profile `observability`).",
}
"""What the compose file reads besides the services' own variables."""
_KINDS: Final = {"int": "integer", "float": "number", "bool": "`true` or `false`"}
_READ: Final = re.compile(r"\$\{(\w+)(?::?-([^}]*))?\}")
_HEAD: Final = """# Configuration

Generated from the services' settings by `make documents`; do not edit by hand.

A service reads environment variables once, at its start. It refuses to start (exit code 2) with one line that names
every variable that is missing or wrong, never its value. An empty variable is one that is not set. Those marked **S**
are secrets: they are never shown, and instead of `NAME` the variable `NAME_FILE` may name a file that holds the secret.
"""


def page() -> str:
    """The page's text."""
    kinds = {service: settings_of(service) for service in SERVICES}
    parts = [_HEAD, _of_every_service()]
    parts += [_own(service, kind) for service, kind in kinds.items()]
    parts += [_console()]
    return "\n".join([*parts, _of_compose()])


def settings_of(service: str) -> type[ServiceSettings]:
    """The settings' class of a service."""
    kind: type[ServiceSettings] = getattr(
        importlib.import_module(f"services.{service}.settings"), f"{service.title()}Settings"
    )
    return kind


def compose_variables() -> dict[str, str]:
    """What the compose file reads from its own environment or `.env`, with the default."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    return {match[1]: match[2] or "" for match in _READ.finditer(text)}


def _of_every_service() -> str:
    named = variables(ServiceSettings)
    rows = [
        _row(name if field.validation_alias else f"<SERVICE>_{name}", field)
        for name, field in _with_names(ServiceSettings, named)
    ]
    return _table("Every service", "`<SERVICE>` is `ORDER`, `INVENTORY`, `BOTTLING` or `FULFILLMENT`.", rows)


def _own(service: str, kind: type[ServiceSettings]) -> str:
    named = {name: text for name, text in variables(kind).items() if name not in ServiceSettings.model_fields}
    rows = [_row(name, field) for name, field in _with_names(kind, named)]
    return _table(f"{service.title()}", f"Besides those of every service, `services/{service}` reads:", rows)


def _console() -> str:
    rows = [_row(name, field) for name, field in _with_names(ConsoleSettings, variables(ConsoleSettings))]
    return _table("Console", "It is no service, has no Postgres, and reads all of these:", rows)


def _with_names(kind: type[ProcessSettings], named: dict[str, str]) -> Iterator[tuple[str, FieldInfo]]:
    for name, variable in named.items():
        yield variable, kind.model_fields[name]


def _table(title: str, sentence: str, rows: list[str]) -> str:
    head = f"## {title}\n\n{sentence}\n\n| variable | | values | default | meaning |\n| --- | --- | --- | --- | --- |\n"
    return head + "".join(rows)


def _row(name: str, field: FieldInfo) -> str:
    default = "required" if field.is_required() else _told(field.default)
    cells = (f"`{name}`", "" if field.repr else "**S**", _values(field), default, field.description or "")
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"


def _told(value: Any) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, tuple):
        return f"`[{', '.join(f'{one:g}' for one in value)}]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _values(field: FieldInfo) -> str:
    kind = field.annotation
    if isinstance(kind, UnionType):
        kind = next(one for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if get_origin(kind) is tuple:
        return "a JSON list of numbers"
    bounds = {name: getattr(one, name) for one in field.metadata for name in ("ge", "gt", "le") if hasattr(one, name)}
    told = [f"from {bounds['ge']}" if "ge" in bounds else "", f"above {bounds['gt']:g}" if "gt" in bounds else ""]
    told.append(f"to {bounds['le']}" if "le" in bounds else "")
    return " ".join(filter(None, (_KINDS.get(str(getattr(kind, "__name__", "")), "text"), *told)))


def _of_compose() -> str:
    own = {name for service in SERVICES for name in every_variable(settings_of(service))}
    own |= every_variable(ConsoleSettings)
    read = compose_variables()
    rows = [
        f"| `{name}` | {_told(read[name])} | {meaning} |\n" for name, meaning in INSTALLATION.items() if name in read
    ]
    passed = ", ".join(f"`{name}`" for name in sorted(read.keys() - INSTALLATION.keys()) if name in own)
    return (
        "## Docker Compose\n\nRead by `docker-compose.yml` from the environment or a file `.env` beside it:\n\n"
        "| variable | default | meaning |\n| --- | --- | --- |\n"
        + "".join(rows)
        + f"\nPassed on as they are: {passed}.\n"
    )
