"""MySQL and PostgreSQL: tables ``account`` and ``session``, through Django's own backends."""

import contextlib
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler

from toto_django.importing.address import Address
from toto_django.importing.base import Selection, Source, SourceAccount, SourceError, SourceSession

__all__ = ["SQLSource"]

Row = tuple[Any, ...]
KNOWN = ("account_id", "user_id", "password")
DRIVERS = {"mysql": "mysqlclient", "postgresql": "psycopg"}
ALIAS = "toto_import"
PATIENCE = 10
"""Seconds for connecting."""


class SQLSource(Source):
    """Reads page by page in the order of the primary key, each page in a read-only transaction."""

    def __init__(self, address: Address, selection: Selection) -> None:
        self.address = address
        self.selection = selection
        self.connection = _connection(address)
        try:
            self.columns = self._columns()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        with contextlib.suppress(Error):
            self.connection.close()

    def count_accounts(self) -> int:
        return self._count("account")

    def count_sessions(self) -> int:
        return self._count("session")

    def accounts(self, size: int) -> Iterator[list[SourceAccount]]:
        columns = ", ".join(map(self._name, (*KNOWN, *self.columns)))
        select = _select(columns, self._name("account"))
        for page in self._pages(select, self._name("account_id"), size):
            yield [
                SourceAccount(user_id, password, dict(zip(self.columns, fields, strict=True)))
                for _, user_id, password, *fields in page
            ]

    def sessions(self, size: int) -> Iterator[list[SourceSession]]:
        account, session = self._name("account"), self._name("session")
        select = _select(
            "s.session_id, s.account_id, a.user_id, s.expires, s.state",
            f"{session} s LEFT JOIN {account} a ON a.account_id = s.account_id",
        )
        for page in self._pages(select, "s.session_id", size):
            yield [_session(*row) for row in page]

    def _count(self, table: str) -> int:
        return int(self._fetch(_select("COUNT(*)", self._name(table)))[0][0])

    def _columns(self) -> list[str]:
        """The columns that become properties."""
        there = self._described(f"{_select('*', self._name('account'))} LIMIT 0")
        missing = sorted({*KNOWN, *(self.selection.only or ())} - set(there))
        if missing:
            raise SourceError(f"The table account has no column {', '.join(missing)}.")
        return [name for name in there if name in self.selection and name not in KNOWN]

    def _pages(self, select: str, key: str, size: int) -> Iterator[list[Row]]:
        """Pages overlap by their last row: to a collation several keys may be equal."""
        last: tuple[Any, ...] = ()
        seen: set[Any] = set()
        while True:
            start = f"{select.replace('%', '%%')} WHERE {key} >= %s" if last else select
            rows = self._fetch(f"{start} ORDER BY {key} LIMIT {size + len(last)}", last)
            new = [row for row in rows if row[0] not in seen]
            if not new:
                return
            yield new
            seen = {row[0] for row in rows}
            last = (rows[-1][0],)

    def _described(self, sql: str) -> list[str]:
        with self._asking() as cursor:
            cursor.execute(sql)
            return [column[0] for column in cursor.description]

    def _fetch(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Row]:
        with self._asking() as cursor:
            cursor.execute(sql, parameters or None)
            return [tuple(map(_plain, row)) for row in cursor.fetchall()]

    @contextlib.contextmanager
    def _asking(self) -> Iterator[Any]:
        """A cursor in a read-only transaction. Raises SourceError."""
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("START TRANSACTION READ ONLY")
                yield cursor
                cursor.execute("ROLLBACK")
        except Error as error:
            self.close()
            raise SourceError(self.address.hidden(" ".join(str(error).split()))) from None

    def _name(self, name: str) -> str:
        return self.connection.ops.quote_name(name)


def _select(columns: str, tables: str) -> str:
    return f"SELECT {columns} FROM {tables}"  # noqa: S608 (quoted names; values are parameters)


def _connection(address: Address) -> BaseDatabaseWrapper:
    """A connection that DATABASES knows nothing of."""
    configuration: dict[str, Any] = {
        "ENGINE": f"django.db.backends.{address.kind}",
        "NAME": address.database,
        "USER": address.user,
        "PASSWORD": address.password,
        "HOST": address.host,
        "PORT": address.port or "",
        "OPTIONS": {"connect_timeout": PATIENCE, **dict(address.options)},
    }
    if address.kind == "mysql":
        configuration["OPTIONS"].setdefault("charset", "utf8mb4")
    try:
        connection = ConnectionHandler({"default": {}, ALIAS: configuration})[ALIAS]
    except ImproperlyConfigured:
        raise SourceError(
            f"Reading {address.kind} needs {DRIVERS[address.kind]}: "
            f"python -m pip install 'toto-django[{address.kind}]'"
        ) from None
    # The original's server may be older than what Django supports; plain SELECTs do not mind.
    connection.check_database_version_supported = lambda: None  # type: ignore[method-assign]
    return connection


def _session(session_id: Any, account_id: Any, user_id: Any, expires: Any, state: Any) -> SourceSession:
    orphan = account_id is not None and user_id is None
    problem = "its account is not in the source" if orphan else ""
    return SourceSession(session_id, user_id, expires, state, problem)


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
