"""PostgreSQL goes away and returns while many clients call `manage.py toto`; its connections are counted."""

import signal
import time
from collections.abc import Callable, Iterator
from itertools import count
from threading import Event, Thread
from typing import Any, Self

import psycopg
import pytest

from tests.server.daemon import Operator, operator_in
from tests.servers.base import needs
from tests.servers.postgresql import PostgreSQLServer
from tests.store_processes.load import PUBLIC, Client, Load, Stores, migrate
from tests.test_store_failures import (
    assert_answers_are_right_or_unavailable,
    assert_everything_acknowledged_is_there,
    unavailable,
)

pytestmark = [pytest.mark.server, *needs(PostgreSQLServer)]

PROCESSES, THREADS = 2, 3
COPIES = 6
"""Of the clients of a load, each with a connection."""
AWAY = 1.5
"""Seconds without the database."""
RECOVERY = 5.0
BOUND = 5.0
"""Seconds that a call may take at most: twice the `connect_timeout`, and some more on a busy machine."""
NAME = "toto"
"""The `application_name` of the connections that are counted."""

_numbers = count()


class Counting:
    """Counts the server's connections, again and again while it is there."""

    def __init__(self, server: PostgreSQLServer) -> None:
        self.url = server.url
        self.counts: list[int] = []
        self._is_over = Event()
        self._thread = Thread(target=self._keep_counting)

    def _keep_counting(self) -> None:
        while not self._is_over.wait(0.02):
            try:
                with psycopg.connect(self.url, autocommit=True, connect_timeout=2) as connection:
                    while not self._is_over.wait(0.02):
                        self.counts.append(self._counted(connection))
            except psycopg.OperationalError:
                continue

    def _counted(self, connection: Any) -> int:
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        return int(connection.execute(query, [NAME]).fetchone()[0])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._thread.join()


class Served:
    """What a load needs to know."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.port = operator.port

    def said(self) -> str:
        return self.operator.log


@pytest.fixture(scope="module")
def database() -> Iterator[PostgreSQLServer]:
    with PostgreSQLServer() as server:
        yield server


@pytest.fixture(scope="module")
def served(database: PostgreSQLServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two processes at one port, over a database of their own."""
    configuration = {
        "ENGINE": "django.db.backends.postgresql",
        **{"NAME": "postgres", "USER": "postgres", "HOST": database.host, "PORT": str(database.port)},
        **{"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True},
        "OPTIONS": {"connect_timeout": 2, "application_name": NAME},
    }
    modules = ["tests.store_processes.methods", "tests.server.methods"]
    stores = Stores({"METHOD_MODULES": modules, "THREADS": THREADS}, {"default": configuration}, {})
    migrate(stores)
    with operator_in(tmp_path_factory.mktemp("outages"), {}) as operator:
        operator.environment |= stores.variables
        operator.begin(f"--processes={PROCESSES}", "--shared-port")
        yield Served(operator)


def restarted(server: PostgreSQLServer) -> None:
    """As an operator does it: whoever is connected is told."""
    assert server.process is not None
    server.process.send_signal(signal.SIGINT)
    server.process.wait(20)
    time.sleep(AWAY)
    server.start()


def crashed(server: PostgreSQLServer) -> None:
    server.stop()
    time.sleep(AWAY)
    server.start()


@pytest.mark.parametrize("goes_and_returns", [restarted, crashed])
def test_database_that_returns_was_an_outage_and_no_more(
    served: Served, database: PostgreSQLServer, goes_and_returns: Callable[[PostgreSQLServer], None]
) -> None:
    load = Load(served, f"load-{next(_numbers)}", COPIES)
    with Counting(database) as counting:
        with load:
            load.until_all_succeed()
            goes_and_returns(database)
            load.until_all_succeed(RECOVERY)
        assert THREADS <= max(counting.counts) <= PROCESSES * THREADS
    assert_answers_are_right_or_unavailable(load, within=BOUND)
    assert unavailable(load) == {name for name in load.clients if not name.startswith(PUBLIC)}
    assert_everything_acknowledged_is_there(load)
    assert served.operator.serving


def test_asynchronous_orm_has_as_many_connections_again(served: Served, database: PostgreSQLServer) -> None:
    """In the threads that calls share, beside those of plain methods."""
    is_over = Event()
    failed: list[Any] = []

    def keep_calling(name: str) -> None:
        client = Client(served.port)
        while not is_over.is_set():
            attempt = client.call(name)
            if not attempt.has_succeeded:
                failed.append(attempt)
        client.close()

    names = ["server.accounts", "server.aaccounts"] * 12
    threads = [Thread(target=keep_calling, args=[name]) for name in names]
    with Counting(database) as counting:
        for thread in threads:
            thread.start()
        time.sleep(3)
        is_over.set()
        for thread in threads:
            thread.join()
    assert failed == []
    assert PROCESSES * THREADS <= max(counting.counts) <= 2 * PROCESSES * THREADS
