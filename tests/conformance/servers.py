"""The transports over a real server in subprocesses: gunicorn (WSGI), uvicorn and `manage.py toto` (ASGI)."""

import http.client
import io
import os
import select
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import ClassVar

from tests.conformance.answers import Answer
from tests.conformance.recordings import Request
from tests.conformance.transports import PATIENCE, Transport, sent_headers
from tests.realtime import ROOT
from tests.server.daemon import Operator, operator_in

LOGGED = 3000
"""Characters of a server's log that an error cites."""


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


class PortTransport(Transport):
    """Sends the recorded bytes to a port; ``said`` is what its server has logged."""

    is_asgi = True
    is_server = True
    refused_verbs = frozenset({"FOO"})

    def __init__(self, port: int, said: Callable[[], str]) -> None:
        self.port = port
        self.said = said
        self.named: dict[str, Connection] = {}
        self.threads = ThreadPoolExecutor(max_workers=32)

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
            raise TimeoutError(f"no answer; the server said: {self.said()[-LOGGED:]}") from None
        except (OSError, http.client.HTTPException) as error:
            raise ConnectionError(f"{error!r}; the server said: {self.said()[-LOGGED:]}") from error
        finally:
            if not kept:
                connection.close()

    def close(self) -> None:
        for connection in self.named.values():
            connection.close()
        self.threads.shutdown(cancel_futures=True)


class ServerTransport(PortTransport):
    """One server process."""

    command: ClassVar[Sequence[str]]
    """Its command line; ``{fd}`` is the listening socket."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.log = tempfile.NamedTemporaryFile()  # noqa: SIM115 - closed by close()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            super().__init__(listener.getsockname()[1], self._logged)
            self.process = subprocess.Popen(
                [sys.executable, "-m", *(word.format(fd=listener.fileno()) for word in self.command)],
                cwd=ROOT,
                env={**os.environ, **environment, "DJANGO_SETTINGS_MODULE": "tests.service.settings"},
                pass_fds=[listener.fileno()],
                stdout=self.log,
                stderr=self.log,
            )

    def _logged(self) -> str:
        return Path(self.log.name).read_text(errors="replace")

    def close(self) -> None:
        try:
            super().close()
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
    refused_verbs = frozenset()
    command = (
        *("gunicorn", "tests.service.wsgi:application", "--bind", "fd://{fd}", "--worker-class", "gthread"),
        *("--threads", "4", "--keep-alive", "10", "--no-control-socket"),
    )


class UvicornTransport(ServerTransport):
    """uvicorn, one process."""

    command = ("uvicorn", "tests.service.asgi:application", "--fd", "{fd}", "--timeout-keep-alive", "10")


@contextmanager
def toto_serving(environment: Mapping[str, str], *options: str) -> Iterator[Operator]:
    """`manage.py toto` in the foreground, with a port for each of its processes."""
    with (
        tempfile.TemporaryDirectory(prefix="toto_conformance_") as folder,
        operator_in(Path(folder)) as operator,
    ):
        operator.environment.update(environment)
        process = operator.begin("--grace=2", *options)
        yield operator
        process.terminate()
        process.wait(10)


class TotoTransport(PortTransport):
    """`manage.py toto`, one process below its master."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        with ExitStack() as started:
            operator = started.enter_context(toto_serving(environment))
            super().__init__(operator.port, lambda: operator.log)
            self.running = started.pop_all()

    def close(self) -> None:
        with self.running:
            super().close()
