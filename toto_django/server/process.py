"""One serving process, started by the master: ``python -m toto_django.server.process``."""

import asyncio
import inspect
import logging
import math
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import django
import uvicorn
from django.conf import settings as django_settings
from django.core.handlers.asgi import get_script_prefix
from django.utils.module_loading import import_string

from toto_django.asgi import get_asgi_application
from toto_django.checks import check_methods
from toto_django.codecs import JSON, codec_for
from toto_django.exceptions import RequestError, Unavailable
from toto_django.messages import Result
from toto_django.requests import path_info
from toto_django.routes import call_match
from toto_django.server.launching import told
from toto_django.server.listeners import BACKLOG
from toto_django.server.logs import open_log, set_up_logging
from toto_django.waiting import end_all_waiting

__all__ = ["ProcessServer", "main"]

logger = logging.getLogger("toto_django.server")

LINGER = 1.0
"""Seconds at the end in which kept connections may bring one more request, at most a quarter of the grace."""
PAUSE = 0.02
MARGIN = 0.2
"""The part of the grace that is kept for ending, once the last calls have been answered."""

Options = Mapping[str, Any]


def main() -> None:
    """Serve until SIGTERM, or until the master is gone."""
    what = told()
    options = what["options"]
    for number in (signal.SIGINT, signal.SIGHUP):  # Of a terminal: the master decides.
        signal.signal(number, lambda *_: None)
    if options["log_file"]:
        signal.signal(signal.SIGUSR1, lambda *_: _open_log(options["log_file"]))
    for descriptor in (what["listener"], what["control"]):
        os.set_inheritable(descriptor, False)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    if what["settings"]:
        django_settings.TOTO = {**getattr(django_settings, "TOTO", {}), **what["settings"]}
    django.setup(set_prefix=False)
    set_up_logging(options["access_log"])
    if "METHOD_MODULES" in what["settings"]:
        _check_methods()
    config = _config(_application(options["application"]), options)
    begin = _called(options["startup_function"])
    with socket.socket(fileno=what["control"]) as control, socket.socket(fileno=what["listener"]) as listener:
        ProcessServer(config, control, float(options["grace"]), begin).run(sockets=[listener])


def _check_methods() -> None:
    """End where methods cannot be imported that the system checks of the command did not know of."""
    errors = [str(message) for message in check_methods(None) if message.is_serious()]
    if errors:
        sys.exit("\n".join(errors))


def _open_log(path: str) -> None:
    try:
        open_log(path)
    except OSError as error:
        logger.error("cannot open the log file anew: %s", error)


def _application(path: str) -> Any:
    path = path or getattr(django_settings, "ASGI_APPLICATION", None) or ""
    return import_string(path.replace(":", ".")) if path else get_asgi_application()


def _called(startup_function: str) -> Awaitable[Any] | None:
    """Call it; a coroutine is left to the event loop."""
    begun = import_string(startup_function)() if startup_function else None
    return begun if inspect.isawaitable(begun) else None


def _config(application: Any, options: Options) -> uvicorn.Config:
    trusted = options["forwarded_allow_ips"]
    return uvicorn.Config(
        application,
        ws="auto" if options["use_web_sockets"] else "none",
        log_config=None,
        access_log=options["access_log"],
        proxy_headers=bool(trusted),
        forwarded_allow_ips=trusted,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=options["keep_alive"],
    )


class ProcessServer(uvicorn.Server):
    """uvicorn's server, which tells the master when it serves, and ends without breaking a connection.

    ``begin`` is awaited before the first request.
    """

    def __init__(
        self, config: uvicorn.Config, control: socket.socket, grace: float, begin: Awaitable[Any] | None
    ) -> None:
        super().__init__(config)
        self.control = control
        self.grace = grace
        self.begin = begin
        self._answers: set[asyncio.Task[None]] = set()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM; a Ctrl-C is for the master."""
        if sig == signal.SIGTERM:
            self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.control.setblocking(False)
        asyncio.get_running_loop().add_reader(self.control, self._master_is_gone)
        if self.begin is not None:
            await self.begin
        await super().startup(sockets)
        with suppress(OSError):
            self.control.send(b"1")

    def _master_is_gone(self) -> None:
        asyncio.get_running_loop().remove_reader(self.control)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no connection any more, let open calls end, answer those that do not, and end."""
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(math.ceil(self.grace) + 1)  # Where no master is left to kill this process.
        loop = asyncio.get_running_loop()
        answering = loop.call_later(self.grace * (1 - MARGIN), self._answer_all)
        for server in self.servers:
            server.close()
        self._close_after_answers()
        end_all_waiting()
        await self._close_web_sockets()
        await self._until(lambda: not any(map(_is_idle, self.server_state.connections)))
        self.config.timeout_graceful_shutdown = math.ceil(self.grace)
        await super().shutdown(sockets)
        answering.cancel()

    def _close_after_answers(self) -> None:
        """Each answer from now on is its connection's last: no client shall write to one that is closed."""
        state = self.server_state
        state.default_headers = [*state.default_headers, (b"connection", b"close")]
        for connection in state.connections:
            cycle: Any = getattr(connection, "cycle", None)
            if cycle is not None and cycle.response_started:
                cycle.keep_alive = False
            elif cycle is not None:
                cycle.default_headers = state.default_headers

    async def _close_web_sockets(self) -> None:
        """uvicorn's own shutdown fails at one that is closing already."""
        connections = self.server_state.connections
        web_sockets = {connection for connection in connections if not hasattr(connection, "cycle")}
        for web_socket in web_sockets:
            with suppress(Exception):
                web_socket.shutdown()
        await self._until(lambda: not web_sockets & connections)
        for web_socket in web_sockets & connections:
            web_socket.transport.abort()

    async def _until(self, look: Callable[[], bool]) -> None:
        """Wait, but no longer than kept connections may linger."""
        deadline = time.monotonic() + min(LINGER, self.grace / 4)
        while not look() and time.monotonic() < deadline:
            await asyncio.sleep(PAUSE)

    def _answer_all(self) -> None:
        """Whoever waits still is told to come back (1104); the calls see their clients leave."""
        for connection in self.server_state.connections:
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and not cycle.response_started:
                self._answers.add(task := asyncio.ensure_future(_answer(cycle.scope, cycle.send)))
                task.add_done_callback(self._answers.discard)


def _is_idle(connection: Any) -> bool:
    """It is kept open for another request."""
    if not hasattr(connection, "cycle"):
        return False
    return connection.cycle is None or bool(connection.cycle.response_complete)


async def _answer(scope: Mapping[str, Any], send: Callable[[Any], Awaitable[None]]) -> None:
    codec = _codec(scope)
    body = codec.dumps(Result.of_exception(Unavailable()).to_wire())
    headers = [
        (b"content-type", codec.content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    match = call_match(path_info(scope["path"], get_script_prefix(scope)), is_async=True)
    status = 503 if match is None else 200
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _codec(scope: Mapping[str, Any]) -> Any:
    content_type = dict(scope["headers"]).get(b"content-type", b"").decode("latin-1")
    try:
        return codec_for(content_type) if scope["method"] == "POST" else JSON
    except RequestError:
        return JSON


if __name__ == "__main__":
    main()
