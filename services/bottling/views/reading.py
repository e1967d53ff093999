"""What a view reads from: a transaction or a plain connection."""

from typing import Any, Protocol


class Reader(Protocol):
    """Whatever answers a query with rows."""

    async def fetch(self, sql: str, /, *args: Any) -> list[Any]: ...
