"""A broker that asks for a password over TLS and keeps the catalog's rights, for one test module."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.home import Home
from deploy.local.kafka import Kafka
from deploy.local.ports import HOST, Ports
from deploy.local.processes import Processes
from deploy.secure.certificates import make
from shared.contracts.rights import PRINCIPALS
from shared.runtime.access import apply
from shared.runtime.kafka.security import security_for
from shared.runtime.topics import make_topics

KNOWN_SECONDS = 20.0


@dataclass(frozen=True)
class Secured:
    """`bootstrap` asks for a login; on `admin` everybody is a super user, and it is never let out of its machine."""

    bootstrap: str
    admin: str
    ca_file: str
    passwords: dict[str, str]

    def security(self, principal: str, password: str | None = None) -> dict[str, Any]:
        """As that principal."""
        return security_for(self.ca_file, principal, password or self.passwords[principal])


def settings(port: int, controller_port: int, secure_port: int, key: Path) -> dict[str, str]:
    """What `docker-compose.secure.yml` sets too."""
    return {
        "listeners": f"ADMIN://{HOST}:{port},CONTROLLER://{HOST}:{controller_port},SECURE://{HOST}:{secure_port}",
        "advertised.listeners": f"ADMIN://{HOST}:{port},SECURE://{HOST}:{secure_port}",
        "listener.security.protocol.map": "ADMIN:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL",
        "inter.broker.listener.name": "ADMIN",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(key),
        "listener.name.secure.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.secure.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
    }


@contextmanager
def secured_kafka(folder: Path) -> Iterator[Secured]:
    """The broker with its topics, logins and rights; stopped at the end."""
    certificates = folder / "certificates"
    keys = folder / "keys"
    for one in (certificates, keys):
        one.mkdir()
    make(certificates, keys)
    home = Home(folder / "home")
    home.prepare()
    processes, ports = Processes(home), Ports(home.ports)
    port, controller_port, secure_port = (ports.take(name) for name in ("kafka", "controller", "secure"))
    told = settings(port, controller_port, secure_port, certificates / "kafka.pem")
    passwords = {principal: f"password of {principal}" for principal in PRINCIPALS}

    async def start() -> None:
        kafka = Kafka(home, processes, told)
        await kafka.fetch()
        await kafka.start(port, controller_port)
        await make_topics(f"{HOST}:{port}", partitions=1)
        await apply(f"{HOST}:{port}", passwords=passwords)
        async with asyncio.timeout(KNOWN_SECONDS):
            while await apply(f"{HOST}:{port}") != (0, 0):  # the controller knows them before the broker does
                pass

    try:
        asyncio.run(start())
        yield Secured(f"{HOST}:{secure_port}", f"{HOST}:{port}", str(certificates / "ca.pem"), passwords)
    finally:
        for record in processes.all():
            processes.kill(record)
