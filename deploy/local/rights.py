"""Give up root before running a program that refuses it: `python rights.py PROGRAM ARGUMENT...`."""

import ctypes
import os
import pwd
import sys
from collections.abc import Sequence
from pathlib import Path

NOBODY = "nobody"
PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP = 28, 1 << 2
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def unprivileged() -> tuple[int, int]:
    """User and group ids to run as instead of root."""
    try:
        entry = pwd.getpwnam(NOBODY)
    except KeyError:
        return 65534, 65534
    return entry.pw_uid, entry.pw_gid


def without_root(command: Sequence[str | Path]) -> list[str | Path]:
    """The command as it is for an ordinary user, through this file for root."""
    return list(command) if os.geteuid() != 0 else [sys.executable, "-I", Path(__file__), *command]


def hand_over(folder: Path) -> None:
    """Give a folder and what is in it to the user that `without_root` runs as."""
    if os.geteuid() != 0:
        return
    uid, gid = unprivileged()
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, gid, follow_symlinks=False)


def _drop() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = unprivileged()
    on_linux = sys.platform == "linux"
    if on_linux:
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
        # Without it access(2), by which initdb looks for its neighbours, leaves out what is kept below.
        libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if on_linux:
        _keep_file_access(libc)


def _keep_file_access(libc: ctypes.CDLL) -> None:
    """Keep the right to reach files: the checkout may lie in a folder that only root may enter.

    Where the container does not have it, nothing is kept and folders count as they stand.
    """
    header = _Header(CAPABILITY_VERSION_3, 0)
    kept = (_Sets * 2)()
    kept[0] = _Sets(1 << CAP_DAC_OVERRIDE, 1 << CAP_DAC_OVERRIDE, 1 << CAP_DAC_OVERRIDE)
    if libc.capset(ctypes.byref(header), ctypes.byref(kept)) == 0:
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


if __name__ == "__main__":
    _drop()
    os.execv(sys.argv[1], sys.argv[1:])
