"""memcached."""

import os
import socket
from collections.abc import Sequence
from typing import Any

from tests.servers.base import Server, found

__all__ = ["MemcachedServer"]


class MemcachedServer(Server):
    """Keeps everything in memory."""

    package = "memcached (Debian: apt-get install memcached)"

    @classmethod
    def binary(cls) -> str | None:
        return found("memcached")

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def cache(self) -> dict[str, Any]:
        """An entry of CACHES."""
        backend = "django.core.cache.backends.memcached.PyMemcacheCache"
        return {"BACKEND": backend, "LOCATION": self.url, "OPTIONS": {"connect_timeout": 2, "timeout": 2}}

    def _command(self) -> Sequence[str]:
        user = () if os.geteuid() else ("-u", "nobody")
        return (str(self.binary()), "-l", "127.0.0.1", "-p", str(self.port), "-m", "16", *user)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"version\r\n")
                return connection.recv(64).startswith(b"VERSION")
        except OSError:
            return False
