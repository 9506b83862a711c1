"""The memory store."""

import sys
import time
from collections.abc import Iterator
from threading import Event, Thread

import pytest

from tests.store_contract import StoreContract
from toto_django.stores import Gone, SessionRecord
from toto_django.stores.memory import MemoryStore

ROUNDS = 40


class TestMemoryStore(StoreContract):
    backend = "toto_django.stores.memory.MemoryStore"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore("default", {})


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads take turns so often that they meet in the middle of what is not locked."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def swap_until_gone(store: MemoryStore, record: SessionRecord, begun: Event) -> None:
    try:
        for _ in range(200):
            record = store.swap_state(record, b"state")
            begun.set()
    except Gone:
        return


@pytest.mark.usefixtures("hasty_threads")
def test_session_deleted_during_swaps_stays_deleted(store: MemoryStore) -> None:
    for _ in range(ROUNDS):
        record, begun = store.create_session("ann", time.time() + 1000), Event()
        swapping = Thread(target=swap_until_gone, args=(store, record, begun))
        swapping.start()
        assert begun.wait(10)
        store.delete_session(record.session_id)
        swapping.join()
        assert store.load_session(record.session_id) is None


def change_until_gone(store: MemoryStore, begun: Event) -> None:
    for number in range(200):
        if not store.change_properties("ann", {"number": number}, []):
            return
        begun.set()


@pytest.mark.usefixtures("hasty_threads")
def test_account_deleted_during_changes_stays_deleted(store: MemoryStore) -> None:
    for _ in range(ROUNDS):
        begun = Event()
        store.create_account("ann", "hash", {})
        changing = Thread(target=change_until_gone, args=(store, begun))
        changing.start()
        assert begun.wait(10)
        assert store.delete_account("ann")
        changing.join()
        assert store.get_account("ann") is None


@pytest.mark.usefixtures("hasty_threads")
def test_sessions_are_created_while_others_are_cleared(store: MemoryStore) -> None:
    live = [store.create_session("ann", time.time() + 1000) for _ in range(2000)]

    def create() -> None:
        for _ in range(2000):
            store.create_session("ann", time.time() - 1)

    creating = [Thread(target=create) for _ in range(2)]
    for thread in creating:
        thread.start()
    try:
        while any(thread.is_alive() for thread in creating):
            store.clear_expired_sessions()
    finally:
        for thread in creating:
            thread.join()
    store.clear_expired_sessions()
    assert store.load_sessions(record.session_id for record in live).keys() == {
        record.session_id for record in live
    }
    assert len(store.db["sessions"]) == len(live)
