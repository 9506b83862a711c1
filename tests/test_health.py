"""What load balancers are told, under WSGI, ASGI and a real server."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from http.client import HTTPConnection
from typing import Any

import pymongo
import pytest
from django.db import connection, connections
from django.test import AsyncClient, Client, RequestFactory
from django.urls import include, path, reverse

from tests.calls import Service
from tests.realtime import Server, until
from tests.servers.base import needs
from tests.servers.mongodb import MongoDBServer
from tests.servers.redis import RedisServer
from toto_django import health
from toto_django.stores import get_store
from toto_django.stores.memory import MemoryStore
from toto_django.workers import run_in_worker

urlpatterns = [
    path("health/", include("toto_django.health")),
    path("service/", include("toto_django.urls")),
]
pytestmark = pytest.mark.urls(__name__)

Toto = Callable[..., None]

DATABASE = {"BACKEND": "toto_django.stores.database.DatabaseStore"}
MEMORY = {"BACKEND": "toto_django.stores.memory.MemoryStore"}
REDIS = {"BACKEND": "toto_django.stores.redis.RedisStore", "OPTIONS": {"CACHE": "redis"}}
OK = {"status": "ok", "stores": {"accounts": "ok", "sessions": "ok"}}


class HeldStore(MemoryStore):
    """Answers a ping when `release` is set."""

    def __init__(self, alias: str, options: Any) -> None:
        super().__init__(alias, options)
        self.pings = 0
        self.release = threading.Event()

    def ping(self) -> None:
        self.pings += 1
        self.release.wait(30)


class NativeHeldStore(HeldStore):
    """The same on the event loop."""

    native_async = True

    async def aping(self) -> None:
        self.pings += 1
        while not self.release.is_set():
            await asyncio.sleep(0.01)


class BrokenStore(MemoryStore):
    """Fails as no store should."""

    def ping(self) -> None:
        raise ZeroDivisionError("host.internal:5432")


class NativeBrokenStore(BrokenStore):
    """The same on the event loop."""

    native_async = True

    async def aping(self) -> None:
        self.ping()


class OnceStuckStore(MemoryStore):
    """Its first ping never ends."""

    native_async = True
    pings = 0

    async def aping(self) -> None:
        self.pings += 1
        if self.pings == 1:
            await asyncio.Event().wait()


@pytest.fixture(params=["wsgi", "asgi"])
def service(request: pytest.FixtureRequest) -> Service:
    """The test service, once behind each handler; without the database of the other tests."""
    return Service(request.param)


@pytest.fixture
def redis(settings: Any, toto: Toto) -> Iterator[RedisServer]:
    """A Redis that keeps the sessions; accounts are in memory."""
    with RedisServer() as server:
        settings.CACHES = {"redis": {**settings.CACHES["redis"], "LOCATION": server.url}}
        toto(STORES={"accounts": MEMORY, "sessions": REDIS}, ACCOUNTS="accounts", SESSIONS="sessions")
        yield server


def use(toto: Toto, store: type) -> Any:
    """Everything in a store of this class."""
    toto(STORES={"default": {"BACKEND": f"{__name__}.{store.__name__}"}})
    return get_store("default")


def needs_redis(test: Any) -> Any:
    return reduce(lambda test, mark: mark(test), needs(RedisServer), test)


def needs_mongodb(test: Any) -> Any:
    return reduce(lambda test, mark: mark(test), needs(MongoDBServer), test)


def ready(service: Service) -> tuple[int, Any]:
    response = service.send("GET", "/health/ready")
    return response.status_code, json.loads(response.content)


# Answers


def test_live_asks_nothing(service: Service, toto: Toto) -> None:
    toto(STORES={"default": {"BACKEND": "no.such.Store"}})
    response = service.send("GET", "/health/live")
    assert (response.status_code, json.loads(response.content)) == (200, {"status": "ok"})
    assert response["Cache-Control"] == "no-store"


@pytest.mark.django_db(transaction=True)
def test_ready_with_a_database_that_answers(service: Service) -> None:
    response = service.send("GET", "/health/ready")
    assert (response.status_code, json.loads(response.content)) == (200, OK)
    assert response["Cache-Control"] == "no-store"


@pytest.mark.django_db(transaction=True)
def test_ping_leaves_no_connection_open(service: Service) -> None:
    before = opened(connection)
    assert ready(service) == (200, OK)
    until(lambda: opened(connection) <= before)


def opened(connection: Any) -> int:
    """The server's connections to this database; files have none."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("target", ["/health/live", "/health/ready"])
def test_only_get_and_head(service: Service, toto: Toto, target: str) -> None:
    toto(STORES={"default": MEMORY})
    assert service.send("HEAD", target).status_code == 200
    view = health.live if target.endswith("live") else health.ready
    request = RequestFactory().head(target)
    assert (view(request).content, int(view(request)["Content-Length"]) > 10) == (b"", True)
    for verb in ("POST", "PUT", "DELETE", "OPTIONS"):
        response = service.send(verb, target)
        assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
        assert response["Cache-Control"] == "no-store"


def test_routes_have_names() -> None:
    assert reverse("toto_django_health:live") == "/health/live"
    assert reverse("toto_django_health:ready") == "/health/ready"


# Stores that do not answer


@needs_redis
def test_store_that_went_away_and_came_back(
    redis: RedisServer, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    assert ready(service) == (200, OK)
    redis.stop()
    status, answer = ready(service)
    assert (status, answer) == (
        503,
        {"status": "unavailable", "stores": {"accounts": "ok", "sessions": "unavailable"}},
    )
    assert str(redis.port) in caplog.text, "the reason is for the log"
    redis.start()
    assert ready(service) == (200, OK)


@needs_redis
def test_store_that_says_nothing_takes_a_bounded_time(
    redis: RedisServer, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    assert ready(service) == (200, OK)
    redis.pause()
    try:
        began = time.monotonic()
        status, answer = ready(service)
        assert time.monotonic() - began < health.PATIENCE + 0.5
    finally:
        redis.resume()
    assert (status, answer["stores"]["sessions"]) == (503, "unavailable")
    assert "'sessions' does not answer within 2.0 seconds" in caplog.text
    until(lambda: ready(service) == (200, OK))


@needs_mongodb
def test_mongodb(service: Service, toto: Toto) -> None:
    with MongoDBServer(replica_set=False) as server:
        options = {"HOST": server.url, "DATABASE": "health"}
        toto(STORES={"default": {"BACKEND": "toto_django.stores.mongodb.MongoDBStore", "OPTIONS": options}})
        try:
            assert ready(service) == (200, OK)
            server.stop()
            began = time.monotonic()
            assert ready(service)[0] == 503
            assert time.monotonic() - began < health.PATIENCE + 0.5
        finally:
            with pymongo.timeout(0.1):  # It would tell the server of its end.
                get_store("default").client.client.close()


def test_database_that_does_not_open(
    service: Service,
    toto: Toto,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    django_db_blocker: Any,
) -> None:
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": "/no/such/folder/x.sqlite3", "OPTIONS": {}}
    monkeypatch.setitem(connections.databases, "gone", {**connection.settings_dict, **sqlite})
    gone = {**DATABASE, "OPTIONS": {"DATABASE": "gone"}}
    toto(STORES={"default": MEMORY, "gone": gone}, SESSIONS="gone")
    with django_db_blocker.unblock():
        status, answer = ready(service)
    assert (status, answer["stores"]) == (503, {"accounts": "ok", "sessions": "unavailable"})
    assert "store 'gone' does not answer: unable to open database file" in caplog.text


def test_store_that_cannot_be_made(service: Service, toto: Toto, caplog: pytest.LogCaptureFixture) -> None:
    toto(STORES={"default": MEMORY, "other": {"BACKEND": "no.such.Store"}}, SESSIONS="other")
    status, answer = ready(service)
    assert (status, answer["stores"]) == (503, {"accounts": "ok", "sessions": "unavailable"})
    assert "No module named 'no'" in caplog.text


@pytest.mark.parametrize("store", [BrokenStore, NativeBrokenStore])
def test_reason_is_in_the_log_and_not_in_the_answer(
    service: Service, toto: Toto, store: type, caplog: pytest.LogCaptureFixture
) -> None:
    use(toto, store)
    response = service.send("GET", "/health/ready")
    assert response.status_code == 503
    assert json.loads(response.content) == {
        "status": "unavailable",
        "stores": {"accounts": "unavailable", "sessions": "unavailable"},
    }
    assert "store 'default' does not answer: host.internal:5432" in caplog.text
    assert "host" not in repr(response.headers)
    assert {record.name for record in caplog.records} == {"toto_django"}, "django.request mails to ADMINS"


# One ping for all


def test_requests_at_the_same_moment_share_a_ping_in_threads(toto: Toto) -> None:
    store = use(toto, HeldStore)
    with ThreadPoolExecutor(10) as threads:
        answers = [threads.submit(Client().get, "/health/ready") for _ in range(10)]
        until(lambda: store.pings)
        time.sleep(0.2)
        store.release.set()
        assert [answer.result().status_code for answer in answers] == [200] * 10
    assert store.pings == 1
    assert Client().get("/health/ready").status_code == 200
    assert store.pings == 2


@pytest.mark.parametrize("kind", [HeldStore, NativeHeldStore])
def test_requests_at_the_same_moment_share_a_ping_on_an_event_loop(toto: Toto, kind: type) -> None:
    store = use(toto, kind)

    async def ask() -> list[int]:
        asyncio.get_running_loop().call_later(0.3, store.release.set)
        answers = await asyncio.gather(*(AsyncClient().get("/health/ready") for _ in range(10)))
        assert store.pings == 1
        return [answer.status_code for answer in (*answers, await AsyncClient().get("/health/ready"))]

    assert asyncio.run(ask()) == [200] * 11
    assert store.pings == 2


@pytest.mark.parametrize("kind", [HeldStore, NativeHeldStore])
def test_store_that_hangs_holds_one_thread_however_often_it_is_asked(
    service: Service, toto: Toto, monkeypatch: pytest.MonkeyPatch, kind: type
) -> None:
    monkeypatch.setattr(health, "PATIENCE", 0.1)
    store = use(toto, kind)
    try:
        assert [ready(service)[0] for _ in range(5)] == [503] * 5
        assert sum(thread.name == "toto-health" for thread in threading.enumerate()) <= 1
    finally:
        store.release.set()
    until(lambda: ready(service) == (200, OK))


def test_ping_that_never_ends_on_an_event_loop_is_given_up(
    toto: Toto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PATIENCE", 0.2)
    use(toto, OnceStuckStore)

    async def ask() -> list[int]:
        stuck = await AsyncClient().get("/health/ready")
        await asyncio.sleep(0.1)
        return [stuck.status_code, (await AsyncClient().get("/health/ready")).status_code]

    assert asyncio.run(ask()) == [503, 200]


def test_stores_are_asked_at_the_same_time(
    service: Service, toto: Toto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PATIENCE", 0.5)
    held = {"BACKEND": f"{__name__}.HeldStore"}
    toto(STORES={"a": held, "b": held}, ACCOUNTS="a", SESSIONS="b")
    began = time.monotonic()
    assert ready(service)[0] == 503
    assert time.monotonic() - began < 0.9
    for alias in ("a", "b"):
        get_store(alias).release.set()  # type: ignore[attr-defined]


def test_client_that_leaves_does_not_end_the_ping_of_others(toto: Toto) -> None:
    store = use(toto, NativeHeldStore)

    async def ask() -> int:
        leaving = asyncio.create_task(AsyncClient().get("/health/ready"))
        staying = asyncio.create_task(AsyncClient().get("/health/ready"))
        await asyncio.sleep(0.2)
        leaving.cancel()
        await asyncio.sleep(0.1)
        store.release.set()
        return int((await staying).status_code)

    assert asyncio.run(ask()) == 200
    assert store.pings == 1


# In a project


@pytest.mark.parametrize("target", ["/health/live", "/health/ready"])
def test_no_login_is_required(service: Service, settings: Any, toto: Toto, target: str) -> None:
    toto(STORES={"default": MEMORY})
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    settings.MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
        *settings.MIDDLEWARE,
    ]
    assert service.send("GET", target).status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("target", ["/health/live", "/health/ready"])
def test_no_transaction_is_opened(service: Service, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    queries: list[str] = []

    def note(execute: Any, sql: str, *args: Any) -> Any:
        queries.append(sql)
        return execute(sql, *args)

    with connection.execute_wrapper(note):
        assert service.send("GET", target).status_code == 200
    assert queries == []


def test_worker_threads_that_are_all_busy_are_no_outage(toto: Toto) -> None:
    toto(STORES={"default": MEMORY}, THREADS=2)
    release = threading.Event()

    async def ask() -> int:
        busy = [asyncio.create_task(run_in_worker(release.wait, 30)) for _ in range(3)]
        await asyncio.sleep(0.1)
        response = await AsyncClient().get("/health/ready")
        release.set()
        await asyncio.gather(*busy)
        return int(response.status_code)

    assert asyncio.run(ask()) == 200


@needs_redis
def test_behind_a_server(redis: RedisServer, settings: Any) -> None:
    environment = {"TOTO_TEST_URLCONF": __name__, "TOTO_TEST_REDIS_URL": redis.url}
    with Server({**settings.TOTO, "METHOD_MODULES": []}, **environment) as server:
        assert fetch(server, "GET", "/health/live") == (200, b'{"status": "ok"}')
        assert fetch(server, "GET", "/health/ready") == (200, json.dumps(OK).encode())
        assert fetch(server, "HEAD", "/health/ready") == (200, b"")
        redis.stop()
        assert [fetch(server, verb, "/health/ready")[0] for verb in ("GET", "HEAD")] == [503, 503]
        assert fetch(server, "GET", "/health/live")[0] == 200
        redis.start()
        assert fetch(server, "GET", "/health/ready")[0] == 200
        assert str(redis.port) in server.said()


def fetch(server: Server, verb: str, target: str) -> tuple[int, bytes]:
    client = HTTPConnection("127.0.0.1", server.port, timeout=15)
    try:
        client.request(verb, target)
        response = client.getresponse()
        return response.status, response.read()
    finally:
        client.close()
