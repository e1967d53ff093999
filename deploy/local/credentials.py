"""Passwords, the signing secret and the token of a local stack, made at its first start."""

import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import jwt
import orjson

from deploy.local.home import Home, write_private

SERVICES = ("order", "inventory", "bottling", "fulfillment")
SCOPES = (*(f"{name}:{right}" for name in ("orders", *SERVICES[1:]) for right in ("read", "write")), "operations")
TOKEN_LIFE = timedelta(days=30)


@dataclass(frozen=True)
class Credentials:
    """What only this stack knows."""

    admin: str
    passwords: dict[str, str]
    jwt_secret: str


def credentials_of(home: Home) -> Credentials:
    """The stack's secrets, made and kept with mode 0600 when there are none."""
    try:
        return Credentials(**orjson.loads(home.secrets.read_bytes()))
    except FileNotFoundError:
        made = Credentials(
            admin=secrets.token_hex(16),
            passwords={service: secrets.token_hex(16) for service in SERVICES},
            jwt_secret=secrets.token_hex(32),
        )
    write_private(home.secrets, orjson.dumps(asdict(made)).decode())
    return made


def token_for(jwt_secret: str, *, now: datetime | None = None, subject: str = "local") -> str:
    """A token with every scope, good for 30 days."""
    issued = now or datetime.now(UTC)
    claims = {"iss": "flacon", "aud": "flacon", "sub": subject, "scope": " ".join(SCOPES)}
    return jwt.encode({**claims, "iat": issued, "exp": issued + TOKEN_LIFE}, jwt_secret, algorithm="HS256")
