"""Who calls, and what the token allows: bearer tokens with scopes, signed by a shared secret or by an issuer's keys."""

import time
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
from fastapi import Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from shared.runtime.problems import Refused, problem, refused
from shared.runtime.rate_limit import RateLimit
from shared.runtime.signing_keys import SigningKeys

ISSUER: Final = "flacon"
AUDIENCE: Final = "flacon"
SECRET_ALGORITHM: Final = "HS256"
ACCESS_TOKEN_TYPES: Final = ("at+jwt", "application/at+jwt")
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


class UnknownKey(InvalidToken):
    """The token names a key that the issuer had not given when it was last asked."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose tokens are believed: those of `issuer` for `audience`; its clock may be off by `leeway_seconds`."""

    issuer: str = ISSUER
    audience: str = AUDIENCE
    leeway_seconds: int = LEEWAY_SECONDS


class Tokens:
    """Verifies tokens, signed by a shared secret or by the issuer's keys, never either: one says which by its settings.

    Those seen lately are remembered, at most until they expire or the issuer's keys change.
    """

    def __init__(
        self, secret: str | None = None, *, keys: SigningKeys | None = None, trust: Trust | None = None
    ) -> None:
        if (secret is None) == (keys is None):
            raise ValueError("tokens are verified by a secret or by keys")
        if secret is not None and len(secret.encode()) < SECRET_BYTES_MIN:
            raise ValueError(f"the secret must have {SECRET_BYTES_MIN} bytes or more")
        self._secret = secret
        self.keys = keys
        self._trust = trust or Trust()
        self._known: dict[str, tuple[Caller, float]] = {}
        if keys is not None:
            keys.changed = self.forget

    def forget(self) -> None:
        """Every token is looked at anew."""
        self._known.clear()

    def caller(self, token: str) -> Caller:
        """Raises InvalidToken, UnknownKey."""
        known = self._known.get(token)
        if known is not None and time.time() < known[1]:
            return known[0]
        claims = self._verified(token)
        caller = caller_of(claims)
        if len(self._known) >= CACHED_TOKENS_MAX:
            del self._known[next(iter(self._known))]
        self._known[token] = (caller, float(claims["exp"]) + self._trust.leeway_seconds)
        return caller

    def _verified(self, token: str) -> dict[str, Any]:
        if len(token) > TOKEN_CHARACTERS_MAX:
            raise InvalidToken("the token is too long")
        try:
            key, algorithm, required = self._key_for(token)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._trust.audience,
                issuer=self._trust.issuer,
                leeway=self._trust.leeway_seconds,
                options={"require": required},
            )
        except jwt.ExpiredSignatureError as error:
            raise InvalidToken("the token has expired") from error
        except InvalidToken:
            raise
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise InvalidToken("the token is not valid") from error
        return claims

    def _key_for(self, token: str) -> tuple[Any, str, list[str]]:
        """Key, the one algorithm that it allows, and the claims that must be there; the token chooses none of them."""
        if self.keys is None:
            return self._secret, SECRET_ALGORITHM, ["exp", "sub", "iss", "aud"]
        header = jwt.get_unverified_header(token)
        if str(header.get("typ", "")).lower() not in ACCESS_TOKEN_TYPES:
            raise InvalidToken("the token is no access token (RFC 9068)")
        key = self.keys.key(str(header.get("kid")))
        if key is None:
            raise UnknownKey("the token is signed by an unknown key")
        return key, key.algorithm_name, ["exp", "sub", "iss", "aud", "iat", "jti", "client_id"]


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
    return jwt.encode(claims, secret, algorithm=SECRET_ALGORITHM)


@dataclass(slots=True)
class Guard:
    """Stands before every route but the public ones: token, rate, scope."""

    tokens: Tokens
    limit: RateLimit = field(default_factory=RateLimit)

    async def admit(self, request: Request, scopes: list[str]) -> Caller:
        """The caller, or Refused: 401, 403, 429; 503 while the issuer never gave its keys."""
        try:
            caller = await self._identified(request)
        except Refused:
            self.limit.count(request, "address:" + (request.client.host if request.client else "unknown"))
            raise
        request.scope["state"]["actor"] = caller.subject
        self.limit.count(request, "sub:" + caller.subject)
        if not caller.scopes.issuperset(scopes):
            raise Refused(_insufficient(scopes))
        return caller

    async def _identified(self, request: Request) -> Caller:
        header = request.headers.get("authorization", "")
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Refused(problem("unauthorized", "a bearer token is needed"))
        try:
            return await self._believed(token.strip())
        except InvalidToken as error:
            told = f'Bearer error="invalid_token", error_description="{str(error).replace("`", "")}"'
            raise Refused(problem("unauthorized", str(error), headers={"WWW-Authenticate": told})) from error

    async def _believed(self, token: str) -> Caller:
        """A token that names an unknown key is looked at once more when the issuer was asked: it may be a new one."""
        keys = self.tokens.keys
        try:
            return self.tokens.caller(token)
        except UnknownKey:
            assert keys is not None
            await keys.refresh()
            if not keys.known:
                raise refused("unavailable", "the issuer of tokens does not answer") from None
        return self.tokens.caller(token)


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
        self.model = HTTPBearer(bearerFormat="JWT", description="Access token (RFC 9068): `iss aud sub exp scope`.")
        self.scheme_name = "bearer"

    async def __call__(self, request: Request, security_scopes: SecurityScopes) -> Caller:
        guard: Guard = request.app.state.guard
        return await guard.admit(request, security_scopes.scopes)


_BEARER: Final = _Bearer()


def requires(scope: str) -> Any:
    """A dependency: `caller: Annotated[Caller, requires("orders:read")]`."""
    if scope not in SCOPES:
        raise ValueError(f"unknown scope {scope}")
    return Security(_BEARER, scopes=[scope])
