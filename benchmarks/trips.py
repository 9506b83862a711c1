"""Trips to the stores' servers, as the servers count them.

A trip is a request to the server whose answer somebody waits for: a statement in SQL, a
command in Redis and MongoDB. SQLite has no server; its statements are counted where
Django runs them. What connections cost when they are made is not counted, nor what
MongoDB's clients ask in the background.
"""

import re
from collections.abc import Callable
from typing import Any

import psycopg
from pymongo import MongoClient
from redis import Redis

from tests.servers.base import Server
from tests.servers.mariadb import MariaDBServer
from tests.servers.mongodb import MongoDBServer
from tests.servers.postgresql import PostgreSQLServer
from tests.servers.redis import RedisServer

__all__ = ["Counter", "counter"]

STATEMENT = re.compile(rb"LOG:  (?:statement|execute [^:]*): ")
MONITORING = {"hello", "isMaster", "ismaster", "endSessions", "serverStatus"}

Counter = Callable[[], int]
"""How many trips there have been; the differences are what matters."""


def counter(server: Server) -> Counter:
    """One of this server's. Asking costs the same number of trips each time."""
    return _COUNTERS[type(server)](server)


def _postgresql(server: Server) -> Counter:
    """Lines of the log: the statistics views are late."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET log_statement = 'all'")
        connection.execute("SELECT pg_reload_conf()")
    return lambda: len(STATEMENT.findall((server.directory / "server.log").read_bytes()))


def _mariadb(server: Server) -> Counter:
    import MySQLdb  # Not everybody has it.

    def questions() -> int:
        connection = MySQLdb.connect(host="127.0.0.1", port=server.port, user="root")
        try:
            cursor = connection.cursor()
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Questions'")
            return int(cursor.fetchone()[1])
        finally:
            connection.close()

    return questions


def _redis(server: Server) -> Counter:
    def commands() -> int:
        with Redis.from_url(server.url) as client:
            return sum(each["calls"] for each in client.info("commandstats").values())

    return commands


def _mongodb(server: Server) -> Counter:
    def commands() -> int:
        with MongoClient[dict[str, Any]](server.url) as client:
            figures = client.admin.command("serverStatus")["metrics"]["commands"]
        counts = {name: each["total"] for name, each in figures.items() if isinstance(each, dict)}
        return sum(int(count) for name, count in counts.items() if name not in MONITORING)

    return commands


_COUNTERS: dict[type[Server], Callable[[Any], Counter]] = {
    PostgreSQLServer: _postgresql,
    MariaDBServer: _mariadb,
    RedisServer: _redis,
    MongoDBServer: _mongodb,
}
