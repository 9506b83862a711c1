"""PostgreSQL."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psycopg

from tests.servers.base import Server, found

__all__ = ["PostgreSQLServer"]


class PostgreSQLServer(Server):
    """Its superuser postgres needs no password; the database postgres is there."""

    package = "postgres and initdb (Debian: apt-get install postgresql)"
    user = "postgres"

    def __init__(self, *, host: str = Server.host) -> None:
        self.host = host
        super().__init__()

    @classmethod
    def binary(cls) -> str | None:
        folders = Path("/usr/lib/postgresql").glob("*/bin")
        return found("postgres", *sorted(folders, key=lambda folder: int(folder.parent.name), reverse=True))

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{self.host}:{self.port}/postgres"

    def stop(self) -> None:
        """See Server. It would not start again while one of its processes runs."""
        running = self._processes()
        if running:
            self._signal(signal.SIGSTOP)
            running = self._processes()
        super().stop()
        for process in running:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        while any(map(_is_running, running)):
            time.sleep(0.01)

    def _signal(self, number: signal.Signals) -> None:
        """Each process of a server is in a session of its own."""
        for process in self._processes():
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def _processes(self) -> list[int]:
        """The postmaster and its children, none when it does not run."""
        if self.process is None or self.process.poll() is not None:
            return []
        main = self.process.pid
        children = Path(f"/proc/{main}/task/{main}/children").read_text()
        return [main, *map(int, children.split())]

    def _prepare(self) -> None:
        initdb = str(Path(str(self.binary())).resolve().with_name("initdb"))
        options = ("--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C")
        self._run([initdb, "--pgdata", self._data, *options, "--no-sync", "--no-instructions"])
        with open(Path(self._data, "pg_hba.conf"), "a") as rules:  # for other hosts of its network
            rules.write("host all postgres samenet trust\n")

    @property
    def _data(self) -> str:
        return str(self.directory / "data")

    def _command(self) -> Sequence[str]:
        return (
            *(str(self.binary()), "-D", self._data, "-h", self.host, "-p", str(self.port)),
            *("-c", "unix_socket_directories=", "-c", "shared_buffers=16MB"),
        )

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False


def _is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
