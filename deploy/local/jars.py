"""Kafka's jars, resolved from Maven Central once per user: `python -m deploy.local.jars FOLDER`."""

import fcntl
import logging
import os
import shutil
import sys
from pathlib import Path

VERSION = "4.3.0"
ENDPOINT = f"org.apache.kafka:kafka_2.13:{VERSION}+org.apache.kafka:kafka-tools:{VERSION}+org.slf4j:slf4j-simple:2.0.17"


def folder_for_jars(fallback: Path) -> Path:
    """The user's cache folder, or `fallback` where that cannot be written."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flacon"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        usable = os.access(cache, os.W_OK | os.X_OK)
    except OSError:
        usable = False
    return (cache if usable else fallback) / f"kafka-{VERSION}"


def fetch(folder: Path) -> None:
    """Fill the folder with the broker's jars; it appears only when all of them are there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _fetch(folder)


def _fetch(folder: Path) -> None:
    import jgo

    work, part = (folder.with_name(f"{folder.name}.{end}") for end in ("work", "part"))
    for leftover in (work, part):
        shutil.rmtree(leftover, ignore_errors=True)
    jgo.build(ENDPOINT, cache_dir=work)
    part.mkdir()
    for jar in work.rglob("*.jar"):
        shutil.copy(jar, part / jar.name)
    part.rename(folder)
    shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    try:
        fetch(Path(sys.argv[1]))
    except Exception as error:
        sys.exit(f"error: {type(error).__name__}: {error}")
