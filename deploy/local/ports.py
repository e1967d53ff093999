"""Free loopback ports, kept in a file so that a restart on the same data uses the same ones."""

import asyncio
import secrets
import socket
from pathlib import Path

import orjson

HOST = "127.0.0.1"
# Below the range from which systems give ports to outgoing connections: a client that tries again and again to reach a
# stopped server would else take the server's own port, or be connected to itself.
FIRST_PORT, PORTS = 20_000, 12_000
TRIES_MAX = 1000


class Ports:
    """Ports by name; one that is taken by somebody else is replaced by a free one."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def take(self, name: str) -> int:
        """The port kept under that name if it is free, else a new free one."""
        by_name = _read(self._file)
        port = by_name.get(name)
        if port is None or not is_free(port):
            port = by_name[name] = _free(set(by_name.values()))
            self._file.write_bytes(orjson.dumps(by_name))
        return port


def is_free(port: int) -> bool:
    """Whether a server could listen on that loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


async def listens(port: int) -> bool:
    """Whether somebody takes connections on that loopback port."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(HOST, port), timeout=2)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def _free(taken: set[int]) -> int:
    for _ in range(TRIES_MAX):
        port = FIRST_PORT + secrets.randbelow(PORTS)
        if port not in taken and is_free(port):
            return port
    raise OSError(f"no free port on {HOST} in {FIRST_PORT}-{FIRST_PORT + PORTS - 1}")


def _read(file: Path) -> dict[str, int]:
    try:
        ports: dict[str, int] = orjson.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return ports
