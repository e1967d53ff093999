"""`docs/access.md`: which scope each route needs, from the OpenAPI documents of the services."""

import importlib
from collections.abc import Iterator
from typing import Any, Final

from deploy.documents.configuration import settings_of
from shared.contracts.catalog import SERVICES
from shared.runtime.auth import ACCESS_TOKEN_TYPES, AUDIENCE, ISSUER, LEEWAY_SECONDS, SCOPES, SECRET_ALGORITHM
from shared.runtime.openapi import METHODS
from shared.runtime.service import http_app
from shared.runtime.signing_keys import ALGORITHMS

ON_PAPER: Final = {"postgres_dsn": "postgresql://nobody@unused", "kafka": "unused", "jwt_secret": "unused" * 6}

_KEYS: Final = f"an issuer's keys (`<SERVICE>_JWT_DISCOVERY` or `<SERVICE>_JWT_JWKS_URL`): {', '.join(ALGORITHMS)}"
_HEAD: Final = f"""# Who may do what

Generated from the services' routes by `make documents`; do not edit by hand.

Every route but the public ones needs `Authorization: Bearer TOKEN`: a JWT with `iss` (`{ISSUER}`, or what
`<SERVICE>_JWT_ISSUER` says), `aud` (`{AUDIENCE}`, or `<SERVICE>_JWT_AUDIENCE`), `sub`, `exp` and `scope`; clocks may
differ by {LEEWAY_SECONDS} s. `customer_id` limits the token to that customer's orders. `sub` is the actor in ledgers,
histories and logs, and what rate limits count by.

| | signed by | `typ` | claims besides |
| --- | --- | --- | --- |
| development | a shared secret, {SECRET_ALGORITHM} (`<SERVICE>_JWT_SECRET`) | any | |
| production | {_KEYS} | `{ACCESS_TOKEN_TYPES[0]}` (RFC 9068) | `iat`, `jti`, `client_id` |

One or the other, never both. Keys are asked for every five minutes, and when a token names one that is not known yet,
at most every 10 s. A key that the issuer drops opens nothing from then on; an issuer that does not answer takes nothing
away. Too many requests are answered `429` with `Retry-After`; `RateLimit` and `RateLimit-Policy` tell beforehand what
is left.

Scopes: {", ".join(f"`{scope}`" for scope in SCOPES)}.
"""


def page() -> str:
    """The page's text."""
    return _HEAD + "".join(_table(service) for service in SERVICES)


def openapi_of(service: str) -> dict[str, Any]:
    """The OpenAPI document of a service, which needs no server for it."""
    build = importlib.import_module(f"services.{service}.app").build
    document: dict[str, Any] = http_app(build(settings_of(service).model_validate(ON_PAPER))).openapi()
    return document


def _table(service: str) -> str:
    rows = "".join(f"| `{method}` | `{path}` | {scope} |\n" for path, method, scope in _routes(service))
    return f"\n## {service.title()}\n\n| | route | scope |\n| --- | --- | --- |\n{rows}"


def _routes(service: str) -> Iterator[tuple[str, str, str]]:
    for path, operations in sorted(openapi_of(service)["paths"].items()):
        for method in METHODS:
            if method in operations:
                needed = [scope for way in operations[method].get("security", ()) for scope in way.get("bearer", ())]
                yield path, method.upper(), ", ".join(f"`{scope}`" for scope in needed) or "public"
