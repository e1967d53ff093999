"""One request of one person: what pages read and do, always with that person's token."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import Request

from console.identity import Door, Person
from console.live.hearing import Hearing
from console.live.picture import Picture
from console.live.signals import Signals
from console.readings import Readings
from console.services import Refusal, Services, refused
from console.settings import ConsoleSettings
from shared.runtime.clock import new_id

FORM_BYTES_MAX: Final = 64 * 1024
FIELDS_MAX: Final = 500
LIST_LIMIT: Final = 50
ID_CHARACTERS_MAX: Final = 128


@dataclass(frozen=True, slots=True)
class House:
    """What every page stands on."""

    settings: ConsoleSettings
    services: Services
    readings: Readings
    picture: Picture
    signals: Signals
    hearing: Hearing
    door: Door


class Form:
    """What somebody entered; a number that is none is refused before anybody is asked."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = fields

    def text(self, name: str, default: str = "") -> str:
        """Trimmed; the default when it was left empty."""
        return self.fields.get(name, "").strip() or default

    def needed(self, name: str, label: str) -> str:
        """Raises Refusal when it was left empty."""
        if not (found := self.text(name)):
            raise refused(422, f"{label} is needed.", "Something is missing")
        return found

    def number(self, name: str, label: str, default: int | None = None) -> int:
        """Raises Refusal when it is not a whole number."""
        text = self.text(name)
        if not text and default is not None:
            return default
        try:
            return int(text)
        except ValueError:
            raise refused(422, f"{label} must be a whole number.", "Something is not a number") from None

    def ticked(self, name: str) -> bool:
        """A box."""
        return self.fields.get(name) == "on"

    def rows(self, *names: str) -> list[dict[str, str]]:
        """Rows of fields `name.1`, `name.2`, ...; those whose first field is empty are left out."""
        numbers = sorted(
            {int(field.rpartition(".")[2]) for field in self.fields if field.rpartition(".")[2].isdecimal()}
        )
        found = [{name: self.text(f"{name}.{number}") for name in names} for number in numbers]
        return [row for row in found if row[names[0]]]


async def form_of(request: Request) -> Form:
    """The form of a POST, within its bounds.

    Raises:
        Refusal: it is too large or no form.
    """
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > FORM_BYTES_MAX:
            raise refused(413, "The form is too large.")
    try:
        return Form(dict(parse_qsl(content.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)))
    except ValueError as error:
        raise refused(400, "The form cannot be read.") from error


@dataclass(slots=True)
class Visit:
    """A page being shown, or shown again after a refusal with what was entered."""

    house: House
    request: Request
    person: Person
    entered: Form = field(default_factory=lambda: Form({}))
    refusal: Refusal | None = None

    def asked(self, name: str) -> str:
        """A parameter of the address."""
        return self.request.query_params.get(name, "").strip()

    def path(self, name: str) -> str:
        """A part of the path, as it may stand in a service's path."""
        return part(str(self.request.path_params[name]))

    async def get(self, service: str, path: str, **params: Any) -> dict[str, Any]:
        """What a service says."""
        return await self.house.services.get(service, path, self.person.token, params)

    async def try_get(self, service: str, path: str, **params: Any) -> dict[str, Any] | None:
        """The same for a part of a page that can be missing: no right to it, or no answer."""
        try:
            return await self.get(service, path, **params)
        except Refusal as refusal:
            if refusal.status == 401:
                raise
            return None

    async def send(self, method: str, service: str, path: str, body: Any = None) -> dict[str, Any]:
        """Has a service do something, once for each time the form was shown."""
        key = self.entered.text("key") or None
        return await self.house.services.send(method, service, path, self.person.token, body, key)

    def following(self, cursor: str, name: str = "cursor") -> str:
        """The address of this list's next page."""
        return "?" + urlencode({**self.request.query_params, name: cursor})

    def key_of(self, action: str) -> str:
        """What makes a form sent twice one request; kept when nobody knows what became of the first."""
        unknown = self.refusal is not None and self.refusal.status >= 500
        kept = self.entered.text("key") if unknown and self.entered.text("action") == action else ""
        return kept or str(new_id())


@dataclass(frozen=True, slots=True)
class Done:
    """What an action did, in words, and where to go then (else the same page)."""

    words: str
    go_to: str | None = None


class Load(Protocol):
    """Reads what a page shows."""

    async def __call__(self, visit: Visit) -> dict[str, Any]: ...


class Act(Protocol):
    """Does what a form asks."""

    async def __call__(self, visit: Visit, form: Form) -> Done: ...


def part(text: str) -> str:
    """One part of a path, whatever characters it has."""
    if not 0 < len(text) <= ID_CHARACTERS_MAX:
        raise refused(404, "There is nothing at this address.")
    return quote(text, safe="")
