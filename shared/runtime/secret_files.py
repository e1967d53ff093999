"""Secrets that stand in files (Docker and Kubernetes mount them so): `ORDER_JWT_SECRET_FILE` instead of the secret."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

FILE_SUFFIX: Final = "_FILE"
SECRET_CHARACTERS_MAX: Final = 64 * 1024


def read_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """The secrets, by field, of those variables whose file is named; one line end at the file's end is no part of it.

    Raises:
        ValueError: a file cannot be read, is empty or too large, or the secret is given twice. The message names the
            variable and why, never the content.
    """
    found: dict[str, str] = {}
    for field, variable in variables.items():
        path = os.environ.get(variable + FILE_SUFFIX)
        if not path:
            continue
        if os.environ.get(variable):
            raise ValueError(f"{variable}: is given twice, also by {variable}{FILE_SUFFIX}")
        found[field] = read_secret(variable + FILE_SUFFIX, Path(path))
    return found


def read_secret(name: str, path: Path) -> str:
    """The secret in a file; raises ValueError, whose message begins with `name`, if there is none."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(SECRET_CHARACTERS_MAX + 1)
    except (OSError, UnicodeDecodeError) as error:
        told = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise ValueError(f"{name}: {path}: {told}") from None
    if len(text) > SECRET_CHARACTERS_MAX:
        raise ValueError(f"{name}: {path} is too large for a secret")
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ValueError(f"{name}: {path} is empty")
    return text


def with_password(dsn: object, password: str) -> str | None:
    """The DSN with the password in it.

    Raises:
        ValueError: it has one already, or names no role.
    """
    if not isinstance(dsn, str):
        return None
    parts = urlsplit(dsn)
    if parts.password is not None:
        raise ValueError("the password is given twice, also in the address of Postgres")
    role, _, place = parts.netloc.rpartition("@")
    if not role:
        raise ValueError("a password needs a role in the address of Postgres")
    return urlunsplit(parts._replace(netloc=f"{role}:{quote(password, safe='')}@{place}"))
