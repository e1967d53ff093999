"""`docs/contracts`: the OpenAPI and AsyncAPI documents of every service, as others build against them."""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from deploy.documents.access import ON_PAPER, openapi_of
from deploy.documents.configuration import settings_of
from deploy.documents.house import ROOT
from shared.contracts.catalog import SERVICES
from shared.runtime.service import events_document

FOLDER: Final = ROOT / "docs/contracts"


def documents() -> Iterator[tuple[Path, str]]:
    """Every document with its text."""
    for service in SERVICES:
        yield FOLDER / f"{service}.openapi.json", _told(openapi_of(service))
        yield FOLDER / f"{service}.asyncapi.json", _told(asyncapi_of(service))


def asyncapi_of(service: str) -> dict[str, Any]:
    """The AsyncAPI document of a service."""
    build = importlib.import_module(f"services.{service}.app").build
    return events_document(build(settings_of(service).model_validate(ON_PAPER)))


def _told(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
