"""Each server keeps its port and its data over a power cut, hangs when told, and leaves nothing behind."""

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg
import pytest
from pymongo import MongoClient, WriteConcern
from redis import Redis

from tests.servers.base import Server, needs
from tests.servers.mariadb import MariaDBServer
from tests.servers.mongodb import MongoDBServer
from tests.servers.postgresql import PostgreSQLServer
from tests.servers.redis import RedisServer

Use = Callable[[Server], Any]


def set_in_redis(server: Server) -> None:
    with Redis.from_url(server.url) as client:
        client.set("kept", "é")


def get_from_redis(server: Server) -> Any:
    with Redis.from_url(server.url) as client:
        value = client.get("kept")
        return value and value.decode()


def set_in_mongodb(server: Server) -> None:
    with MongoClient[dict[str, Any]](server.url) as client:
        documents = client.get_database("kept", write_concern=WriteConcern(j=True))["documents"]
        documents.insert_one({"value": "é"})


def get_from_mongodb(server: Server) -> Any:
    with MongoClient[dict[str, Any]](server.url) as client:
        document = client["kept"]["documents"].find_one()
        return document and document["value"]


def set_in_postgresql(server: Server) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'é'::text AS value")


def get_from_postgresql(server: Server) -> Any:
    with psycopg.connect(server.url) as connection:
        row = connection.execute("SELECT value FROM kept").fetchone()
        return row and row[0]


def query_mariadb(server: Server, *statements: str) -> Any:
    mysql = pytest.importorskip("MySQLdb", reason="mysqlclient is missing (the extra mysql)")
    with closing(
        mysql.connect(host="127.0.0.1", port=server.port, user="root", charset="utf8mb4")
    ) as connection:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        connection.commit()
        return cursor.fetchone()


def set_in_mariadb(server: Server) -> None:
    query_mariadb(server, "CREATE DATABASE kept", "CREATE TABLE kept.kept AS SELECT 'é' AS value")


def get_from_mariadb(server: Server) -> Any:
    return query_mariadb(server, "SELECT value FROM kept.kept")[0]


REDIS = set_in_redis, get_from_redis
MONGODB = set_in_mongodb, get_from_mongodb
SERVERS = [
    pytest.param(lambda: RedisServer(persistent=True), *REDIS, id="redis", marks=needs(RedisServer)),
    pytest.param(
        lambda: RedisServer(persistent=True, fsync="always"),
        *REDIS,
        id="redis-always",
        marks=needs(RedisServer),
    ),
    pytest.param(MongoDBServer, *MONGODB, id="mongodb", marks=needs(MongoDBServer)),
    pytest.param(
        lambda: MongoDBServer(replica_set=False),
        *MONGODB,
        id="mongodb-standalone",
        marks=needs(MongoDBServer),
    ),
    pytest.param(
        PostgreSQLServer,
        set_in_postgresql,
        get_from_postgresql,
        id="postgresql",
        marks=needs(PostgreSQLServer),
    ),
    pytest.param(MariaDBServer, set_in_mariadb, get_from_mariadb, id="mariadb", marks=needs(MariaDBServer)),
]


@pytest.mark.parametrize(("make", "write", "read"), SERVERS)
def test_data_and_port_outlive_a_power_cut(make: Callable[[], Server], write: Use, read: Use) -> None:
    with make() as server:
        port, directory = server.port, server.directory
        write(server)
        server.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        server.start()
        assert (read(server), server.port) == ("é", port)
    assert not directory.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


@pytest.mark.parametrize(("make", "write", "read"), SERVERS)
def test_paused_server_goes_on_where_it_was(make: Callable[[], Server], write: Use, read: Use) -> None:
    with make() as server, ThreadPoolExecutor() as threads:
        write(server)
        server.pause()
        reading = threads.submit(read, server)
        with pytest.raises(TimeoutError):
            reading.result(0.5)
        server.resume()
        assert reading.result(10) == "é"
        server.pause()


def test_missing_server_is_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOTO_TEST_MONGOD", "/nowhere/mongod")
    assert not MongoDBServer.is_available()
    service, skip = needs(MongoDBServer)
    assert service.name == "service"
    assert skip.args == (True,)
    assert "TOTO_TEST_MONGOD" in skip.kwargs["reason"]


def test_server_that_ends_at_once_is_an_error_with_its_last_words() -> None:
    class Failing(RedisServer):
        def _command(self) -> Sequence[str]:
            return "sh", "-c", "echo no such luck >&2; exit 1"

    with pytest.raises(ConnectionError, match="no such luck"):
        Failing()
