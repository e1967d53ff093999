"""Who calls, and what the token allows: HS256 bearer tokens with scopes."""

import time
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
from fastapi import Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from shared.runtime.problems import Refused, problem
from shared.runtime.rate_limit import RateLimit

ISSUER: Final = "flacon"
AUDIENCE: Final = "flacon"
ALGORITHMS: Final = ("HS256",)
LEEWAY_SECONDS: Final = 60
TOKEN_CHARACTERS_MAX: Final = 8192
CACHED_TOKENS_MAX: Final = 4096
SECRET_BYTES_MIN: Final = 32
SUBJECT_CHARACTERS_MAX: Final = 255

SCOPES: Final = (
    "orders:read",
    "orders:write",
    "inventory:read",
    "inventory:write",
    "bottling:read",
    "bottling:write",
    "fulfillment:read",
    "fulfillment:write",
    "operations",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """The client of a request; `customer_id` limits it to that customer's orders."""

    subject: str
    scopes: frozenset[str]
    customer_id: str | None = None


class InvalidToken(ValueError):
    """The token proves nothing; the message says why without repeating it."""


class Tokens:
    """Verifies tokens; those seen lately are remembered, at most until they expire."""

    def __init__(self, secret: str) -> None:
        if len(secret.encode()) < SECRET_BYTES_MIN:
            raise ValueError(f"the secret must have {SECRET_BYTES_MIN} bytes or more")
        self._secret = secret
        self._known: dict[str, tuple[Caller, float]] = {}

    def caller(self, token: str) -> Caller:
        """Raises InvalidToken."""
        known = self._known.get(token)
        if known is not None and time.time() < known[1]:
            return known[0]
        claims = self._verified(token)
        caller = caller_of(claims)
        if len(self._known) >= CACHED_TOKENS_MAX:
            del self._known[next(iter(self._known))]
        self._known[token] = (caller, float(claims["exp"]) + LEEWAY_SECONDS)
        return caller

    def _verified(self, token: str) -> dict[str, Any]:
        if len(token) > TOKEN_CHARACTERS_MAX:
            raise InvalidToken("the token is too long")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._secret,
                algorithms=list(ALGORITHMS),
                audience=AUDIENCE,
                issuer=ISSUER,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "sub", "iss", "aud"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise InvalidToken("the token has expired") from error
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise InvalidToken("the token is not valid") from error
        return claims


def caller_of(claims: dict[str, Any]) -> Caller:
    """The caller in verified claims.

    Raises:
        InvalidToken: a claim is of the wrong kind.
    """
    subject, scope, customer_id = claims["sub"], claims.get("scope", ""), claims.get("customer_id")
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_CHARACTERS_MAX or not subject.isprintable():
        raise InvalidToken("`sub` must be 1-255 printable characters")
    if not isinstance(scope, str):
        raise InvalidToken("`scope` must be text")
    if customer_id is not None and not isinstance(customer_id, str):
        raise InvalidToken("`customer_id` must be text")
    return Caller(subject, frozenset(scope.split()), customer_id)


def make_token(
    secret: str, subject: str, scopes: tuple[str, ...] = SCOPES, seconds: float = 3600, customer_id: str | None = None
) -> str:
    """A token for the local stack and for tests; production gets its tokens from an issuer."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "iat": now,
        "exp": now + int(seconds),
        "scope": " ".join(scopes),
    }
    if customer_id is not None:
        claims["customer_id"] = customer_id
    return jwt.encode(claims, secret, algorithm=ALGORITHMS[0])


@dataclass(slots=True)
class Guard:
    """Stands before every route but the public ones: token, rate, scope."""

    tokens: Tokens
    limit: RateLimit = field(default_factory=RateLimit)

    def admit(self, request: Request, scopes: list[str]) -> Caller:
        """The caller, or Refused: 401, 403, 429."""
        try:
            caller = self._identified(request)
        except Refused:
            self.limit.count(request, "address:" + (request.client.host if request.client else "unknown"))
            raise
        self.limit.count(request, "sub:" + caller.subject)
        if not caller.scopes.issuperset(scopes):
            raise Refused(_insufficient(scopes))
        return caller

    def _identified(self, request: Request) -> Caller:
        header = request.headers.get("authorization", "")
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Refused(problem("unauthorized", "a bearer token is needed"))
        try:
            return self.tokens.caller(token.strip())
        except InvalidToken as error:
            told = f'Bearer error="invalid_token", error_description="{str(error).replace("`", "")}"'
            raise Refused(problem("unauthorized", str(error), headers={"WWW-Authenticate": told})) from error


def _insufficient(scopes: list[str]) -> Any:
    told = f'Bearer error="insufficient_scope", scope="{" ".join(scopes)}"'
    return problem(
        "insufficient-scope",
        f"this needs the scope {' '.join(scopes)}",
        headers={"WWW-Authenticate": told},
        required_scopes=list(scopes),
    )


class _Bearer(SecurityBase):
    """The security scheme `bearer` of the OpenAPI document."""

    def __init__(self) -> None:
        self.model = HTTPBearer(bearerFormat="JWT", description="HS256, `iss` and `aud` are `flacon`.")
        self.scheme_name = "bearer"

    async def __call__(self, request: Request, security_scopes: SecurityScopes) -> Caller:
        guard: Guard = request.app.state.guard
        return guard.admit(request, security_scopes.scopes)


_BEARER: Final = _Bearer()


def requires(scope: str) -> Any:
    """A dependency: `caller: Annotated[Caller, requires("orders:read")]`."""
    if scope not in SCOPES:
        raise ValueError(f"unknown scope {scope}")
    return Security(_BEARER, scopes=[scope])
