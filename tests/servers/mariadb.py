"""MariaDB."""

import socket
from collections.abc import Sequence
from pathlib import Path

from tests.servers.base import Server, found

__all__ = ["MariaDBServer"]

SYSTEM = Path("/usr/sbin")
GREETING = b"\x0a"
"""The first byte of the first packet, after length and number; of an error's packet it is another one."""


class MariaDBServer(Server):
    """Its root needs no password; the database mysql is there."""

    package = "mariadbd and mariadb-install-db (Debian: apt-get install mariadb-server)"
    user = "mysql"

    @classmethod
    def binary(cls) -> str | None:
        return found("mariadb-install-db") and found("mariadbd", SYSTEM)

    @property
    def url(self) -> str:
        return f"mysql://root@127.0.0.1:{self.port}/mysql"

    def _prepare(self) -> None:
        options = ("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
        self._run([str(found("mariadb-install-db")), *self._options, *options])

    @property
    def _options(self) -> Sequence[str]:
        return "--no-defaults", f"--datadir={self.directory / 'data'}", "--innodb-buffer-pool-size=16M"

    def _command(self) -> Sequence[str]:
        return (
            *(str(self.binary()), *self._options, "--bind-address=127.0.0.1", f"--port={self.port}"),
            *(f"--socket={self.directory / 'socket'}", f"--pid-file={self.directory / 'pid'}"),
            "--skip-name-resolve",
        )

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                return connection.recv(64)[4:5] == GREETING
        except OSError:
            return False
