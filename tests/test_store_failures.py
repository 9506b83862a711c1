"""What clients are answered while the server of a store dies or hangs, and what is there afterwards.

The web server is one process under load, and stays the same over all failures of its case.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from tests.calls import PASSWORD, Login
from tests.servers.base import Server, needs
from tests.servers.mariadb import MariaDBServer
from tests.servers.mongodb import MongoDBServer
from tests.servers.postgresql import PostgreSQLServer
from tests.servers.redis import RedisServer
from tests.store_processes.load import GUNICORN, PUBLIC, UVICORN, Application, Client, Load, Stores, migrate

STEADY = 0.5
"""Seconds of load before a failure, and after the recovery."""
AWAY = 1.5
"""Seconds that a server is dead."""
HANGS = 2.5
"""Seconds that a server hangs."""
RECOVERY = 5.0
"""Seconds within which calls succeed again."""
SLACK = 1.5
"""Seconds that a call may take on a busy machine without waiting for a store."""

_numbers = count()


@dataclass(frozen=True, slots=True)
class Case:
    """A store over a server of its own; ``bound`` is how many seconds a call waits for it at most."""

    server: Callable[[], Server]
    stores: Callable[[Server], Stores]
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


POSTGRESQL = Case(
    PostgreSQLServer,
    database(
        ENGINE="django.db.backends.postgresql",
        NAME="postgres",
        USER="postgres",
        OPTIONS={"connect_timeout": 2},
    ),
    bound=2 * 2,
    waits_for_hanging=True,
)
MARIADB = Case(
    MariaDBServer,
    database(
        ENGINE="django.db.backends.mysql",
        NAME="mysql",
        USER="root",
        OPTIONS={"charset": "utf8mb4", "connect_timeout": 1, "read_timeout": 1, "write_timeout": 1},
    ),
    bound=2 * 2,
)
REDIS = Case(lambda: RedisServer(persistent=True, fsync="always"), redis, bound=2 * 1)
MONGODB = Case(MongoDBServer, mongodb, bound=2 * 1)
CASES = [
    pytest.param((POSTGRESQL, UVICORN), id="postgresql", marks=needs(PostgreSQLServer)),
    pytest.param((MARIADB, UVICORN), id="mariadb", marks=needs(MariaDBServer)),
    pytest.param((REDIS, UVICORN), id="redis", marks=needs(RedisServer)),
    pytest.param((MONGODB, UVICORN), id="mongodb", marks=needs(MongoDBServer)),
    pytest.param((POSTGRESQL, GUNICORN), id="postgresql-wsgi", marks=needs(PostgreSQLServer)),
    pytest.param((REDIS, GUNICORN), id="redis-wsgi", marks=needs(RedisServer)),
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
    is_unbounded = running.case.waits_for_hanging
    assert_answers_are_right_or_unavailable(load, running.case.bound + SLACK + is_unbounded * HANGS)
    assert unavailable(load)
    assert is_unbounded or unavailable(load) == load.clients.keys() - {PUBLIC}
    assert_everything_acknowledged_is_there(load)


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
