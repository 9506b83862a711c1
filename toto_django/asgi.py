"""``application = get_asgi_application()``: Django's, with web sockets, and with bounded bodies.

Django itself reads a whole body, however large, before any view is asked.
"""

import inspect
import itertools
import re
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import django
from asgiref.sync import ThreadSensitiveContext
from django.conf import settings as django_settings
from django.core.handlers.asgi import ASGIHandler
from django.urls import Resolver404, resolve
from django.utils.module_loading import import_string

from toto_django.conf import settings
from toto_django.consumers import TotoConsumer
from toto_django.middleware import mount_prefix
from toto_django.routing import SOCKET_PATH

__all__ = ["ASGIApplication", "get_asgi_application"]

NOT_FOUND = 4404

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ASGIApplication:
    """Requests go to Django, web sockets below the calls' prefix to `TotoConsumer`.

    A call's body ends where it exceeds MAX_BODY, and so is refused.
    """

    def __init__(self) -> None:
        self.django = ASGIHandler()
        self.consumer = TotoConsumer.as_asgi()
        self.threads = _shared_threads()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        mounted_at = mount_prefix(django_settings.ROOT_URLCONF, "/") or "/"
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        found = re.match(SOCKET_PATH, path.removeprefix(mounted_at)) if path.startswith(mounted_at) else None
        if found is None:
            await receive()
            await send({"type": "websocket.close", "code": NOT_FOUND})
            return
        scope["url_route"] = {"args": (), "kwargs": found.groupdict()}
        await self.consumer(scope, receive, send)  # type: ignore[arg-type]

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_call(scope):
            await self.django(scope, receive, send)  # type: ignore[arg-type]
            return
        if _may_be_long(scope):
            receive = _bounded(scope, receive)
        if self.threads is None:
            await self.django(scope, receive, send)  # type: ignore[arg-type]
            return
        async with ThreadSensitiveContext(executor=next(self.threads)):
            await self.django.handle(scope, receive, send)  # type: ignore[arg-type]


def _shared_threads() -> Iterator[ThreadPoolExecutor] | None:
    """Threads for the synchronous work around calls, in turn; None where each call needs its own.

    Django takes a thread for each request and keeps it until the answer, so a waiting call
    holds one. Sharing needs asgiref 3.13, and no middleware that itself waits in its thread
    for the answer.
    """
    takes_executor = "executor" in inspect.signature(ThreadSensitiveContext).parameters
    middleware = [import_string(path) for path in django_settings.MIDDLEWARE]
    if not takes_executor or not all(getattr(factory, "async_capable", False) for factory in middleware):
        return None
    threads = [ThreadPoolExecutor(1, thread_name_prefix="toto-asgi") for _ in range(settings.THREADS)]
    return itertools.cycle(threads)


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


def _may_be_long(scope: Scope) -> bool:
    declared = _declared_length(scope)
    return declared is None or declared > settings.MAX_BODY


def _declared_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else None
    return None


def _is_call(scope: Scope) -> bool:
    try:
        return (
            resolve(scope["path"].removeprefix(scope.get("root_path", ""))).view_name
            == "toto_django:dispatch"
        )
    except Resolver404:
        return False


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """End the body at once where its declared length exceeds MAX_BODY, else as soon as it does."""
    left = settings.MAX_BODY if _declared_length(scope) is None else -1
    is_ended = False

    async def bounded() -> Message:
        nonlocal left, is_ended
        if is_ended:
            return await _after_body(receive)
        message = await receive() if left >= 0 else {"type": "http.request", "body": b""}
        left -= len(message.get("body", b""))
        is_ended = left < 0
        return {**message, "more_body": False} if is_ended else message

    return bounded


async def _after_body(receive: Receive) -> Message:
    while (message := await receive())["type"] == "http.request":
        """The rest of the body is dropped."""
    return message
