"""The MongoDB store."""

import asyncio
import gc
import time
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pymongo import MongoClient

from tests.store_contract import StoreContract, past, soon
from toto_django.exceptions import TooLarge, Unavailable
from toto_django.stores import Gone
from toto_django.stores.mongodb import MongoDBStore

pytestmark = pytest.mark.service

NOBODY = "mongodb://127.0.0.1:9/"


@pytest.fixture(scope="module")
def server(mongodb_url: str) -> Iterator[MongoClient[Any]]:
    with MongoClient(mongodb_url) as client:
        yield client


@pytest.fixture(autouse=True)
def database(server: MongoClient[Any], isolation: str) -> Any:
    """The test's, without documents and indexes of its own."""
    database = server[isolation]
    for name in ("accounts", "sessions"):
        database[name].delete_many({})
        database[name].drop_indexes()
    return database


@pytest.fixture
def options(mongodb_url: str, isolation: str) -> Mapping[str, Any]:
    return {"HOST": mongodb_url, "DATABASE": isolation}


@pytest.fixture
def store(options: Mapping[str, Any]) -> Iterator[MongoDBStore]:
    store = MongoDBStore("default", options)
    yield store
    store.close()


class TestMongoDBStore(StoreContract):
    backend = "toto_django.stores.mongodb.MongoDBStore"

    @pytest.fixture(autouse=True)
    def place(self, options: Mapping[str, Any]) -> None:
        self.options = options


# Documents


def test_session_is_kept_under_its_hash(store: MongoDBStore) -> None:
    record = store.create_session("ann", soon())
    assert record.session_id not in repr(store.db.sessions.find_one())


def test_properties_can_be_queried(store: MongoDBStore) -> None:
    store.create_account("ann", "hash", {"email": "ann@example.com", "age": 41, "a.b": 1, "list": [1]})
    [found] = store.db.accounts.find({"properties.email": "ann@example.com", "properties.age": {"$gt": 40}})
    assert found["_id"] == "ann"
    assert found["properties"]["list"] == {"json": "[1]"}


def test_change_without_changes_finds_the_account(store: MongoDBStore) -> None:
    store.create_account("ann", "hash", {})
    assert store.change_properties("ann", {}, []) is True
    assert store.change_properties("bob", {}, []) is False


def test_property_both_changed_and_removed_is_removed(store: MongoDBStore) -> None:
    store.create_account("ann", "hash", {"a": 1})
    assert store.change_properties("ann", {"a": 2, "b": 3}, ["a"]) is True
    assert store.get_account("ann").properties == {"b": 3}  # type: ignore[union-attr]


def test_state_above_the_limit_of_documents_is_too_large(store: MongoDBStore) -> None:
    record = store.create_session("ann", soon())
    with pytest.raises(TooLarge):
        store.swap_state(record, bytes(17 * 1024 * 1024))
    assert store.load_session(record.session_id) == record


# Indexes


def test_indexes_are_missed_created_and_used(store: MongoDBStore) -> None:
    store.create_session("ann", soon())
    [warning] = store.check_server()
    assert (warning.id, "user_id, expires_at" in warning.msg) == ("toto_django.W032", True)
    assert store.prepare() == ["index of sessions by user_id", "index of sessions by expires_at"]
    assert (store.prepare(), store.check_server()) == ([], [])
    plan = store.db.sessions.find({"user_id": "ann"}).explain()["queryPlanner"]["winningPlan"]
    assert plan["inputStage"]["stage"] == "IXSCAN"


def test_mongodb_removes_expired_sessions_and_reads_do_not_wait_for_it(store: MongoDBStore) -> None:
    store.prepare()
    live, ended = store.create_session("ann", soon()), store.create_session("ann", past())
    assert store.load_sessions([live.session_id, ended.session_id]) == {live.session_id: live}
    until = time.monotonic() + 90
    while store.db.sessions.count_documents({}) > 1:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert store.load_session(live.session_id) == live


def test_renewed_session_is_not_removed_by_mongodb(store: MongoDBStore) -> None:
    record = store.create_session("ann", time.time() + 1)
    renewed = store.renew_session(record, soon())
    [document] = store.db.sessions.find()
    assert document["expires_at"].timestamp() == pytest.approx(renewed.expires, abs=0.002)


# Options and servers


@pytest.mark.parametrize("options", [{"URL": NOBODY}, {"HOST": NOBODY, "database": "toto"}])
def test_unknown_options_are_refused(options: Any) -> None:
    with pytest.raises(ImproperlyConfigured):
        MongoDBStore("default", options)


def test_server_that_is_not_there_is_unavailable_in_bounded_time() -> None:
    store = MongoDBStore("default", {"HOST": NOBODY, "CLIENT": {"timeoutMS": 200}})

    async def asked() -> float:
        begun = time.monotonic()
        with pytest.raises(Unavailable):
            await store.aload_session("x" * 22)
        return time.monotonic() - begun

    begun = time.monotonic()
    with pytest.raises(Unavailable):
        store.load_session("x" * 22)
    [warning] = store.check_server()
    assert warning.id == "toto_django.W031"
    assert time.monotonic() - begun < 2
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        # A connection that pymongo is making while its client is closed keeps its socket open.
        assert asyncio.run(asked()) < 2
        gc.collect()
    store.close()


def test_writes_wait_for_a_majority_and_reads_ask_the_primary(mongodb_url: str, isolation: str) -> None:
    host = f"{mongodb_url}&readPreference=secondaryPreferred&w=1"
    store = MongoDBStore("default", {"HOST": host, "DATABASE": isolation})
    assert store.db.write_concern.document == {"w": "majority"}
    assert store.db.read_preference.name == "Primary"
    store.close()


def test_store_is_used_again_after_it_was_closed(store: MongoDBStore) -> None:
    record = store.create_session("ann", soon())
    store.close()
    store.delete_session(record.session_id)
    with pytest.raises(Gone):
        store.swap_state(record, b"")


def test_threads_share_one_client(store: MongoDBStore) -> None:
    barrier = Barrier(8)

    def client() -> Any:
        barrier.wait()
        return store.client.client

    with ThreadPoolExecutor(8) as threads:
        made = [threads.submit(client) for _ in range(8)]
    assert len({id(each.result()) for each in made}) == 1
