"""A Redis of a test's own, in a subprocess on a free port."""

import shutil
import socket
import subprocess
import tempfile
import time
from types import TracebackType
from typing import Any, Self

BINARY = shutil.which("redis-server")
PATIENCE = 10
"""Seconds within which it has to answer."""


class RedisServer:
    """Runs from its making to `close`; keeps nothing."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        self.directory = tempfile.TemporaryDirectory()
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def layers(self) -> dict[str, Any]:
        """CHANNEL_LAYERS."""
        config = {"hosts": [{"address": self.url, "socket_timeout": None}], "capacity": 10_000}
        return {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": config}}

    def start(self) -> None:
        assert BINARY is not None
        self.process = subprocess.Popen(
            [
                *(BINARY, "--bind", "127.0.0.1", "--port", str(self.port), "--save", ""),
                *("--appendonly", "no", "--dir", self.directory.name),
            ],
            stdout=subprocess.DEVNULL,
        )
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + PATIENCE
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise ConnectionError(f"redis-server does not answer on port {self.port}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def stop(self) -> None:
        """At once, with what it holds."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.stop()
        self.directory.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()
