"""A running stack as `stack.json` tells it: where everything is and how to get in."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from deploy.local.failure import CannotRun
from deploy.local.home import write_private

VERSION = 1


@dataclass(frozen=True)
class Instance:
    """One process of a service."""

    url: str
    pid: int
    log: str


@dataclass(frozen=True)
class Stack:
    """Everything a client of a running stack needs; `services` holds each service's first instance."""

    services: dict[str, str]
    instances: dict[str, list[Instance]]
    kafka: str
    postgres: dict[str, str]
    token: str
    jwt_secret: str
    console: str | None = None
    topic_prefix: str = ""

    @classmethod
    def load(cls, path: Path) -> "Stack":
        """Read `stack.json`, given as the file or as its folder."""
        file = path / "stack.json" if path.is_dir() else path
        try:
            fields: dict[str, Any] = orjson.loads(file.read_bytes())
            if fields.pop("version") != VERSION:
                raise CannotRun("stack.json is of another version of Flacon; stop the stack with that one", look=file)
            instances = {name: [Instance(**one) for one in many] for name, many in fields.pop("instances").items()}
            return cls(instances=instances, **fields)
        except FileNotFoundError:
            raise CannotRun("no stack is running; start one with `python -m deploy.local up`") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CannotRun(f"stack.json cannot be read: {error}", look=file) from error

    def save(self, path: Path) -> None:
        """Write `stack.json`, readable by its owner only."""
        write_private(path, orjson.dumps({"version": VERSION, **asdict(self)}, option=orjson.OPT_INDENT_2).decode())

    def headers(self) -> dict[str, str]:
        """The HTTP header that lets a request in."""
        return {"Authorization": f"Bearer {self.token}"}
