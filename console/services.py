"""The four services as the console asks them: by REST, with the token of the person who acts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import orjson

PREFIXES: Final = {
    "order": "/api/orders",
    "inventory": "/api/inventory",
    "bottling": "/api/bottling",
    "fulfillment": "/api/fulfillment",
}
SCOPE_OF: Final = {"order": "orders", "inventory": "inventory", "bottling": "bottling", "fulfillment": "fulfillment"}
SECONDS_MAX: Final = 15.0
CONNECTIONS_MAX: Final = 100
WAIT: Final = "wait=5"

ADVICE: Final = {
    401: "Your session has ended. Sign in again.",
    403: "Your role does not allow this. Ask somebody whose role does, or sign in with another token.",
    404: "It may have been removed, or the address is wrong. Go back to the list.",
    409: "Somebody or something was quicker, or the state does not allow it. Look at the present state below.",
    412: "It was changed since this page was shown. Look at the present values and try again.",
    422: "Correct what is named and send it again.",
    429: "Too many requests at once. Wait a second and try again.",
    503: "Try again in a moment; nothing was changed. If it lasts, see Operations.",
}


@dataclass(frozen=True)
class Refusal(Exception):
    """Why a service did not do it."""

    status: int
    title: str
    detail: str
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def advice(self) -> str:
        """What to do next."""
        return ADVICE.get(self.status, "Try again; if it lasts, the correlation id finds it in the logs.")

    @property
    def errors(self) -> list[Mapping[str, str]]:
        """Each wrong field."""
        return list(self.body.get("errors") or [])


def refused(status: int, detail: str, title: str = "That cannot be done") -> Refusal:
    """The console's own refusal, before anybody is asked."""
    return Refusal(status, title, detail)


class Services:
    """A client of all four; one pool of connections, every wait bounded."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        limits = httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=20)
        self.clients = {
            service: httpx.AsyncClient(base_url=url, timeout=SECONDS_MAX, trust_env=False, limits=limits)
            for service, url in addresses.items()
        }

    async def close(self) -> None:
        """Ends the connections."""
        for client in self.clients.values():
            await client.aclose()

    async def get(
        self,
        service: str,
        path: str,
        token: str,
        params: Mapping[str, Any] | None = None,
        *,
        seconds: float = SECONDS_MAX,
    ) -> dict[str, Any]:
        """What a route answers; `path` is below the service's prefix.

        Raises:
            Refusal: anything but success, and no answer at all.
        """
        given = {name: value for name, value in (params or {}).items() if value not in (None, "")}
        return await self._ask("GET", service, path, token, params=given, timeout=seconds)

    async def send(
        self, method: str, service: str, path: str, token: str, body: Any = None, key: str | None = None
    ) -> dict[str, Any]:
        """Does something; `key` makes a repeat of a POST the same request.

        Raises:
            Refusal: anything but success, and no answer at all.
        """
        headers = {"Content-Type": "application/json", "Prefer": WAIT}
        if key is not None and method == "POST":
            headers["Idempotency-Key"] = key
        content = None if body is None else orjson.dumps(body)
        return await self._ask(method, service, path, token, content=content, headers=headers)

    async def health(self, service: str) -> dict[str, Any]:
        """What `/readyz` says, or that nobody answers."""
        try:
            answer = await self.clients[service].get("/readyz", timeout=3.0)
            found: dict[str, Any] = orjson.loads(answer.content)
        except (httpx.HTTPError, orjson.JSONDecodeError) as error:
            return {"ready": False, "checks": {"process": f"does not answer ({type(error).__name__})"}}
        return found

    async def metrics(self, service: str) -> str:
        """Its figures as Prometheus gets them; empty if nobody answers."""
        try:
            return (await self.clients[service].get("/metrics", timeout=3.0)).text
        except httpx.HTTPError:
            return ""

    async def _ask(self, method: str, service: str, path: str, token: str, **more: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        try:
            answer = await self.clients[service].request(method, PREFIXES[service] + path, headers=headers, **more)
        except httpx.HTTPError as error:
            told = f"The {service} service does not answer ({type(error).__name__})."
            raise Refusal(503, "No answer", told) from error
        body = _body(answer)
        if answer.is_success:
            return body
        raise Refusal(
            answer.status_code,
            str(body.get("title") or f"The {service} service refused"),
            str(body.get("detail") or f"It answered {answer.status_code}."),
            body,
        )


def _body(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = orjson.loads(answer.content) if answer.content else {}
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
