"""Tells brokers who may log in and do what, a step of a secured deploy: `python -m shared.runtime.access`.

It needs a listener on which it is a super user. Rights that the catalog does not give any more are taken from Flacon's
principals; what others have is left alone.
"""

import argparse
import asyncio
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.contracts.rights import PRINCIPALS, rights
from shared.runtime.kafka import administration
from shared.runtime.kafka.connection import REQUEST_TIMEOUT_MS
from shared.runtime.secret_files import read_secret

PASSWORD_FILE: Final = "{principal}_kafka_password"


async def apply(bootstrap: str, *, prefix: str = "", passwords: Mapping[str, str] | None = None) -> tuple[int, int]:
    """Makes it so; returns how many rights were given and how many taken. Doing it again changes nothing.

    Raises:
        administration.Refused: the brokers refused.
        aiokafka.errors.KafkaError, OSError: they do not answer.
    """
    wanted = {administration.entry_of(right) for right in rights(prefix)}
    ours = {f"User:{principal}" for principal in PRINCIPALS}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        if passwords:
            await administration.set_passwords(admin, passwords)
        there = {
            entry
            for entry in await administration.rights_given(admin)
            if entry[3] in ours and entry[1].startswith(prefix)
        }
        given, taken = sorted(wanted - there), sorted(there - wanted)
        if given:
            await administration.give(admin, given)
        if taken:
            await administration.take(admin, taken)
    finally:
        await admin.close()
    return len(given), len(taken)


def passwords_in(folder: Path) -> dict[str, str]:
    """Each principal's password, from its file.

    Raises:
        ValueError: a file is missing or holds no password.
    """
    names = {principal: PASSWORD_FILE.format(principal=principal) for principal in PRINCIPALS}
    return {principal: read_secret(name, folder / name) for principal, name in names.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit codes 0 done, 2 wrong usage, 3 Kafka does not answer or refuses."""
    parser = argparse.ArgumentParser(prog="python -m shared.runtime.access", description="Gives the catalog's rights.")
    parser.add_argument("--bootstrap", required=True, metavar="HOST:PORT")
    parser.add_argument("--prefix", default="")
    parser.add_argument("--passwords", type=Path, metavar="FOLDER", help="files such as order_kafka_password")
    options = parser.parse_args(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # one line says it
    try:
        passwords = passwords_in(options.passwords) if options.passwords else None
        given, taken = asyncio.run(apply(options.bootstrap, prefix=options.prefix, passwords=passwords))
    except ValueError as error:
        print(f"access: {error}", file=sys.stderr)
        return 2
    except (KafkaError, OSError, administration.Refused) as error:
        print(f"access: {options.bootstrap}: {error or type(error).__name__}", file=sys.stderr)
        return 3
    print(f"{given} rights given, {taken} taken, {len(rights())} are there, {len(passwords or ())} passwords set")
    return 0


if __name__ == "__main__":
    sys.exit(main())
