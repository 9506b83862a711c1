"""What clients are answered while the server of a store dies or hangs, and what is there afterwards.

The web server is one process under load, and stays the same over all failures of its case.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from math import ceil
from typing import Any

import psycopg
import pytest
from pymongo import MongoClient
from redis import Redis

from tests.calls import PASSWORD, Login
from tests.servers.base import Server, needs
from tests.servers.mariadb import MariaDBServer
from tests.servers.mongodb import MongoDBServer
from tests.servers.postgresql import PostgreSQLServer
from tests.servers.redis import RedisServer
from tests.store_processes.load import GUNICORN, PUBLIC, UVICORN, Application, Client, Load, Stores, migrate

STEADY = 0.3
"""Seconds of load before a failure, and after the recovery."""
AWAY = 1.2
"""Seconds that a server is dead."""
REFUSES = 2.0
"""Seconds that a server takes no writes."""
HANGS = 2.5
"""Seconds that a server hangs."""
RECOVERY = 5.0
"""Seconds within which calls succeed again."""
SLACK = 1.5
"""Seconds that a call may take on a busy machine without waiting for a store."""

_numbers = count()

Refusing = Callable[[Server], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """A store over a server of its own; ``bound`` is how many seconds a call waits for it at most."""

    server: Callable[[], Server]
    stores: Callable[[Server], Stores]
    refusing: Refusing
    """Its server takes no writes within."""
    bound: float
    waits_for_hanging: bool = False
    """A query under way waits for as long as its server hangs: the driver knows no time limit."""


def database(**configuration: Any) -> Callable[[Server], Stores]:
    def stores(server: Server) -> Stores:
        default = {**configuration, "HOST": "127.0.0.1", "PORT": str(server.port)}
        stores = Stores(toto={}, databases={"default": default}, caches={})
        migrate(stores)
        return stores

    return stores


def redis(server: Server) -> Stores:
    options = {"SOCKET_CONNECT_TIMEOUT": 1, "SOCKET_TIMEOUT": 1}
    cache = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": server.url, "OPTIONS": options}
    return Stores(only("redis.RedisStore", CACHE="own"), databases={}, caches={"own": cache})


def mongodb(server: Server) -> Stores:
    client = {"timeoutMS": 1000}
    return Stores(only("mongodb.MongoDBStore", HOST=server.url, CLIENT=client), databases={}, caches={})


def only(backend: str, **options: Any) -> Mapping[str, Any]:
    return {"STORES": {"default": {"BACKEND": f"toto_django.stores.{backend}", "OPTIONS": options}}}


@contextmanager
def read_only(server: Server) -> Iterator[None]:
    """PostgreSQL as new connections find it after a failover: a standby."""
    options = "-c default_transaction_read_only=off"
    with psycopg.connect(server.url, autocommit=True, options=options) as connection:
        connection.execute("ALTER DATABASE postgres SET default_transaction_read_only = on")
        yield
        connection.execute("ALTER DATABASE postgres RESET default_transaction_read_only")


@contextmanager
def locked(server: Server) -> Iterator[None]:
    """MariaDB while a backup of the whole server is made."""
    mysql = pytest.importorskip("MySQLdb", reason="mysqlclient is missing (the extra mysql)")
    with closing(mysql.connect(host="127.0.0.1", port=server.port, user="root")) as connection:
        connection.query("FLUSH TABLES WITH READ LOCK")
        yield


@contextmanager
def replica(server: Server) -> Iterator[None]:
    """Redis after a failover; its primary is nowhere."""
    with Redis.from_url(server.url) as client:
        client.replicaof("127.0.0.1", 1)
        yield
        client.replicaof("NO", "ONE")


@contextmanager
def full(server: Server) -> Iterator[None]:
    """Redis that may take no more memory."""
    with Redis.from_url(server.url) as client:
        client.config_set("maxmemory", 1)
        yield
        client.config_set("maxmemory", 0)


@contextmanager
def secondary(server: Server) -> Iterator[None]:
    """MongoDB between primaries: it has stepped down, and comes up again soon after."""
    with MongoClient[Any](server.url) as client:
        client.admin.command("replSetStepDown", ceil(REFUSES) + 1, secondaryCatchUpPeriodSecs=0, force=True)
    yield


POSTGRESQL = Case(
    PostgreSQLServer,
    database(
        ENGINE="django.db.backends.postgresql",
        NAME="postgres",
        USER="postgres",
        OPTIONS={"connect_timeout": 2},
    ),
    read_only,
    bound=2 * 2,
    waits_for_hanging=True,
)
MARIADB = Case(
    MariaDBServer,
    database(
        ENGINE="django.db.backends.mysql",
        NAME="mysql",
        USER="root",
        CONN_MAX_AGE=60,
        CONN_HEALTH_CHECKS=True,
        OPTIONS={"charset": "utf8mb4", "connect_timeout": 1, "read_timeout": 1, "write_timeout": 1},
    ),
    locked,
    bound=2 * 2,
)
REDIS = Case(lambda: RedisServer(persistent=True, fsync="always"), redis, replica, bound=2 * 1)
MONGODB = Case(MongoDBServer, mongodb, secondary, bound=2 * 1)
CASES = [
    pytest.param((POSTGRESQL, UVICORN), id="postgresql", marks=needs(PostgreSQLServer)),
    pytest.param((MARIADB, UVICORN), id="mariadb", marks=needs(MariaDBServer)),
    pytest.param((REDIS, UVICORN), id="redis", marks=needs(RedisServer)),
    pytest.param((MONGODB, UVICORN), id="mongodb", marks=needs(MongoDBServer)),
    pytest.param((POSTGRESQL, GUNICORN), id="postgresql-wsgi", marks=needs(PostgreSQLServer)),
    pytest.param((replace(REDIS, refusing=full), GUNICORN), id="redis-wsgi", marks=needs(RedisServer)),
]


@dataclass(frozen=True, slots=True)
class Running:
    """A case, its server and the application over it."""

    case: Case
    server: Server
    application: Application


@pytest.fixture(scope="module", params=CASES)
def running(request: pytest.FixtureRequest) -> Iterator[Running]:
    case: Case
    command: Sequence[str]
    case, command = request.param
    if case is MARIADB:
        pytest.importorskip("MySQLdb", reason="mysqlclient is missing (the extra mysql)")
    with case.server() as server, Application(case.stores(server), command) as application:
        yield Running(case, server, application)


@pytest.fixture
def load(running: Running) -> Load:
    return Load(running.application, f"load-{next(_numbers)}")


def test_killed_server_is_an_outage_and_loses_nothing(running: Running, load: Load) -> None:
    with load:
        load.until_all_succeed()
        time.sleep(STEADY)
        running.server.stop()
        time.sleep(AWAY)
        running.server.start()
        load.until_all_succeed(RECOVERY)
        time.sleep(STEADY)
    assert_answers_are_right_or_unavailable(load, within=running.case.bound + SLACK)
    assert unavailable(load) == load.clients.keys() - {PUBLIC}
    assert_everything_acknowledged_is_there(load)


def test_hanging_server_is_an_outage_of_bounded_waits(running: Running, load: Load) -> None:
    with load:
        load.until_all_succeed()
        time.sleep(STEADY)
        running.server.pause()
        time.sleep(HANGS)
        running.server.resume()
        load.until_all_succeed(RECOVERY)
    within = running.case.bound + SLACK
    assert_answers_are_right_or_unavailable(
        load, HANGS + within if running.case.waits_for_hanging else within
    )
    assert PUBLIC not in unavailable(load)
    assert unavailable(load)
    assert_everything_acknowledged_is_there(load)


def test_server_that_takes_no_writes_is_an_outage(running: Running, load: Load) -> None:
    with load:
        load.until_all_succeed()
        with running.case.refusing(running.server):
            time.sleep(REFUSES)
        load.until_all_succeed(RECOVERY)
    assert_answers_are_right_or_unavailable(load, within=running.case.bound + SLACK)
    assert unavailable(load) == load.clients.keys() - {PUBLIC}
    assert_everything_acknowledged_is_there(load)


# Steps


def unavailable(load: Load) -> set[str]:
    """The clients that the outage reached."""
    return {
        name for name, client in load.clients.items() if any(each.is_unavailable for each in client.attempts)
    }


def assert_answers_are_right_or_unavailable(load: Load, within: float) -> None:
    wrong = [each for each in load.attempts if not (each.has_succeeded or each.is_unavailable)]
    assert wrong == [], load.application.said()
    assert [each for each in load.attempts if each.took > within] == []
    assert [each for each in load.clients[PUBLIC].attempts if each.took > SLACK] == []
    assert "Traceback" not in load.application.said()


def assert_everything_acknowledged_is_there(load: Load) -> None:
    """Of the increments at most those that were tried."""
    acknowledged = [each for each in load.attempts if each.has_succeeded]
    logins = [Login(**each.result) for each in acknowledged if "session_id" in each.result]
    done = Counter(each.subject for each in acknowledged)
    tried = Counter(each.subject for each in load.attempts)
    with closing(Client(load.application.port)) as client:
        for login in logins:
            attempt = client.call("failures.get", login=login)
            assert attempt.has_succeeded, attempt
            assert attempt.result["user_id"] == login.user_id
        for user_id in {login.user_id for login in logins}:
            attempt = client.call("account.login", {"user_id": user_id, "password": PASSWORD})
            assert attempt.has_succeeded, attempt
        for login in load.counting:
            counted = client.call("failures.get", login=login).result["count"]
            assert 0 < done[login.session_id] <= counted <= tried[login.session_id]
