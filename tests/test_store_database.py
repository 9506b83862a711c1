"""The database store."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.db import InterfaceError, OperationalError, connection, connections, transaction
from django.test import AsyncClient, Client

from tests.calls import PASSWORD
from tests.realtime import PATIENCE
from tests.store_contract import StoreContract
from toto_django import accounts, sessions
from toto_django.exceptions import Unavailable, UserNotFound
from toto_django.models import Session
from toto_django.signing import sign
from toto_django.stores import AccountRecord, SessionRecord
from toto_django.stores.database import DatabaseStore

AssertNumQueries = Callable[[int], Any]


@pytest.mark.django_db(transaction=True)
class TestDatabaseStore(StoreContract):
    backend = "toto_django.stores.database.DatabaseStore"


pytestmark = pytest.mark.django_db


@pytest.fixture
def store() -> DatabaseStore:
    return DatabaseStore("default", {})


def everything_at_rest() -> str:
    """All rows of all tables, as text."""
    with connection.cursor() as cursor:
        tables = [model._meta.db_table for model in apps.get_models()]
        rows = []
        for table in tables:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            rows += cursor.fetchall()
    return repr([[bytes(cell) if isinstance(cell, memoryview) else cell for cell in row] for row in rows])


def test_session_id_is_nowhere_in_the_database(store: DatabaseStore) -> None:
    record = store.create_session("ann", time.time() + 1000, b"state at rest")
    store.renew_session(store.swap_state(record, b"swapped state at rest"), time.time() + 2000)
    at_rest = everything_at_rest()
    assert "swapped state at rest" in at_rest
    assert record.session_id not in at_rest


# Queries


def test_load_of_a_session_is_one_select(
    store: DatabaseStore, django_assert_num_queries: AssertNumQueries
) -> None:
    record = store.create_session("ann", time.time() + 1000)
    with django_assert_num_queries(1) as queries:
        assert store.load_session(record.session_id) == record
    assert queries.captured_queries[0]["sql"].startswith("SELECT")


def test_load_of_a_hundred_sessions_is_one_query(
    store: DatabaseStore, django_assert_num_queries: AssertNumQueries
) -> None:
    ids = [store.create_session("ann", time.time() + 1000).session_id for _ in range(100)]
    with django_assert_num_queries(1):
        assert set(store.load_sessions(ids)) == set(ids)


@pytest.mark.parametrize(
    ("call", "value"),
    [("swap_state", b"new"), ("renew_session", time.time() + 5000)],
    ids=["swap", "renewal"],
)
def test_change_of_a_session_is_one_update(
    store: DatabaseStore, django_assert_num_queries: AssertNumQueries, call: str, value: Any
) -> None:
    record = store.create_session("ann", time.time() + 1000)
    with django_assert_num_queries(1) as queries:
        getattr(store, call)(record, value)
    assert queries.captured_queries[0]["sql"].startswith("UPDATE")


def login() -> str:
    """A session id of a new account ann."""
    accounts.create_account("ann", "secret")
    return sessions.create_session("ann").session_id


def read(session_id: str) -> dict[str, Any]:
    """A request for auth.required and its headers, as arguments of a test client's ``post``."""
    body = json.dumps({"method": "auth.required", "parameters": {}})
    headers = {"x-toto-session-id": session_id, "x-toto-hmac": sign("ann", body.encode()).decode()}
    return {"path": "/", "data": body, "content_type": "application/json", "headers": headers}


def test_authenticated_read_through_the_view_is_one_query(
    client: Client, django_assert_num_queries: AssertNumQueries
) -> None:
    request = read(login())
    with django_assert_num_queries(1) as queries:
        answer = client.post(**request).json()
    assert answer["result"]["user_id"] == "ann"
    assert queries.captured_queries[0]["sql"].startswith("SELECT")


def test_call_of_a_public_method_is_no_query(
    client: Client, django_assert_num_queries: AssertNumQueries
) -> None:
    request = {**read(login()), "path": "/echo"}
    with django_assert_num_queries(0):
        assert "result" in client.post(**request).json()


# A database that does not answer


@contextmanager
def failing(error: Exception) -> Iterator[None]:
    def fail(*args: Any) -> Any:
        raise error

    with connection.execute_wrapper(fail):
        yield


RECORD = SessionRecord("x" * 22, "ann", time.time() + 1000, b"", 0)
CALLS: list[tuple[Any, ...]] = [
    ("ping",),
    ("create_accounts", [AccountRecord("ann", "hash", True, {})]),
    ("adopt_sessions", [RECORD]),
    ("create_account", "ann", "hash", {}),
    ("get_account", "ann"),
    ("get_settled_account", "ann"),
    ("get_user", "ann"),
    ("set_password", "ann", "hash"),
    ("change_properties", "ann", {"a": 1}, []),
    ("delete_account", "ann"),
    ("create_session", "ann", time.time() + 1000),
    ("load_sessions", ["x" * 22]),
    ("load_session", "x" * 22),
    ("swap_state", RECORD, b"new"),
    ("renew_session", RECORD, time.time() + 2000),
    ("delete_session", "x" * 22),
    ("delete_sessions_of", "ann"),
    ("count_sessions_of", "ann"),
    ("clear_expired_sessions",),
]


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize(("name", "arguments"), [(name, rest) for name, *rest in CALLS])
def test_failing_database_is_unavailable(
    store: DatabaseStore, name: str, arguments: list[Any], error: type[Exception]
) -> None:
    with failing(error("gone away")), pytest.raises(Unavailable):
        getattr(store, name)(*arguments)


def test_every_method_is_tried_on_a_failing_database() -> None:
    public = {name for name in vars(DatabaseStore) if not name.startswith("_")}
    assert public - {"db", "uses_account_model"} <= {name for name, *_ in CALLS}


def test_failing_database_answers_1104_and_not_unauthorized(client: Client) -> None:
    request = read(login())
    with failing(OperationalError("gone away")):
        answer = client.post(**request)
    assert (answer.status_code, answer.json()["error"]["code"]) == (200, 1104)
    assert client.post(**request).json()["result"]["user_id"] == "ann"


def test_failing_database_answers_1104_on_an_event_loop(async_client: AsyncClient) -> None:
    request = read(login())
    with failing(OperationalError("gone away")):
        answer = async_to_sync(async_client.post)(**request)
    assert (answer.status_code, answer.json()["error"]["code"]) == (200, 1104)


@pytest.mark.parametrize("method", ["account.login", "account.create"])
def test_failing_database_answers_1104_and_not_unknown_user(client: Client, method: str) -> None:
    accounts.create_account("ann", "secret")
    body = {"method": method, "parameters": {"user_id": "ann", "password": "secret"}}
    with failing(OperationalError("gone away")):
        answer = client.post("/", body, content_type="application/json")
    assert answer.json()["error"]["code"] == 1104


@pytest.mark.django_db(transaction=True)
def test_login_during_a_change_of_the_password_has_no_session_afterwards(settings: Any) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("the tests' SQLite is in memory, for one connection")
    accounts.create_account("anna", PASSWORD)
    asked, changed = threading.Event(), threading.Event()

    def login() -> Any:
        try:
            account = accounts.verified_account("anna", PASSWORD)
            asked.set()
            assert changed.wait(PATIENCE)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sessions, "verified_account", lambda *arguments: account)
                return sessions.login("anna", PASSWORD)
        except UserNotFound as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(login)
        assert asked.wait(PATIENCE)
        with transaction.atomic():
            accounts.set_password("anna", "another long one")
            changed.set()
            with pytest.raises(TimeoutError):
                pending.result(0.5)
        assert isinstance(pending.result(PATIENCE), UserNotFound)
    assert Session.objects.count() == 0
