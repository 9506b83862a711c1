"""The contract of the ways to send a request, and the two in-process ones."""

import asyncio
import threading
from abc import ABC, abstractmethod
from concurrent.futures import Future
from io import BytesIO, StringIO
from typing import Any, ClassVar
from urllib.parse import unquote, unquote_to_bytes

from django.core.wsgi import get_wsgi_application

from tests.closing import Closing
from tests.conformance.answers import Answer
from tests.conformance.recordings import Request
from toto_django.asgi import get_asgi_application

PATIENCE = 30
"""Seconds after which an answer that does not come is an error."""


class Transport(Closing, ABC):
    """Sends ready requests, each at once; the answer is a future."""

    is_asgi: ClassVar[bool]
    """Asynchronous methods can answer later."""
    is_server: ClassVar[bool] = False
    """A real HTTP server with a socket."""
    refused_verbs: ClassVar[frozenset[str]] = frozenset()
    """Verbs that the server's own parser answers with a 400 before the application sees them."""

    @abstractmethod
    def send(
        self, request: Request, connection: str | None = None, leave_after: float | None = None
    ) -> Future[Answer]:
        """Send; requests that share a ``connection`` share a TCP connection, where there is one.

        With ``leave_after`` the client hangs up after so many seconds without an answer,
        and the future is cancelled.
        """

    def close(self) -> None:
        """Stop whatever runs."""


def sent_headers(request: Request) -> dict[str, str]:
    """The headers with the right Content-Length."""
    headers = {name: value for name, value in request.headers.items() if name.lower() != "content-length"}
    if request.body is not None:
        headers["Content-Length"] = str(len(request.body))
    return headers


class WsgiTransport(Transport):
    """Calls the WSGI application in this thread, with an environ as a server makes it."""

    is_asgi = False

    def __init__(self) -> None:
        self.application = get_wsgi_application()

    def send(
        self, request: Request, connection: str | None = None, leave_after: float | None = None
    ) -> Future[Answer]:
        future: Future[Answer] = Future()
        future.set_result(self._answer(request))
        return future

    def _answer(self, request: Request) -> Answer:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], error: Any = None, /) -> Any:
            started.append((status, headers))

        chunks = self.application(_environ(request), start_response)
        try:
            body = b"".join(chunks)
        finally:
            chunks.close()
        [(status, headers)] = started
        return Answer(int(status.split()[0]), tuple((name.lower(), value) for name, value in headers), body)


def _environ(request: Request) -> dict[str, Any]:
    path, _, query = request.path.partition("?")
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": request.path,
        "SERVER_NAME": "toto.test",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": request.version,
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(request.body or b""),
        "wsgi.errors": StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in sent_headers(request).items():
        key = name.upper().replace("-", "_")
        plain = key in ("CONTENT_TYPE", "CONTENT_LENGTH")
        environ[key if plain else f"HTTP_{key}"] = value.strip().encode().decode("latin-1")
    return environ


class AsgiTransport(Transport):
    """Calls the ASGI application on an event loop of its own, with a scope as a server makes it."""

    is_asgi = True

    def __init__(self) -> None:
        self.application = get_asgi_application()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def send(
        self, request: Request, connection: str | None = None, leave_after: float | None = None
    ) -> Future[Answer]:
        return asyncio.run_coroutine_threadsafe(self._answer(request, leave_after), self.loop)

    async def _answer(self, request: Request, leave_after: float | None) -> Answer:
        to_application: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        to_application.put_nowait({"type": "http.request", "body": request.body or b"", "more_body": False})
        messages: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        call = asyncio.ensure_future(self.application(_scope(request), to_application.get, send))
        await asyncio.wait([call], timeout=leave_after)
        if not call.done():
            to_application.put_nowait({"type": "http.disconnect"})
            await asyncio.wait([call])
            raise asyncio.CancelledError
        call.result()
        start, *rest = messages
        headers = tuple(
            (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in start["headers"]
        )
        return Answer(start["status"], headers, b"".join(message.get("body", b"") for message in rest))

    def close(self) -> None:
        for end in (self.loop.shutdown_asyncgens, self.loop.shutdown_default_executor):
            asyncio.run_coroutine_threadsafe(end(), self.loop).result(PATIENCE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


def _scope(request: Request) -> dict[str, Any]:
    path, _, query = request.path.partition("?")
    headers = [
        (name.lower().encode(), value.strip().encode()) for name, value in sent_headers(request).items()
    ]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": request.version.removeprefix("HTTP/"),
        "method": request.method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "server": ("toto.test", 80),
    }
