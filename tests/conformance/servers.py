"""The two transports over a real server: gunicorn (WSGI) and uvicorn (ASGI) in a subprocess."""

import http.client
import io
import os
import select
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

from tests.conformance.answers import Answer
from tests.conformance.recordings import Request
from tests.conformance.transports import PATIENCE, Transport, sent_headers

ROOT = Path(__file__).resolve().parent.parent.parent


class Connection:
    """One TCP connection; answers are read one after another from one buffer."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.buffer = _KeptOpen(self.socket.makefile("rb", buffering=0))

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self, method: str, leave_after: float | None) -> Answer:
        if leave_after is not None:
            self.socket.settimeout(leave_after)
        with http.client.HTTPResponse(_Reading(self.buffer), method=method) as response:  # type: ignore[arg-type]
            response.begin()
            body = response.read()
            headers = tuple((name.lower(), value) for name, value in response.getheaders())
            still_open = not (response.will_close or self._is_at_end())
        return Answer(response.status, headers, body, still_open)

    def _is_at_end(self) -> bool:
        readable, _, _ = select.select([self.socket], [], [], 0)
        return bool(readable) and self.socket.recv(1, socket.MSG_PEEK) == b""

    def close(self) -> None:
        self.buffer.really_close()
        self.socket.close()


class _KeptOpen(io.BufferedReader):
    """HTTPResponse closes its file after every answer; the connection goes on."""

    def close(self) -> None:
        pass

    def really_close(self) -> None:
        super().close()


class _Reading:
    """As much of a socket as HTTPResponse needs."""

    def __init__(self, buffer: _KeptOpen) -> None:
        self.buffer = buffer

    def makefile(self, mode: str) -> _KeptOpen:
        return self.buffer


class ServerTransport(Transport):
    """Sends the recorded bytes to a server that runs in a subprocess."""

    is_server = True
    command: ClassVar[Sequence[str]]
    """The server's command line; ``{fd}`` is the listening socket."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.named: dict[str, Connection] = {}
        self.threads = ThreadPoolExecutor(max_workers=32)
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            self.process = subprocess.Popen(
                [sys.executable, "-m", *(word.format(fd=listener.fileno()) for word in self.command)],
                cwd=ROOT,
                env={**os.environ, **environment, "DJANGO_SETTINGS_MODULE": "tests.service.settings"},
                pass_fds=[listener.fileno()],
                stdout=self.log,
                stderr=self.log,
            )

    def send(
        self, request: Request, connection: str | None = None, leave_after: float | None = None
    ) -> Future[Answer]:
        return self.threads.submit(self._exchange, request, connection, leave_after)

    def _exchange(self, request: Request, name: str | None, leave_after: float | None) -> Answer:
        connection = self.named.pop(name, None) if name else None
        connection = connection or Connection(self.port)
        kept = False
        try:
            connection.send(_wire_bytes(request))
            answer = connection.receive(request.method, leave_after)
            kept = bool(name and answer.still_open)
            if kept:
                self.named[str(name)] = connection
            return answer
        except TimeoutError:
            if leave_after is not None:
                raise CancelledError from None
            raise TimeoutError(f"no answer; the server said: {self._said()}") from None
        except (OSError, http.client.HTTPException) as error:
            raise ConnectionError(f"{error!r}; the server said: {self._said()}") from error
        finally:
            if not kept:
                connection.close()

    def _said(self) -> str:
        self.log.seek(max(self.log.seek(0, io.SEEK_END) - 3000, 0))
        return self.log.read().decode(errors="replace")

    def close(self) -> None:
        try:
            for connection in self.named.values():
                connection.close()
            self.threads.shutdown(cancel_futures=True)
        finally:
            self._end()
            self.log.close()

    def _end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _wire_bytes(request: Request) -> bytes:
    if request.raw is not None:
        return request.raw
    head = [f"{request.method} {request.path} {request.version}"]
    head += [f"{name}: {value}" for name, value in sent_headers(request).items()]
    return "\r\n".join([*head, "", ""]).encode() + (request.body or b"")


class GunicornTransport(ServerTransport):
    """gunicorn with threads and keep-alive."""

    is_asgi = False
    command = (
        *("gunicorn", "tests.service.wsgi:application", "--bind", "fd://{fd}", "--worker-class", "gthread"),
        *("--threads", "4", "--keep-alive", "10", "--no-control-socket"),
    )


class UvicornTransport(ServerTransport):
    """uvicorn, one process."""

    is_asgi = True
    refused_verbs = frozenset({"FOO"})
    command = ("uvicorn", "tests.service.asgi:application", "--fd", "{fd}", "--timeout-keep-alive", "10")
