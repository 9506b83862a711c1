"""``application = get_asgi_application()``: Django's, with web sockets, and a path of their own for calls.

It has the same middleware, view and signals, without what makes Django slow for small
requests, and bounds bodies before they are read.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from http import HTTPStatus
from typing import Any

import django
from asgiref.sync import markcoroutinefunction, sync_to_async
from django.conf import settings as django_settings
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.signals import request_finished, request_started
from django.http import HttpResponseBadRequest
from django.urls import ResolverMatch, set_script_prefix, set_urlconf
from django.utils.log import log_response
from django.utils.module_loading import import_string

from toto_django.conf import settings
from toto_django.consumers import TotoConsumer
from toto_django.housekeeping import has_other_receivers
from toto_django.leaving import UnlessLeft
from toto_django.middleware import mount_prefix
from toto_django.requests import CallRequest, path_info
from toto_django.responses import add_length, close
from toto_django.routes import CallMiddleware, call_match, call_middleware
from toto_django.routing import SOCKET_PATH
from toto_django.threads import SharedThreads

__all__ = ["ASGIApplication", "CallHandler", "get_asgi_application"]

logger = logging.getLogger("django.request")

NOT_FOUND = 4404

Response = Any
"""An HttpResponseBase, of whose inner life more is asked here than its types tell."""
Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class ASGIApplication:
    """Calls go to `CallHandler`, web sockets below their prefix to `TotoConsumer`, the rest to Django."""

    def __init__(self) -> None:
        self.django = ASGIHandler()
        self.calls = CallHandler()
        self.consumer = TotoConsumer.as_asgi()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            script_name = get_script_prefix(scope)
            match = call_match(path_info(scope["path"], script_name), is_async=True)
            if match is not None:
                await self.calls.answer(scope, receive, send, script_name, match)
            else:
                await self.django(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await _lifespan(receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        mounted_at = mount_prefix(django_settings.ROOT_URLCONF, "/") or "/"
        path = path_info(scope["path"], get_script_prefix(scope))
        found = re.match(SOCKET_PATH, path.removeprefix(mounted_at)) if path.startswith(mounted_at) else None
        if found is None:
            await receive()
            await send({"type": "websocket.close", "code": NOT_FOUND})
            return
        scope["url_route"] = {"args": (), "kwargs": found.groupdict()}
        await self.consumer(scope, receive, send)  # type: ignore[arg-type]


def get_asgi_application() -> ASGIApplication:
    """What an ASGI server runs. Sets Django up."""
    django.setup(set_prefix=False)
    return ASGIApplication()


async def _lifespan(receive: Receive, send: Send) -> None:
    """Start and stop with the server; Django itself refuses this scope."""
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


class CallHandler(CallMiddleware, ASGIHandler):
    """Django's handler of requests, its middleware and view included, for calls.

    Django takes a thread for each request, for the receivers of its signals, and a task that
    waits for the client to leave. Calls share a few threads, used by what needs a thread
    alone, and somebody waits for the client once the call has been under way for a while.
    """

    request_class = CallRequest
    # Of Django's BaseHandler, which has no types for them.
    _middleware_chain: Any
    _view_middleware: Any

    def __init__(self) -> None:
        super().__init__()
        self.threads = SharedThreads(0 if _has_synchronous_only(call_middleware()) else settings.THREADS)

    async def answer(
        self, scope: Scope, receive: Receive, send: Send, script_name: str, match: ResolverMatch
    ) -> None:
        """Answer a call whose path has been resolved."""
        with self.threads.begin(), _script_prefix(script_name):
            request, response = None, None
            with UnlessLeft(receive) as client:
                try:
                    body = await _read(scope, receive, client)
                except ConnectionResetError:
                    return
                if client.is_late:
                    send = _closing(scope, send)
                if has_other_receivers(request_started):
                    await request_started.asend(sender=type(self), scope=scope)
                request = _request(scope, body, script_name, match)
                if request is None:
                    response = HttpResponseBadRequest()
                else:
                    request.is_late = client.is_late
                    response = await self._middleware_chain(request)
                await self._send(request, response, send)
            if hasattr(request, "urlconf"):
                set_urlconf(None)
            if has_other_receivers(request_finished):
                await self._finish(response)
            elif response is not None:
                close(response)

    async def _finish(self, response: Response) -> None:
        """Send the signal; ``response`` is None where there is no answer."""
        if response is not None:
            await sync_to_async(response.close)()
        else:
            await request_finished.asend(sender=type(self))

    async def _send(self, request: CallRequest | None, response: Response, send: Send) -> None:
        response._handler_class = type(self)
        if request is not None:
            if request.has_files:
                response._resource_closers.append(request.close)
            if response.status_code >= HTTPStatus.BAD_REQUEST:
                await sync_to_async(log_response, thread_sensitive=False)(
                    "%s: %s", response.reason_phrase, request.path, response=response, request=request
                )
        if response.streaming:
            try:
                await self.send_response(response, send)
            except BaseException:
                close(response)
                raise
            return
        content = response.content
        add_length(response, content)
        headers = [
            (name.encode("ascii"), value.encode("latin-1"))
            for name, value in response.headers._store.values()
        ]
        if response.cookies:
            headers += [
                (b"Set-Cookie", cookie.OutputString().encode("ascii")) for cookie in response.cookies.values()
            ]
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    @markcoroutinefunction
    def _get_response_async(self, request: Any) -> Awaitable[Response]:
        """The dispatch view itself: nothing it returns is rendered, and nothing it raises is left to others.

        Not where middleware looks at views, or has changed the path or the URLconf.
        """
        match = request.call_match if isinstance(request, CallRequest) else None
        if match is None or self._view_middleware or _is_moved(request):
            answer: Awaitable[Response] = super()._get_response_async(request)  # type: ignore[misc]
            return answer
        request.resolver_match = match
        answer = match.func(request, *match.args, **match.kwargs)
        return answer


def _request(scope: Scope, body: bytes | None, script_name: str, match: ResolverMatch) -> CallRequest | None:
    """None for one that is no HTTP."""
    try:
        return CallRequest(scope, body, script_name, match)
    except UnicodeDecodeError:
        logger.warning("Bad Request (UnicodeDecodeError)", exc_info=True, extra={"status_code": 400})
        return None


def _script_prefix(script_name: str) -> AbstractContextManager[None]:
    return _prefixed(script_name) if script_name else _not_prefixed


@contextmanager
def _prefixed(script_name: str) -> Iterator[None]:
    set_script_prefix(script_name)
    try:
        yield
    finally:
        set_script_prefix("/")


_not_prefixed = nullcontext()


def _is_moved(request: CallRequest) -> bool:
    return request.path_info != request.call_path or hasattr(request, "urlconf")


# Bodies and clients


async def _read(scope: Scope, receive: Receive, client: UnlessLeft) -> bytes | None:
    """The body; what there is of one that exceeds MAX_BODY, None where that was declared.

    Nothing where the client is late. Raises ConnectionResetError when the client leaves.
    """
    most = settings.MAX_BODY
    if _declared_length(scope) > most:
        client.sent()
        return None
    try:
        message = _of_client(await receive())
        body: bytes = message.get("body", b"")
        if message.get("more_body", False):
            body = await _read_on(receive, message, most)
    except asyncio.CancelledError:
        if not client.takes_back():
            raise
        body = b""
    client.sent()
    return body


async def _read_on(receive: Receive, message: Message, most: int) -> bytes:
    """Of a body in parts, of which one is there."""
    chunks = [message.get("body", b"")]
    length = len(chunks[0])
    while message.get("more_body", False) and length <= most:
        message = _of_client(await receive())
        chunks.append(message.get("body", b""))
        length += len(chunks[-1])
    return b"".join(chunks)


def _closing(scope: Scope, send: Send) -> Send:
    """The connection ends with the answer: its client might go on with a body that nobody waits for."""
    if not scope.get("http_version", "").startswith("1"):
        return send

    async def send_and_close(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        await send(message)

    return send_and_close


def _of_client(message: Message) -> Message:
    if message["type"] == "http.disconnect":
        raise ConnectionResetError
    return message


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0


def _has_synchronous_only(middleware: Sequence[str]) -> bool:
    """One that waits in its thread for the answer, and so needs that for itself."""
    return not all(getattr(import_string(path), "async_capable", False) for path in middleware)
