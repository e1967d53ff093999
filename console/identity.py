"""Who is at the console and what their token allows: the services decide, the console only shows it beforehand."""

import time
from dataclasses import dataclass
from typing import Final

import jwt

from shared.runtime.auth import SCOPES, Caller, InvalidToken, Tokens, UnknownKey, make_token

SESSION_TOKEN_CHARACTERS_MAX: Final = 3500
"""A browser keeps 4 KiB of a cookie."""
DEV_TOKEN_SECONDS: Final = 12 * 3600
NAME_CHARACTERS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody signed in; `token` is what every request of theirs carries."""

    name: str
    scopes: frozenset[str]
    token: str
    expires_at: float

    def may(self, scope: str) -> bool:
        """Whether their token has the scope."""
        return scope in self.scopes


@dataclass(frozen=True, slots=True)
class Role:
    """What a kind of work needs."""

    name: str
    title: str
    scopes: tuple[str, ...]


_READING: Final = tuple(scope for scope in SCOPES if scope.endswith(":read"))
ROLES: Final = {
    role.name: role
    for role in (
        Role("viewer", "Viewer: sees, changes nothing", _READING),
        Role("orders", "Order desk: places, confirms and cancels orders", (*_READING, "orders:write")),
        Role(
            "warehouse",
            "Warehouse: receives, counts, picks, packs and ships",
            (*_READING, "inventory:write", "fulfillment:write"),
        ),
        Role("production", "Production: recipes and batches", (*_READING, "bottling:write")),
        Role("operator", "Operator: everything, dead letters and corrections too", SCOPES),
    )
}


class NotLetIn(ValueError):
    """Why somebody cannot sign in, for them to read."""


class Door:
    """Turns tokens into people."""

    def __init__(self, tokens: Tokens, secret: str | None = None) -> None:
        """`secret` signs the tokens of development."""
        self._tokens = tokens
        self._secret = secret

    async def person(self, token: str) -> Person:
        """Whose token it is.

        Raises:
            NotLetIn: with what is wrong with it.
        """
        if len(token) > SESSION_TOKEN_CHARACTERS_MAX:
            raise NotLetIn(
                f"The token is longer than {SESSION_TOKEN_CHARACTERS_MAX} characters; ask for a shorter one."
            )
        try:
            caller = await self._believed(token)
        except InvalidToken as error:
            raise NotLetIn(f"This token does not let you in: {error}.") from error
        if caller.customer_id is not None:
            raise NotLetIn("This token is a customer's; the console is for staff.")
        claims = jwt.decode(token, options={"verify_signature": False})
        person = Person(caller.subject, caller.scopes, token, float(claims["exp"]))
        if person.expires_at <= time.time():
            raise NotLetIn("This token has expired.")
        return person

    async def _believed(self, token: str) -> Caller:
        """A token that names an unknown key is looked at once more when the issuer was asked: it may be a new one."""
        try:
            return self._tokens.caller(token)
        except UnknownKey:
            assert self._tokens.keys is not None
            await self._tokens.keys.refresh()
        return self._tokens.caller(token)

    def made_up(self, name: str, role: str) -> str:
        """A token of a role, for development.

        Raises:
            NotLetIn: no such role, or a name that cannot be one.
        """
        wanted = name.strip()
        if self._secret is None:
            raise NotLetIn("Roles are for development.")
        if role not in ROLES:
            raise NotLetIn("Choose one of the roles.")
        if not 0 < len(wanted) <= NAME_CHARACTERS_MAX or not wanted.isprintable():
            raise NotLetIn(f"A name has 1 to {NAME_CHARACTERS_MAX} printable characters.")
        return make_token(self._secret, wanted, ROLES[role].scopes, DEV_TOKEN_SECONDS)
