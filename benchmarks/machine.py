"""Where it was measured: machine, load of others before the start, versions, commit."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import asyncpg

from deploy.local.home import ROOT
from deploy.local.jars import VERSION as KAFKA
from deploy.local.stack import Stack

LIBRARIES: Final = ("aiokafka", "asyncpg", "faststream", "fastapi", "pydantic", "uvicorn", "uvloop", "orjson")
SERVER_VERSION: Final = "SHOW server_version"


async def describe(stack: Stack) -> dict[str, Any]:
    """Cores, memory, CPU model; versions of Python, Postgres, Kafka and the libraries; the git commit."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu": _cpu_model(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "postgres": (await _postgres_version(stack)).split()[0],
        "kafka": KAFKA,
        "libraries": {name: version(name) for name in LIBRARIES},
        "commit": _git("rev-parse", "--short", "HEAD"),
        "changed_files": len(_git("status", "--porcelain", "--untracked-files=no").splitlines()),
    }


def busy_neighbours() -> float:
    """Processors that were busy in the last minute, before the benchmark began."""
    return round(os.getloadavg()[0], 1)


async def _postgres_version(stack: Stack) -> str:
    connection: Any = await asyncpg.connect(stack.postgres["admin"])
    try:
        return str(await connection.fetchval(SERVER_VERSION))
    finally:
        await connection.close()


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown"
    names = (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name"))
    return next(names, platform.processor() or "unknown")


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
