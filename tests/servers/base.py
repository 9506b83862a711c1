"""What the servers have in common: a port, a directory and a process."""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.closing import Closing

__all__ = ["Server", "free_port", "needs"]

PATIENCE = 30
"""Seconds within which a server has to answer."""
PORTS = range(20_000, 32_000)
"""Below those of outgoing connections, so that nobody takes the port of a server that is down."""
LOGGED = 3000
"""Bytes of a server's log that an error cites."""


class Server(Closing, ABC):
    """Runs from its making to `close`. Raises ConnectionError when it does not answer."""

    package: ClassVar[str]
    """The Debian package, or whatever else provides the server."""
    user: ClassVar[str | None] = None
    """Who runs it where the tests run as root; None for root."""
    host: str = "127.0.0.1"
    """The address it listens on."""

    def __init__(self) -> None:
        self.port = free_port(self.host)
        self.process: subprocess.Popen[bytes] | None = None
        self._directory = tempfile.TemporaryDirectory(prefix="toto_server_")
        try:
            if self._account is not None:
                os.chown(self.directory, self._account.pw_uid, self._account.pw_gid)
            self._prepare()
            self.start()
        except BaseException:
            self.close()
            raise

    @classmethod
    @abstractmethod
    def binary(cls) -> str | None:
        """The server's path, None where it is missing."""

    @classmethod
    def is_available(cls) -> bool:
        """Such servers can be started on this machine."""
        return not cls.reason()

    @classmethod
    def reason(cls) -> str:
        """Why they cannot, "" where they can."""
        return "" if cls.binary() else f"{cls.__name__} needs {cls.package}"

    @property
    @abstractmethod
    def url(self) -> str:
        """Where a client finds it."""

    @property
    def directory(self) -> Path:
        """All its files, its log `server.log` among them."""
        return Path(self._directory.name)

    def start(self) -> None:
        """Return once it answers."""
        self.process = self._popen(self._command())
        until = time.monotonic() + PATIENCE
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise ConnectionError(f"{type(self).__name__} on port {self.port}: {self._said()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """At once, in the middle of whatever it does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def pause(self) -> None:
        """It accepts connections still, as the kernel does for it, and says nothing any more."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on where it was."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop, and remove all files."""
        self.stop()
        self._directory.cleanup()

    # Steps

    def _prepare(self) -> None:
        """What has to be in the directory before the first start."""

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """The command line of the server in the foreground."""

    @abstractmethod
    def _answers(self) -> bool:
        """It takes orders."""

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def _run(self, command: Sequence[str]) -> None:
        """Wait for a command to succeed."""
        if self._popen(command).wait(PATIENCE):
            raise ConnectionError(f"{command[0]} failed: {self._said()}")

    def _popen(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        account = self._account
        who: dict[str, Any] = (
            {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        )
        with open(self.directory / "server.log", "ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **who,
            )

    @property
    def _account(self) -> pwd.struct_passwd | None:
        return None if self.user is None or os.geteuid() else pwd.getpwnam(self.user)

    def _said(self) -> str:
        return (self.directory / "server.log").read_bytes()[-LOGGED:].decode(errors="replace")


def needs(server: type[Server]) -> list[pytest.MarkDecorator]:
    """The marks of tests that start such a server: they are skipped, with the reason, where it is missing."""
    skip = pytest.mark.skipif(not server.is_available(), reason=server.reason() or "it is there")
    return [pytest.mark.service, skip]


def found(name: str, *folders: Path) -> str | None:
    """The path of a program in the search path, or else in one of the folders."""
    return shutil.which(name) or next(
        (path for folder in folders if (path := shutil.which(name, path=str(folder)))), None
    )


def free_port(host: str = "127.0.0.1") -> int:
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
