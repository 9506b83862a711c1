"""Several server processes behind one rate, and web sockets: real servers, real caches."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from websockets.sync.client import connect

from tests.realtime import PATIENCE, Server
from tests.servers.base import needs
from tests.servers.memcached import MemcachedServer
from tests.servers.postgresql import PostgreSQLServer
from tests.servers.redis import RedisServer

COLUMNS = "cache_key varchar(255) PRIMARY KEY, value text NOT NULL, expires timestamptz NOT NULL"
RATES = {"login": "5/h", "login.address": None, "login.account": None}

Configuration = tuple[dict[str, Any], dict[str, Any]]
"""An entry of CACHES, and of DATABASES."""


def through_redis(server: RedisServer, backend: str = "django_redis.cache.RedisCache") -> Configuration:
    return {"BACKEND": backend, "LOCATION": server.url}, {}


def through_djangos_redis(server: RedisServer) -> Configuration:
    return through_redis(server, "django.core.cache.backends.redis.RedisCache")


def through_memcached(server: MemcachedServer) -> Configuration:
    return server.cache, {}


def through_postgresql(server: PostgreSQLServer) -> Configuration:
    with psycopg.connect(server.url) as connection:
        connection.execute(f"CREATE TABLE throttles ({COLUMNS})")
    cache = {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "throttles"}
    address = {"HOST": "127.0.0.1", "PORT": str(server.port)}
    postgresql = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": "postgres",
        **address,
    }
    return cache, {"default": postgresql}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def start(stack: ExitStack, cache: Any, databases: Any = None, **toto: Any) -> Server:
    server = stack.enter_context(
        Server(
            {"THROTTLE_CACHE": "throttles", **toto},
            DJANGO_SETTINGS_MODULE="tests.store_processes.settings",
            TOTO_TEST_CACHES=json.dumps({"throttles": cache}),
            TOTO_TEST_DATABASES=json.dumps(databases or {}),
        )
    )
    server.ask("rt.echo")
    return server


@pytest.mark.parametrize(
    ("kind", "configured"),
    [
        pytest.param(RedisServer, through_redis, marks=needs(RedisServer)),
        pytest.param(RedisServer, through_djangos_redis, marks=needs(RedisServer)),
        pytest.param(MemcachedServer, through_memcached, marks=needs(MemcachedServer)),
        pytest.param(PostgreSQLServer, through_postgresql, marks=needs(PostgreSQLServer)),
    ],
)
@pytest.mark.server
def test_of_fifty_wrong_logins_at_once_on_two_processes_five_are_tried(
    stack: ExitStack, kind: Any, configured: Callable[[Any], Configuration]
) -> None:
    cache, databases = configured(stack.enter_context(kind()))
    servers = [start(stack, cache, databases, THROTTLES=RATES) for _ in range(2)]
    clients = [
        servers[number % 2].wait("account.login", user_id="anna", password="wrong") for number in range(50)
    ]
    answers = [client.answer() for client in clients]
    codes = sorted(answer["error"]["code"] for answer in answers)
    assert codes == [1005] * 5 + [1101] * 45, servers[0].said()


@pytest.mark.server
@needs(RedisServer)[1]
def test_cache_that_dies_refuses_logins_until_it_is_back(stack: ExitStack) -> None:
    redis = stack.enter_context(RedisServer())
    server = start(stack, through_redis(redis)[0], THROTTLES=RATES)

    def login() -> Any:
        return server.ask("account.login", user_id="anna", password="wrong")["error"]["code"]

    assert login() == 1005
    redis.stop()
    assert [login(), login()] == [1104, 1104]
    assert server.ask("rt.echo")["result"] is not None
    redis.start()
    assert login() == 1005
    assert "the cache 'throttles' does not answer" in server.said()


@pytest.mark.server
def test_every_frame_of_a_web_socket_counts(stack: ExitStack) -> None:
    cache = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    server = start(stack, cache, THROTTLES=RATES, TRUSTED_PROXIES=["127.0.0.1"])

    def answers(address: str, count: int) -> list[int]:
        headers = {"x-forwarded-for": address}
        url = f"ws://127.0.0.1:{server.port}/websocket"
        with connect(url, open_timeout=PATIENCE, close_timeout=5, additional_headers=headers) as client:
            frame = {"method": "account.login", "parameters": {"user_id": "anna", "password": "wrong"}}
            for number in range(count):
                client.send(json.dumps({"id": number, **frame}))
            return sorted(json.loads(client.recv(PATIENCE))["error"]["code"] for _ in range(count))

    assert answers("192.0.2.1", 8) == [1005] * 5 + [1101] * 3
    assert answers("192.0.2.1", 1) == [1101]
    assert answers("192.0.2.2", 1) == [1005]
