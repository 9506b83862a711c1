"""Where a project keeps its accounts and sessions while it is measured.

Each has a server of its own, started when it is first needed; what is missing on this
machine is left out. MongoDB is `python -m tests.servers.mongodb install`, or the path of
a mongod in TOTO_TEST_MONGOD.
"""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Self

import psycopg

from benchmarks.processes import Server, prepared
from tests.servers.base import Server as StoreServer
from tests.servers.mariadb import MariaDBServer
from tests.servers.mongodb import MongoDBServer
from tests.servers.postgresql import PostgreSQLServer
from tests.servers.redis import RedisServer

__all__ = ["MEMORY", "PLACES", "POSTGRESQL", "REDIS", "SQLITE", "Place", "Places"]

DATABASE = {"BACKEND": "toto_django.stores.database.DatabaseStore"}

Settings = dict[str, Any]
Make = Callable[[Any, str], Settings]
"""An empty database at such a server, of this name, which is an absolute path; the settings for it."""


@dataclass(frozen=True)
class Place:
    """A store to measure: its server, the driver beyond the extra dev, and the settings that differ."""

    name: str
    make: Make
    server: type[StoreServer] | None = None
    driver: str = "django"

    @property
    def missing(self) -> str:
        """What it lacks on this machine, "" when it is all there."""
        if find_spec(self.driver) is None:
            return f"the Python module {self.driver} is not installed"
        return "" if self.server is None else self.server.reason()


class Places:
    """The servers of places, and a database of its own in each for every project."""

    def __init__(self, folder: str) -> None:
        self.servers: dict[type[StoreServer], StoreServer] = {}
        self._folder = folder
        self._stack = ExitStack()
        self._settings: dict[str, Settings] = {}
        self._credentials: dict[str, dict[str, list[str]]] = {}

    def settings(self, server: Server, place: Place) -> Settings:
        """Those for a server's project in this place."""
        key = _key(server, place)
        if key not in self._settings:
            path = f"{self._folder}/bench_{len(self._settings)}"
            self._settings[key] = place.make(self._server(place), path)
        return self._settings[key]

    def credentials(self, server: Server, place: Place, needs: str) -> list[str]:
        """What is in the project's database, filled the first time; nothing where there are no needs."""
        if not needs:
            return []
        key = _key(server, place)
        if key not in self._credentials:
            self._credentials[key] = prepared(server, self.settings(server, place))
        return self._credentials[key].get(needs, [])

    def _server(self, place: Place) -> StoreServer | None:
        kind = place.server
        if kind is not None and kind not in self.servers:
            self.servers[kind] = self._stack.enter_context(kind())
        return None if kind is None else self.servers[kind]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._stack.close()


def _key(server: Server, place: Place) -> str:
    """What projects with the same database have in common."""
    return json.dumps([server.prepare, server.settings, server.environment, place.name])


def _sqlite(server: None, path: str) -> Settings:
    options = {"timeout": 20, "transaction_mode": "IMMEDIATE"}
    return _database("sqlite3", NAME=f"{path}.sqlite3", OPTIONS=options)


def _postgresql(server: PostgreSQLServer, path: str) -> Settings:
    name = _name(path)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return _database("postgresql", HOST="127.0.0.1", PORT=server.port, USER="postgres", NAME=name)


def _mariadb(server: MariaDBServer, path: str) -> Settings:
    import MySQLdb  # Not everybody has it.

    name = _name(path)
    connection = MySQLdb.connect(host="127.0.0.1", port=server.port, user="root")
    connection.cursor().execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    connection.close()
    return _database("mysql", HOST="127.0.0.1", PORT=server.port, USER="root", NAME=name)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _database(engine: str, **configuration: Any) -> Settings:
    whole = {"ENGINE": f"django.db.backends.{engine}", "CONN_MAX_AGE": None, **configuration}
    return {"DATABASES": {"default": whole}}


def _redis(server: RedisServer, path: str) -> Settings:
    return _cache(server, path) | _sessions_in("redis.RedisStore")


def _mongodb(server: MongoDBServer, path: str) -> Settings:
    return _sqlite(None, path) | _sessions_in("mongodb.MongoDBStore", HOST=server.url, DATABASE=_name(path))


def _signed(server: None, path: str) -> Settings:
    return _sqlite(None, path) | _sessions_in("signed.SignedStore")


def _signed_with_cache(server: RedisServer, path: str) -> Settings:
    return _cache(server, path) | _sessions_in("signed.SignedStore", REVOCATION_CACHE="default")


def _memory(server: None, path: str) -> Settings:
    return _sqlite(None, path) | _sessions_in("memory.MemoryStore")


def _cache(server: RedisServer, path: str) -> Settings:
    timeouts = {"SOCKET_CONNECT_TIMEOUT": 5, "SOCKET_TIMEOUT": 5}
    cache = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": server.url, "OPTIONS": timeouts}
    return _sqlite(None, path) | {"CACHES": {"default": cache}}


def _sessions_in(backend: str, **options: Any) -> Settings:
    measured = {"BACKEND": f"toto_django.stores.{backend}", "OPTIONS": options}
    return {"TOTO": {"STORES": {"default": DATABASE, "measured": measured}, "SESSIONS": "measured"}}


SQLITE = Place("SQLite", _sqlite)
POSTGRESQL = Place("PostgreSQL", _postgresql, PostgreSQLServer)
REDIS = Place("Redis", _redis, RedisServer)
MEMORY = Place("memory", _memory)

PLACES = [
    SQLITE,
    POSTGRESQL,
    Place("MariaDB", _mariadb, MariaDBServer, "MySQLdb"),
    REDIS,
    Place("MongoDB", _mongodb, MongoDBServer),
    Place("signed", _signed),
    Place("signed, ended ones in Redis", _signed_with_cache, RedisServer),
    MEMORY,
]
