"""The folder of one stack: its data, logs, process records and `stack.json`."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.local.failure import CannotRun

ROOT = Path(__file__).resolve().parents[2]
FREE_BYTES_MIN = 500 * 1024 * 1024


@dataclass(frozen=True)
class Home:
    """Where one stack keeps everything it has; nothing of it is written elsewhere."""

    path: Path

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def kafka(self) -> Path:
        return self.path / "kafka"

    @property
    def ports(self) -> Path:
        return self.path / "ports.json"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets.json"

    @property
    def stack(self) -> Path:
        return self.path / "stack.json"

    def log(self, name: str) -> Path:
        """The log file of the process of that name."""
        return self.logs / f"{name}.log"

    def prepare(self) -> None:
        """Make the folders; refuse early where nothing can be written or the disk is full."""
        try:
            for folder in (self.path, self.run, self.logs):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            free = shutil.disk_usage(self.path).free
        except OSError as error:
            raise CannotRun(f"cannot write to {self.path}: {error.strerror}; give rights or set FLACON_HOME") from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise CannotRun(f"cannot write to {self.path}: no rights; give rights or set FLACON_HOME")
        if free < FREE_BYTES_MIN:
            raise CannotRun(f"{free >> 20} MiB are free at {self.path}, {FREE_BYTES_MIN >> 20} MiB are needed")

    def erase(self) -> None:
        """Delete the data, logs and secrets; only what this package has made."""
        for folder in (self.postgres, self.kafka, self.logs, self.run):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.ports, self.secrets, self.stack):
            file.unlink(missing_ok=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder alone: two `up` at once would start everything twice."""
        with (self.path / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise CannotRun(
                    f"another command is starting or stopping the stack in {self.path}; wait for it"
                ) from None
            yield


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)
