"""Redis."""

import socket
from collections.abc import Sequence
from typing import Any, Literal

from tests.servers.base import Server, found

__all__ = ["RedisServer"]


class RedisServer(Server):
    """Keeps nothing, or with ``persistent`` what it wrote to its append-only file."""

    package = "redis-server (Debian: apt-get install redis-server)"

    def __init__(
        self,
        *,
        host: str = Server.host,
        persistent: bool = False,
        fsync: Literal["always", "everysec"] = "everysec",
    ) -> None:
        self.host = host
        self.persistent = persistent
        self.fsync = fsync
        super().__init__()

    @classmethod
    def binary(cls) -> str | None:
        return found("redis-server")

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}/0"

    @property
    def layers(self) -> dict[str, Any]:
        """CHANNEL_LAYERS."""
        config = {"hosts": [{"address": self.url, "socket_timeout": None}], "capacity": 10_000}
        return {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": config}}

    def _command(self) -> Sequence[str]:
        return (
            *(str(self.binary()), "--bind", self.host, "--port", str(self.port)),
            *("--protected-mode", "no"),
            *("--dir", str(self.directory), "--save", "", "--appendfsync", self.fsync),
            *("--appendonly", "yes" if self.persistent else "no"),
        )

    def _answers(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
