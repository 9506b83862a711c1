"""``path("health/", include("toto_django.health"))``: what load balancers ask.

``live`` says that the process answers, ``ready`` that its stores answer too. The channel
layer is not asked: calls that wait for events outlast its outages, and others do not need it.
"""

import asyncio
import contextvars
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from threading import Lock, Thread
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.urls.resolvers import RoutePattern
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from toto_django.exceptions import Unavailable
from toto_django.loops import PerLoop
from toto_django.stores import Store, account_store, session_store
from toto_django.twins import TwinPattern

__all__ = [
    "PATIENCE",
    "ProbePattern",
    "alive",
    "app_name",
    "aready",
    "in_thread",
    "live",
    "ready",
    "urlpatterns",
]

PATIENCE = 2.0
"""Seconds after which a store that has not answered is unavailable."""

T = TypeVar("T")
View = Callable[..., Any]
Roles = Mapping[str, Store | None]
"""What each store is used for; None for one that cannot be made."""

logger = logging.getLogger("toto_django")


def _probe(view: View) -> View:
    """Without a login, a transaction or a cache in between."""
    return login_not_required(non_atomic_requests(cache_control(no_store=True)(require_safe(view))))


@_probe
def live(request: HttpRequest) -> HttpResponseBase:
    """200 as long as the process answers; nothing else is asked."""
    return _answer(request, {"status": "ok"})


@_probe
async def alive(request: HttpRequest) -> HttpResponseBase:
    """See live; on an event loop."""
    return _answer(request, {"status": "ok"})


@_probe
def ready(request: HttpRequest) -> HttpResponseBase:
    """200 if every store in use answers within PATIENCE, else 503; reasons are in the log only."""
    roles = _roles()
    pings = {store: _ping(store) for store in dict.fromkeys(roles.values()) if store}
    wait(pings.values(), PATIENCE)
    return _report(request, roles, pings)


@_probe
async def aready(request: HttpRequest) -> HttpResponseBase:
    """See ready; on an event loop."""
    roles = _roles()
    pings = {store: _aping(store) for store in dict.fromkeys(roles.values()) if store}
    if pings:
        await asyncio.wait(pings.values(), timeout=PATIENCE)
    return _report(request, roles, pings)


def _roles() -> Roles:
    return {"accounts": _made(account_store), "sessions": _made(session_store)}


def _made(store: Callable[[], Store]) -> Store | None:
    try:
        return store()
    except (ImproperlyConfigured, ImportError, TypeError, ValueError) as error:
        logger.error("a store cannot be made: %s", error)
    return None


def _report(
    request: HttpRequest, roles: Roles, pings: Mapping[Store, "Future[bool] | asyncio.Future[bool]"]
) -> HttpResponseBase:
    answers = {store: ping.done() and ping.result() for store, ping in pings.items()}
    for store, ping in pings.items():
        if not ping.done():
            logger.error("store %r does not answer within %s seconds", store.alias, PATIENCE)
    stores = {role: "ok" if store and answers[store] else "unavailable" for role, store in roles.items()}
    is_ready = set(stores.values()) == {"ok"}
    status = "ok" if is_ready else "unavailable"
    return _answer(request, {"status": status, "stores": stores}, 200 if is_ready else 503)


def _answer(request: HttpRequest, body: Mapping[str, Any], status: int = 200) -> HttpResponseBase:
    """A probe by HEAD gets no body; gunicorn complains of each that it has to drop."""
    response = JsonResponse(body, status=status)
    if request.method == "HEAD":
        response.headers["Content-Length"] = str(len(response.content))
        response.content = b""
    # Django would log a 503 as a server error, and so mail it to ADMINS, as often as somebody asks.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


# Pings: one of each store at a time, which everybody who asks meanwhile shares.

_lock = Lock()
_pings: WeakKeyDictionary[Store, Future[bool]] = WeakKeyDictionary()
_native_pings: PerLoop[WeakKeyDictionary[Store, asyncio.Future[bool]]] = PerLoop(WeakKeyDictionary)


def _ping(store: Store) -> Future[bool]:
    """In a thread of its own: worker threads may all be busy while the store is well."""
    with _lock:
        ping = _pings.get(store)
        if ping is None or ping.done():
            ping = _pings[store] = in_thread(lambda: _answers(store))
        return ping


def _aping(store: Store) -> asyncio.Future[bool]:
    if not store.native_async:
        return asyncio.wrap_future(_ping(store))
    pings = _native_pings.get()
    ping = pings.get(store)
    if ping is None or ping.done():
        # In a context of its own: it answers many requests, and belongs to none.
        ping = pings[store] = asyncio.create_task(_aanswers(store), context=contextvars.Context())
    return ping


def _answers(store: Store) -> bool:
    try:
        store.ping()
    except Exception as error:
        return _failed(store, error)
    return True


async def _aanswers(store: Store) -> bool:
    """Ends with PATIENCE, so that the next one tries another connection."""
    try:
        async with asyncio.timeout(PATIENCE):
            await store.aping()
    except TimeoutError:
        return False  # Who waited for it has logged that.
    except Exception as error:
        return _failed(store, error)
    return True


def _failed(store: Store, error: Exception) -> bool:
    """Of an Unavailable the store itself has logged the reason."""
    if not isinstance(error, Unavailable):
        reason = str(error) or type(error).__name__
        logger.error("store %r does not answer: %s", store.alias, reason)
    return False


def in_thread(function: Callable[[], T]) -> Future[T]:
    """What the function returns or raises in a thread that does not keep the process from ending."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()
    Thread(target=_run, args=(function, future), name="toto-health", daemon=True).start()
    return future


def _run(function: Callable[[], T], future: Future[T]) -> None:
    try:
        try:
            result = function()
        finally:
            connections.close_all()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


# Routes


class ProbePattern(TwinPattern):
    """A probe, plain or as a coroutine."""

    def __init__(self, route: str, view: View, twin: View) -> None:
        super().__init__(RoutePattern(route, name=view.__name__, is_endpoint=True), view, name=view.__name__)
        self.twin = twin


app_name = "toto_django_health"
urlpatterns: list[Any] = [
    ProbePattern("live", live, alive),
    ProbePattern("ready", ready, aready),
]
