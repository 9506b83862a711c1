"""A server process whose stores are given, and clients that keep calling it and remember every answer."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any, Protocol, Self

from tests.calls import PASSWORD, Login, envelope, signed
from tests.closing import Closing
from tests.realtime import PATIENCE, ROOT, until

__all__ = [
    "GUNICORN",
    "PUBLIC",
    "UVICORN",
    "Application",
    "Attempt",
    "Client",
    "Load",
    "Served",
    "Stores",
    "migrate",
]

UVICORN = ("uvicorn", "tests.service.asgi:application", "--fd", "{fd}")
GUNICORN = (
    *("gunicorn", "tests.service.wsgi:application", "--bind", "fd://{fd}", "--worker-class", "gthread"),
    *("--threads", "8", "--keep-alive", "10", "--no-control-socket"),
)
PUBLIC = "failures.public"
PAUSE = 0.02
"""Seconds between an answer and the same client's next call."""

NextCall = tuple[str, Any, Login | None]
"""Method, parameters and who signs."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Keys of settings.TOTO, of DATABASES and of CACHES that together make the stores."""

    toto: Mapping[str, Any]
    databases: Mapping[str, Any]
    caches: Mapping[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """All of a process's variables."""
        return {**os.environ, **self.variables}

    @property
    def variables(self) -> dict[str, str]:
        """Those that are about the stores."""
        toto = {"METHOD_MODULES": ["tests.store_processes.methods"], **self.toto}
        return {
            "DJANGO_SETTINGS_MODULE": "tests.store_processes.settings",
            "TOTO_TEST_TOTO": json.dumps(toto),
            "TOTO_TEST_DATABASES": json.dumps(self.databases),
            "TOTO_TEST_CACHES": json.dumps(self.caches),
        }


def migrate(stores: Stores) -> None:
    """Create the tables of a new database."""
    command = (sys.executable, "-m", "django", "migrate", "toto_django", "--verbosity", "0")
    subprocess.run(command, cwd=ROOT, env=stores.environment, check=True, timeout=60)


class Served(Protocol):
    """What a load needs to know of a server."""

    port: int

    def said(self) -> str:
        """Its log."""


class Application(Closing):
    """A web server in a subprocess."""

    def __init__(self, stores: Stores, command: Sequence[str]) -> None:
        self.log = tempfile.NamedTemporaryFile()  # noqa: SIM115 - closed by close()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
            self.process = subprocess.Popen(
                [sys.executable, "-m", *(word.format(fd=listener.fileno()) for word in command)],
                cwd=ROOT,
                env=stores.environment,
                pass_fds=[listener.fileno()],
                stdout=self.log,
                stderr=self.log,
            )

    def said(self) -> str:
        """What the process wrote to its standard streams."""
        return Path(self.log.name).read_text(errors="replace")

    def close(self) -> None:
        try:
            self.process.terminate()
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.log.close()


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call and what came of it; ``began`` and ``took`` in seconds."""

    subject: str
    """The session that was to count, or the user id that was to be created."""
    began: float
    took: float
    status: int
    answer: Any
    """Decoded, or the text that is not JSON."""

    @property
    def has_succeeded(self) -> bool:
        return self.status == 200 and isinstance(self.answer, dict) and "result" in self.answer

    @property
    def is_unavailable(self) -> bool:
        error = {"code": 1104, "value": "Temporarily unavailable"}
        answer = self.answer
        return self.status == 200 and isinstance(answer, dict) and answer.get("error") == error

    @property
    def result(self) -> Any:
        return self.answer["result"]


class Client:
    """One connection, and the attempts made over it."""

    def __init__(self, port: int) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=2 * PATIENCE)
        self.attempts: list[Attempt] = []

    def call(self, method: str, parameters: Any = None, login: Login | None = None) -> Attempt:
        """Signed where there is a login."""
        body = envelope(method, parameters)
        headers = {} if login is None else signed(login, body)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        began = time.monotonic()
        self.connection.request("POST", "/", body, {"Content-Type": "application/json", **names})
        response = self.connection.getresponse()
        data = response.read()
        subject = login.session_id if login else (parameters or {}).get("user_id", "")
        attempt = Attempt(subject, began, time.monotonic() - began, response.status, _decoded(data))
        self.attempts.append(attempt)
        return attempt

    def close(self) -> None:
        self.connection.close()


def _same(method: str, parameters: Any = None, login: Login | None = None) -> NextCall:
    return method, parameters, login


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")


class Load:
    """Clients in threads, each calling again and again until the block ends.

    Two sessions count by two clients each, one of them by a coroutine method; one client
    creates accounts, one logs in, and one calls what needs no store. Each is there ``copies`` times.
    """

    def __init__(self, application: Served, names: str, copies: int = 1) -> None:
        self.application = application
        self.copies = copies
        self.counting = [self._account(f"{names}-counting-{number}") for number in range(2)]
        self.clients: dict[str, Client] = {}
        self._numbers = count()
        self._names = names
        self._is_over = Event()
        self._threads: list[Thread] = []

    def _account(self, user_id: str) -> Login:
        client = Client(self.application.port)
        try:
            attempt = client.call("account.create", {"user_id": user_id, "password": PASSWORD})
            assert attempt.has_succeeded, (attempt, self.application.said())
            return Login(**attempt.result)
        finally:
            client.close()

    def __enter__(self) -> Self:
        for copy in range(self.copies):
            self._start_each(f", copy {copy}" if copy else "")
        return self

    def _start_each(self, suffix: str) -> None:
        for number, login in enumerate(self.counting):
            for method in ("failures.add", "failures.aadd"):
                self._start(f"{method} {number}{suffix}", partial(_same, method, None, login))
        self._start(f"create{suffix}", lambda: ("account.create", self._fresh(), None))
        known = {"user_id": self.counting[0].user_id, "password": PASSWORD}
        self._start(f"login{suffix}", partial(_same, "account.login", known))
        self._start(f"{PUBLIC}{suffix}", partial(_same, PUBLIC))

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _fresh(self) -> dict[str, str]:
        return {"user_id": f"{self._names}-{next(self._numbers)}", "password": PASSWORD}

    def _start(self, name: str, next_call: Callable[[], NextCall]) -> None:
        client = self.clients[name] = Client(self.application.port)

        def keep_calling() -> None:
            try:
                while not self._is_over.wait(PAUSE):
                    client.call(*next_call())
            finally:
                client.close()

        self._threads.append(Thread(target=keep_calling, name=name))
        self._threads[-1].start()

    def until_all_succeed(self, patience: float = PATIENCE) -> None:
        """Wait until each client has begun a call after this moment, and it has succeeded."""
        since = time.monotonic()

        def failing() -> list[str]:
            return [
                name
                for name, client in self.clients.items()
                if not any(each.has_succeeded and each.began > since for each in client.attempts)
            ]

        until(lambda: not failing(), patience)

    @property
    def attempts(self) -> list[Attempt]:
        return [attempt for client in self.clients.values() for attempt in client.attempts]
