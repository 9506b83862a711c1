"""The pidfiles of a daemon, and beside them what it says of itself.

The master keeps a lock on its pidfile. So a file that was left behind is known by its missing lock,
even when another program has the number meanwhile.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toto_django.server.problems import AlreadyRunning

__all__ = ["PidFiles"]

ATTEMPTS = 5
"""Who looks whether a lock is held has it for a moment."""
PAUSE = 0.05


class PidFiles:
    """``toto.daemon.pid`` stands for ``toto.daemon.master.pid``, ``toto.daemon.1.pid`` and so on.

    ``toto.daemon.status.json`` is the status.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()

    def _named(self, part: str, suffix: str | None = None) -> Path:
        return self.path.with_name(f"{self.path.stem}.{part}{self.path.suffix if suffix is None else suffix}")

    @property
    def master(self) -> Path:
        """The master's pidfile."""
        return self._named("master")

    def process(self, number: int) -> Path:
        """The pidfile of a process, counted from 1."""
        return self._named(str(number))

    @property
    def status(self) -> Path:
        """A JSON object."""
        return self._named("status", ".json")

    # The master's lock

    @contextmanager
    def locked(self) -> Iterator[int]:
        """The file descriptor that has the lock, until it is closed wherever it is open: here at the end.

        Raises AlreadyRunning, OSError.
        """
        descriptor = self._lock()
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _lock(self) -> int:
        for _ in range(ATTEMPTS):
            descriptor = os.open(self.master, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            if self._is_locked(descriptor):
                return descriptor
            os.close(descriptor)
            time.sleep(PAUSE)
        pid = self._read()
        raise AlreadyRunning(f"Already running: {f'process {pid}' if pid else 'it starts'} ({self.master}).")

    def _is_locked(self, descriptor: int) -> bool:
        """The lock could be taken, and the last owner has not deleted the file meanwhile."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return self._is_there(descriptor)

    def _is_there(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.master.stat())
        except FileNotFoundError:
            return False

    def running(self) -> int | None:
        """The master's process id, None when there is none or while it starts. Raises OSError."""
        try:
            descriptor = os.open(self.master, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._read()
        finally:
            os.close(descriptor)
        return None

    def _read(self) -> int | None:
        try:
            return int(self.master.read_text())
        except (OSError, ValueError):
            return None

    # What the master writes

    def write_master(self, descriptor: int) -> None:
        """This process is the master."""
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def write(self, status: Mapping[str, Any]) -> None:
        """The status, and a pidfile for each process that runs."""
        for process in status["processes"]:
            path = self.process(process["number"])
            if process["pid"] is None:
                path.unlink(missing_ok=True)
            else:
                _replace(path, f"{process['pid']}\n")
        _replace(self.status, json.dumps(status))

    def read(self) -> dict[str, Any]:
        """The status; empty where there is none yet."""
        try:
            found = json.loads(self.status.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def remove(self, descriptor: int) -> None:
        """Delete all files of a daemon that ends, unless they are another one's; the lock's last."""
        if not self._is_there(descriptor):
            return
        for process in self.read().get("processes", ()):
            self.process(process["number"]).unlink(missing_ok=True)
        self.status.unlink(missing_ok=True)
        self.master.unlink(missing_ok=True)


def _replace(path: Path, text: str) -> None:
    """Readers see the old text or the new one, never a part."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.replace(path)
