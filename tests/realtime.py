"""uvicorn and Redis in subprocesses, clients that wait, and waiting with a deadline."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any, TypeVar

from tests.closing import Closing

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 15.0
"""Seconds after which something that does not happen is an error."""
MEMORY = {"default": {"BACKEND": "toto_django.stores.memory.MemoryStore"}}
HERE = {"HMAC": None, "STORES": MEMORY, "METHOD_MODULES": ["tests.service.realtime"]}

T = TypeVar("T")


def until(look: Callable[[], T], patience: float = PATIENCE) -> T:
    """The first true value that ``look`` returns; its last one fails the test."""
    deadline = time.monotonic() + patience
    while not (seen := look()):
        assert time.monotonic() < deadline, f"still {seen!r} after {patience} seconds"
        time.sleep(0.02)
    return seen


class Waiting:
    """A client that has sent a request and waits for its answer."""

    def __init__(self, port: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        names = {"Content-Type": "application/json", **(headers or {})}
        self.connection.request("POST", "/", json.dumps(body), names)
        self.begun: HTTPResponse | None = None

    def response(self) -> HTTPResponse:
        """Status and headers; the body is still to be read."""
        self.begun = self.connection.getresponse()
        return self.begun

    def answer(self) -> Any:
        """The decoded answer, None for an empty one."""
        try:
            body = self.connection.getresponse().read()
            return json.loads(body) if body else None
        finally:
            self.connection.close()

    def leave(self) -> None:
        """Hang up."""
        if self.begun is not None:
            self.begun.close()
        self.connection.close()


class Server(Closing):
    """One uvicorn process with the methods ``rt.*``."""

    def __init__(
        self,
        toto: Mapping[str, Any] | None = None,
        layers: Mapping[str, Any] | None = None,
        options: tuple[str, ...] = (),
        **environment: str,
    ) -> None:
        self.log = tempfile.NamedTemporaryFile()  # noqa: SIM115 - closed by close()
        settings = {
            "DJANGO_SETTINGS_MODULE": "tests.service.realtime_settings",
            "TOTO_TEST_TOTO": json.dumps({**HERE, **(toto or {})}),
            "TOTO_TEST_LAYERS": json.dumps(layers or {}),
        }
        with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
            self.port: int = listener.getsockname()[1]
            fd = str(listener.fileno())
            command = (
                *(sys.executable, "-m", "uvicorn", "tests.service.asgi:application", "--fd", fd),
                *("--lifespan", "on", "--backlog", "4096", "--timeout-graceful-shutdown", "5", *options),
            )
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **settings, **environment},
                pass_fds=[listener.fileno()],
                stdout=self.log,
                stderr=self.log,
            )

    def wait(self, method: str, headers: Mapping[str, str] | None = None, **parameters: Any) -> Waiting:
        """A client that has called; it may not have arrived yet."""
        return Waiting(self.port, {"method": method, "parameters": parameters}, headers)

    def ask(self, method: str, headers: Mapping[str, str] | None = None, **parameters: Any) -> Any:
        """The answer to a call."""
        return self.wait(method, headers, **parameters).answer()

    def call(self, method: str, **parameters: Any) -> Any:
        """The result of a call."""
        answer = self.ask(method, **parameters)
        assert answer is None or "result" in answer, (answer, self.said())
        return answer and answer["result"]

    def stats(self) -> Any:
        return self.call("rt.stats")

    def until_handlers(self, count: int) -> None:
        """Wait until so many handlers are registered."""
        until(lambda: self.stats()["handlers"] == count)

    def journal(self) -> list[Any]:
        found: list[Any] = self.call("rt.journal")
        return found

    def said(self) -> str:
        """What the process wrote to its standard streams."""
        return Path(self.log.name).read_text(errors="replace")

    def kill(self) -> None:
        """End it as the kernel does."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        try:
            self.process.terminate()
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        finally:
            self.log.close()
