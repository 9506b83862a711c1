"""Databases of the original, in its own layouts, filled without the package's help (docs/importing.md)."""

import contextlib
import json
import pickle
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql
from pymongo import MongoClient
from redis import Redis

from tests.closing import Closing
from tests.servers.redis import RedisServer

SECRET = "$p5k2$$abcdefgh$tlpT6hZWeZ69y8ig03L6ktCLDNiSJlk7"
"""The original's hash of the password "secret"."""


def pickled(value: Any) -> bytes:
    """As Python 2 wrote it, as far as plain values go."""
    return pickle.dumps(value, protocol=0)


class Original(Closing):
    """``url`` is what the command is given; the context manager drops the database."""

    kind: ClassVar[str]
    url: str

    def add_account(self, user_id: Any, password: Any = SECRET, **fields: Any) -> None:
        raise NotImplementedError

    def add_session(self, session_id: str, user_id: Any, expires: float, state: bytes | None = None) -> None:
        raise NotImplementedError

    def add_orphan(self, session_id: str, expires: float) -> None:
        """A session whose account is gone."""
        self.add_session(session_id, "nobody", expires)


class SQL(Original):
    """Tables ``account`` and ``session``; the applications' own columns are ``fields`` of `add_account`."""

    connection: Any

    def execute(self, statement: Any, parameters: Any = ()) -> list[Any]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return list(cursor.fetchall()) if cursor.description else []

    def add_account(self, user_id: Any, password: Any = SECRET, **fields: Any) -> None:
        values = {**self.new_key(), "user_id": user_id, "password": password, **fields}
        names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
        self.execute(f"INSERT INTO account ({names}) VALUES ({marks})", tuple(values.values()))

    def add_session(self, session_id: str, user_id: Any, expires: float, state: bytes | None = None) -> None:
        where = self.exactly("user_id")
        account_id = f"(SELECT account_id FROM account WHERE {where})"
        self.execute(
            f"INSERT INTO session (session_id, account_id, expires, state) VALUES (%s, {account_id}, %s, %s)",
            (session_id, user_id, expires, state),
        )

    def add_orphan(self, session_id: str, expires: float) -> None:
        self.add_account("short-lived")
        self.add_session(session_id, "short-lived", expires)
        self.execute("DELETE FROM account WHERE user_id = 'short-lived'")

    def new_key(self) -> dict[str, Any]:
        return {}

    def exactly(self, column: str) -> str:
        return f"{column} = %s"


class MySQL(SQL):
    """``key``: the type of ``account_id``; ``collation``: of the texts."""

    kind = "mysql"

    def __init__(self, name: str, key: str = "int", collation: str = "utf8mb4_bin") -> None:
        self.name = name
        self.key = key
        self.url = f"mysql://root@127.0.0.1:3306/{name}"
        driver = pytest.importorskip("MySQLdb", reason="mysqlclient is missing (the extra mysql)")
        self.connection = driver.connect(host="127.0.0.1", user="root", charset="utf8mb4", autocommit=True)
        self.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE {collation}")
        self.connection.select_db(name)
        key_type = "binary(16)" if key == "binary" else "int unsigned"
        increment = "" if key == "binary" else "auto_increment"
        self.execute(
            f"CREATE TABLE account (account_id {key_type} {increment} PRIMARY KEY, password char(48), "
            "user_id varchar(191) UNIQUE, nickname text, born date, seen datetime, height decimal(5,2), "
            "data blob)"
        )
        self.execute(
            f"CREATE TABLE session (session_id char(22) PRIMARY KEY, account_id {key_type}, expires double, "
            "state blob)"
        )

    def new_key(self) -> dict[str, Any]:
        return {"account_id": uuid.uuid4().bytes} if self.key == "binary" else {}

    def exactly(self, column: str) -> str:
        return f"BINARY {column} = BINARY %s"

    def close(self) -> None:
        self.execute(f"DROP DATABASE `{self.name}`")
        self.connection.close()


class PostgreSQL(SQL):
    """In a database of its own on the server at ``server``."""

    kind = "postgresql"

    def __init__(self, name: str, server: str = "postgresql://postgres@127.0.0.1:5432/postgres") -> None:
        self.name, self.server = name, server
        self.url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        self.connection = psycopg.connect(self.url, autocommit=True)
        self.execute(
            "CREATE TABLE account (account_id bigserial PRIMARY KEY, password char(48), "
            "user_id varchar(45) UNIQUE, nickname text, born date, seen timestamptz, height numeric, "
            "data bytea)"
        )
        self.execute(
            "CREATE TABLE session (session_id char(22) PRIMARY KEY, account_id bigint, "
            "expires double precision, state bytea)"
        )

    def close(self) -> None:
        self.connection.close()
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name)))


class MongoDB(Original):
    kind = "mongodb"

    def __init__(self, server: str, name: str) -> None:
        parts = urlsplit(server)
        self.url = urlunsplit(parts._replace(path=f"/{name}"))
        self.client: MongoClient[dict[str, Any]] = MongoClient(self.url, uuidRepresentation="standard")
        self.database = self.client[name]

    def add_account(self, user_id: Any, password: Any = SECRET, **fields: Any) -> None:
        self.database.accounts.insert_one({"user_id": user_id, "password": password, **fields})

    def add_session(self, session_id: str, user_id: Any, expires: float, state: bytes | None = None) -> None:
        kept: Mapping[str, Any] = {} if state is None else {"state": state}
        session = {"session_id": session_id, "user_id": user_id, "expires": expires, **kept}
        self.database.sessions.insert_one(session)

    def close(self) -> None:
        self.client.drop_database(self.database.name)
        self.client.close()


class RedisKeys(Original):
    kind = "redis"

    def __init__(self, server: RedisServer) -> None:
        self.url = server.url
        self.client = Redis.from_url(server.url)

    def add_account(self, user_id: Any, password: Any = SECRET, **fields: Any) -> None:
        stored = {"user_id": user_id, "password": password, **fields}
        self.client.hset(f"account:{user_id}", mapping={k: v for k, v in stored.items() if v is not None})

    def add_session(self, session_id: str, user_id: Any, expires: float, state: bytes | None = None) -> None:
        value = pickled({"user_id": user_id, "expires": expires, "session_id": session_id})
        if state is not None:
            # To Python 2 the inner pickle is a byte string.
            value = value[:-1] + f"S'state'\nS{repr(state)[1:]}\ns.".encode()
        self.client.set(f"session:{session_id}", value, ex=3600)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.client.flushdb()
        self.client.close()


class JSONFile(Original):
    kind = "json"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = str(path)
        self.stored: dict[str, Any] = {"account": {}, "session": {}}
        self._write()

    def add_account(self, user_id: Any, password: Any = SECRET, **fields: Any) -> None:
        account = {"user_id": user_id, "password": password, **fields, "properties": {}}
        self.stored["account"][user_id] = account
        self._write()

    def add_session(self, session_id: str, user_id: Any, expires: float, state: bytes | None = None) -> None:
        kept = {} if state is None else {"state": state.decode()}
        session = {"session_id": session_id, "user_id": user_id, "expires": expires, **kept}
        self.stored["session"][session_id] = session
        self._write()

    def _write(self) -> None:
        self.path.write_text(json.dumps(self.stored))

    def close(self) -> None:
        self.path.unlink()
