"""Where the soaked service keeps its things: databases of its own in PostgreSQL and Redis, and their ends.

A server that runs already is used; else one is started, else there is something lesser.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from redis import Redis, RedisError

from tests.servers.postgresql import PostgreSQLServer
from tests.servers.redis import RedisServer

__all__ = ["POSTGRESQL", "REDIS", "Backends", "backends"]

POSTGRESQL = "postgresql://postgres@127.0.0.1:5432/postgres"
REDIS = "redis://127.0.0.1:6379"
LAST_REDIS_DATABASE = 15
OWNER = "soak:owner"
PATIENCE = 5
REDIS_CONNECTIONS = 16


@dataclass
class Backends:
    """``settings`` are Django's. The others are to look at the servers; "" where there is none."""

    settings: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    postgresql: str = ""
    database: str = ""
    redis: str = ""

    @property
    def has_shared_events(self) -> bool:
        """Several processes hear of each other's events."""
        return bool(self.redis)


@contextmanager
def backends(folder: str, postgresql: str = POSTGRESQL, redis: str = REDIS) -> Iterator[Backends]:
    """Made, and dropped in the end."""
    made = Backends()
    with ExitStack() as stack:
        _make_database(made, stack, folder, postgresql)
        _make_cache(made, stack, folder, redis)
        yield made


def _make_database(made: Backends, stack: ExitStack, folder: str, url: str) -> None:
    try:
        psycopg.connect(url, connect_timeout=PATIENCE).close()
    except psycopg.OperationalError:
        if not PostgreSQLServer.is_available():
            made.notes.append(f"PostgreSQL does not answer, and {PostgreSQLServer.reason()}: SQLite.")
            options = {"timeout": 20, "transaction_mode": "IMMEDIATE"}
            made.settings["DATABASES"] = _databases("sqlite3", NAME=f"{folder}/soak.sqlite3", OPTIONS=options)
            return
        url = stack.enter_context(PostgreSQLServer()).url
        made.notes.append("PostgreSQL was started for this.")
    made.postgresql, made.database = url, f"toto_soak_{os.getpid()}"
    stack.callback(_execute, url, f"DROP DATABASE IF EXISTS {made.database} WITH (FORCE)")
    _execute(url, f"CREATE DATABASE {made.database}")
    given = conninfo_to_dict(url)
    known = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    names = {name: str(given[key]) for key, name in known.items() if given.get(key)}
    options = {"connect_timeout": PATIENCE}
    made.settings["DATABASES"] = _databases("postgresql", NAME=made.database, OPTIONS=options, **names)


def _databases(engine: str, **configuration: Any) -> dict[str, Any]:
    kept = {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    return {"default": {"ENGINE": f"django.db.backends.{engine}", **kept, **configuration}}


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True, connect_timeout=PATIENCE) as connection:
        connection.execute(statement)  # type: ignore[call-overload]


def _make_cache(made: Backends, stack: ExitStack, folder: str, url: str) -> None:
    try:
        number = _claimed(url)
    except RedisError:
        if not RedisServer.is_available():
            made.notes.append(
                f"Redis does not answer, and {RedisServer.reason()}: one process, cached in files."
            )
            cache = {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": folder}
            made.settings["CACHES"] = {"default": cache}
            return
        url = stack.enter_context(RedisServer()).url.removesuffix("/0")
        number = _claimed(url)
        made.notes.append("Redis was started for this.")
    made.redis = f"{url}/{number}"
    stack.callback(_empty, made.redis)
    options = {
        "SOCKET_CONNECT_TIMEOUT": PATIENCE,
        "SOCKET_TIMEOUT": PATIENCE,
        # So few that all are there before figures are compared.
        "CONNECTION_POOL_KWARGS": {"max_connections": REDIS_CONNECTIONS},
    }
    cache = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": made.redis, "OPTIONS": options}
    made.settings["CACHES"] = {"default": cache}
    hosts = [{"address": made.redis, "socket_timeout": None}]
    config = {"hosts": hosts, "capacity": 10_000, "group_expiry": 300}
    layer = {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": config}
    made.settings["CHANNEL_LAYERS"] = {"default": layer}


def _claimed(url: str) -> int:
    """The number of a database that was empty, and is not any more. Raises RedisError."""
    for number in range(LAST_REDIS_DATABASE, 0, -1):
        with Redis.from_url(f"{url}/{number}", socket_timeout=PATIENCE) as client:
            if client.dbsize() == 0 and client.set(OWNER, os.getpid(), nx=True):
                return number
    raise RedisError("No database is empty.")


def _empty(url: str) -> None:
    with Redis.from_url(url, socket_timeout=PATIENCE) as client:
        client.flushdb()
