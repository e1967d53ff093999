"""`python -m tests.faults.service services.order serve`: a service under faults; what dies is born again at once.

The modules are read once; each life is a fork, so a death costs a fraction of a second.
"""

import asyncio
import importlib
import os
import runpy
import signal
import sys
import time
from contextlib import suppress

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.group import LeaveGroupRequest

from tests.faults.hooks import TOLD, Faults, install

PAUSE_SECONDS = 0.05


def main(service: str, words: list[str]) -> int:
    """Runs lives one after another until one ends by itself; SIGTERM is for the one that runs."""
    importlib.import_module(f"{service}.app")
    stopping: list[int] = []
    while True:
        child = os.fork()
        if child == 0:
            install(Faults.from_text(os.environ[TOLD]))
            sys.argv = [service, *words]
            runpy.run_module(service, run_name="__main__")
            os._exit(0)

        def stop(number: int, frame: object, child: int = child) -> None:
            stopping.append(number)
            with suppress(ProcessLookupError):
                os.kill(child, number)

        signal.signal(signal.SIGTERM, stop)
        _, status = os.waitpid(child, 0)
        if stopping or not os.WIFSIGNALED(status):
            return os.waitstatus_to_exitcode(status) & 0xFF
        with suppress(KafkaError, OSError, TimeoutError):
            asyncio.run(_bury(service.rpartition(".")[2]))
        time.sleep(PAUSE_SECONDS)


async def _bury(name: str) -> None:
    """Takes the dead out of their group; else each death would cost the ten seconds after which they are missed."""
    group = os.environ["TOPIC_PREFIX"] + name
    admin = AIOKafkaAdminClient(bootstrap_servers=os.environ[f"{name.upper()}_KAFKA"], request_timeout_ms=3000)
    async with asyncio.timeout(5):
        await admin.start()
        try:
            node = await admin.find_coordinator(group)
            [answer] = await admin.describe_consumer_groups([group], group_coordinator_id=node)
            for member, *_ in answer.groups[0][5]:
                await admin._send_request(LeaveGroupRequest(group, member), node)
        finally:
            await admin.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
