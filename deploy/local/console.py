"""The console's process: started behind the services, and again when it would look for them at old addresses."""

import os
import sys
from collections.abc import Mapping

import psutil  # type: ignore[import-untyped]

from deploy.local.fleet import START_SECONDS, STOP_SECONDS, is_ready, url_of
from deploy.local.home import Home
from deploy.local.ports import HOST, Ports
from deploy.local.processes import Processes, Record

NAME = "console"


def console_settings(
    services: Mapping[str, str], kafka: str, jwt_secret: str, topic_prefix: str = ""
) -> dict[str, str]:
    """What the console is told; whoever may read the stack's files may take a role in it."""
    addresses = {f"CONSOLE_{service.upper()}_URL": url for service, url in services.items()}
    return {
        **addresses,
        "CONSOLE_KAFKA": kafka,
        "CONSOLE_JWT_SECRET": jwt_secret,
        "CONSOLE_HOST": HOST,
        "CONSOLE_DEV_SIGN_IN": "true",
        "TOPIC_PREFIX": topic_prefix,
    }


async def ensure_console(home: Home, processes: Processes, settings: Mapping[str, str]) -> str:
    """Have it ready with these settings; one that runs with them is left alone. Its address."""
    record = processes.find(NAME)
    if record is not None and _is_told(record, settings) and await is_ready(record.port):
        return url_of(record.port)
    if record is not None:
        await processes.stop(record, seconds=STOP_SECONDS)
    port = Ports(home.ports).take(NAME)
    started = processes.spawn(
        NAME,
        [sys.executable, "-m", "console", "serve"],
        marker="-m console",
        port=port,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **settings, "CONSOLE_PORT": str(port)},
    )
    await processes.ready(started, lambda: is_ready(port), seconds=START_SECONDS)
    return url_of(port)


def _is_told(record: Record, settings: Mapping[str, str]) -> bool:
    try:
        environment = psutil.Process(record.pid).environ()
    except psutil.Error:
        return False
    return all(environment.get(name) == value for name, value in settings.items())
