"""Look-ups that share a trip: what goes into which fetch, cancellation, errors, event loops, freshness."""

import asyncio
import gc
import random
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

import pytest
from django_redis import get_redis_connection
from pymongo import MongoClient

from toto_django.loops import PerLoop
from toto_django.stores import SessionRecord, Store
from toto_django.stores.coalescing import Coalescer
from toto_django.stores.database import DatabaseStore
from toto_django.stores.memory import MemoryStore
from toto_django.stores.mongodb import MongoDBStore
from toto_django.stores.redis import RedisStore

asking: ContextVar[str] = ContextVar("asking")


class Fetches:
    """A fetch that answers when it is told to; ``asked`` has the keys of each."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.answers: list[asyncio.Future[Mapping[str, str]]] = []

    async def __call__(self, keys: Iterable[str]) -> Mapping[str, str]:
        self.asked.append(list(keys))
        self.answers.append(asyncio.get_running_loop().create_future())
        return await self.answers[-1]

    async def succeed(self) -> None:
        """Let the fetch that is under way find each key's upper case, except of those that begin with "-"."""
        found = {key: key.upper() for key in self.asked[-1] if not key.startswith("-")}
        self.answers[-1].set_result(found)
        await settle()

    async def fail(self, error: Exception) -> None:
        self.answers[-1].set_exception(error)
        await settle()


async def settle() -> None:
    """Let every task go on until it waits for something."""
    for _ in range(20):
        await asyncio.sleep(0)


async def asked_for(coalescer: Coalescer[str], *keys: str) -> "list[asyncio.Task[str | None]]":
    """Look-ups that have begun."""
    tasks = [asyncio.create_task(coalescer.get(key)) for key in keys]
    await settle()
    return tasks


Scenario = Callable[[Fetches, Coalescer[str]], Coroutine[Any, Any, None]]


def played(scenario: Scenario, limit: int = 100) -> Fetches:
    fetches = Fetches()
    asyncio.run(scenario(fetches, Coalescer(fetches, limit)))
    return fetches


# What goes into which fetch


def test_lookups_of_the_same_moment_share_a_fetch() -> None:
    async def scenario(fetches: Fetches, coalescer: Coalescer[str]) -> None:
        tasks = await asked_for(coalescer, "a", "b", "-c")
        await fetches.succeed()
        assert await asyncio.gather(*tasks) == ["A", "B", None]

    assert played(scenario).asked == [["a", "b", "-c"]]


def test_lookups_during_a_fetch_share_the_next_one() -> None:
    async def scenario(fetches: Fetches, coalescer: Coalescer[str]) -> None:
        first = await asked_for(coalescer, "a")
        later = [*await asked_for(coalescer, "b"), *await asked_for(coalescer, "c", "d")]
        assert fetches.asked == [["a"]]
        await fetches.succeed()
        assert [task.done() for task in (*first, *later)] == [True, False, False, False]
        await fetches.succeed()
        assert await asyncio.gather(*first, *later) == ["A", "B", "C", "D"]

    assert played(scenario).asked == [["a"], ["b", "c", "d"]]


def test_key_asked_for_twice_is_fetched_once_and_again_if_its_fetch_had_begun() -> None:
    async def scenario(fetches: Fetches, coalescer: Coalescer[str]) -> None:
        tasks = await asked_for(coalescer, "a", "a", "b", "a")
        tasks += await asked_for(coalescer, "a", "a")
        await fetches.succeed()
        await fetches.succeed()
        assert await asyncio.gather(*tasks) == ["A", "A", "B", "A", "A", "A"]

    assert played(scenario).asked == [["a", "b"], ["a"]]


def test_nothing_is_kept_for_the_next_lookup() -> None:
    async def scenario(fetches: Fetches, coalescer: Coalescer[str]) -> None:
        for _ in range(3):
            [task] = await asked_for(coalescer, "a")
            await fetches.succeed()
            assert await task == "A"

    assert played(scenario).asked == [["a"], ["a"], ["a"]]


def test_fetch_is_bounded_and_the_order_of_arrival_kept() -> None:
    async def scenario(fetches: Fetches, coalescer: Coalescer[str]) -> None:
        tasks = await asked_for(coalescer, *"abcdefgh")
        for _ in range(3):
            await fetches.succeed()
        assert await asyncio.gather(*tasks) == list("ABCDEFGH")

    assert played(scenario, limit=3).asked == [list("abc"), list("def"), list("gh")]


def test_fetch_that_takes_long_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toto_django.stores.coalescing.PATIENCE", 0.2)

    async def scenario(fetches: Fetches, coalescer: Coalescer[str]) -> None:
        [slow] = await asked_for(coalescer, "a")
        monkeypatch.setattr("toto_django.stores.coalescing.PATIENCE", 60)  # With the fetch after it.
        waiting = await asked_for(coalescer, "b")
        assert fetches.asked == [["a"]]
        async with asyncio.timeout(20):
            while len(fetches.asked) == 1:
                await asyncio.sleep(0.01)
        later = await asked_for(coalescer, "c")
        assert fetches.asked == [["a"], ["b"]]
        await fetches.succeed()
        await fetches.succeed()
        assert await asyncio.gather(*waiting, *later) == ["B", "C"]
        assert not slow.done()
        fetches.answers[0].set_result({"a": "A"})
        assert await slow == "A"
        last = await asked_for(coalescer, "d")
        await fetches.succeed()
        assert await asyncio.gather(*last) == ["D"]

    assert played(scenario).asked == [["a"], ["b"], ["c"], ["d"]]


# Cancellation


def test_cancelled_lookup_leaves_its_fetch_to_the_others() -> None:
    async def scenario(fetches: Fetches, coalescer: Coalescer[str]) -> None:
        cancelled, *others = await asked_for(coalescer, "a", "b", "a")
        cancelled.cancel()
        await settle()
        assert cancelled.cancelled()
        assert not fetches.answers[-1].cancelled()
        await fetches.succeed()
        assert await asyncio.gather(*others) == ["B", "A"]

    assert played(scenario).asked == [["a", "b"]]


def test_cancelled_first_lookup_does_not_end_the_service_of_the_others() -> None:
    async def scenario(fetches: Fetches, coalescer: Coalescer[str]) -> None:
        [first] = await asked_for(coalescer, "a")
        later = await asked_for(coalescer, "b")
        first.cancel()
        await settle()
        await fetches.succeed()
        await fetches.succeed()
        assert await asyncio.gather(*later) == ["B"]

    assert played(scenario).asked == [["a"], ["b"]]


def test_key_of_a_cancelled_lookup_is_not_fetched() -> None:
    async def scenario(fetches: Fetches, coalescer: Coalescer[str]) -> None:
        first = await asked_for(coalescer, "a")
        cancelled = await asked_for(coalescer, *"bcb")
        others = await asked_for(coalescer, *"cdef")
        for task in cancelled:
            task.cancel()
        await settle()
        await fetches.succeed()
        assert fetches.asked[1:] == [["c", "d", "e"]]
        await fetches.succeed()
        await fetches.succeed()
        assert await asyncio.gather(*first, *others) == ["A", "C", "D", "E", "F"]

    assert played(scenario, limit=3).asked == [["a"], ["c", "d", "e"], ["f"]]


def test_nothing_is_fetched_when_all_who_waited_have_left() -> None:
    async def scenario(fetches: Fetches, coalescer: Coalescer[str]) -> None:
        first = await asked_for(coalescer, "a")
        cancelled = await asked_for(coalescer, "b", "c")
        for task in (*first, *cancelled):
            task.cancel()
        await settle()
        await fetches.succeed()
        assert fetches.asked == [["a"]]
        [later] = await asked_for(coalescer, "d")
        await fetches.succeed()
        assert await later == "D"

    assert played(scenario).asked == [["a"], ["d"]]


# Errors


def test_error_reaches_everybody_who_waits_for_its_fetch_and_nobody_else() -> None:
    async def scenario(fetches: Fetches, coalescer: Coalescer[str]) -> None:
        failing = await asked_for(coalescer, "a", "b", "a")
        later = await asked_for(coalescer, "a", "c")
        failing[1].cancel()
        await fetches.fail(KeyError("no such luck"))
        errors = await asyncio.gather(failing[0], failing[2], return_exceptions=True)
        assert [repr(error) for error in errors] == ["KeyError('no such luck')"] * 2
        await fetches.succeed()
        assert await asyncio.gather(*later) == ["A", "C"]

    assert played(scenario).asked == [["a", "b"], ["a", "c"]]


def test_lookup_after_a_failed_fetch_is_served() -> None:
    async def scenario(fetches: Fetches, coalescer: Coalescer[str]) -> None:
        for _ in range(3):
            [failing] = await asked_for(coalescer, "a")
            await fetches.fail(OSError("down"))
            with pytest.raises(OSError, match="down"):
                await failing
        [task] = await asked_for(coalescer, "a")
        await fetches.succeed()
        assert await task == "A"

    assert len(played(scenario).asked) == 4


def test_error_that_nobody_waits_for_any_more_is_no_noise(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(fetches: Fetches, coalescer: Coalescer[str]) -> None:
        [task] = await asked_for(coalescer, "a")
        task.cancel()
        await fetches.fail(OSError("down"))

    played(scenario)
    gc.collect()
    assert caplog.records == []


# Contexts


def test_shared_fetch_belongs_to_no_request() -> None:
    seen: list[str | None] = []

    async def fetch(keys: Iterable[str]) -> Mapping[str, str]:
        seen.append(asking.get(None))
        return {key: key for key in keys}

    async def main() -> None:
        coalescer = Coalescer(fetch, 10)

        async def ask(name: str) -> None:
            asking.set(name)
            assert await coalescer.get(name) == name
            assert asking.get() == name

        asking.set("everybody")
        await asyncio.gather(ask("one"), ask("two"))
        await ask("three")

    asyncio.run(main())
    assert seen == [None, None]


# Event loops


def test_event_loops_at_the_same_time_do_not_share() -> None:
    both, fetched = threading.Barrier(2, timeout=10), []

    async def fetch(keys: Iterable[str]) -> Mapping[str, str]:
        keys = list(keys)
        fetched.append((threading.current_thread().name, keys))
        await asyncio.to_thread(both.wait)
        return {key: key.upper() for key in keys}

    coalescer = Coalescer(fetch, 10)

    async def main() -> None:
        name = threading.current_thread().name
        keys = [f"{name}-{number}" for number in range(3)]
        assert await asyncio.gather(*map(coalescer.get, keys)) == [key.upper() for key in keys]
        ended.append(name)

    ended: list[str] = []
    threads = [threading.Thread(target=lambda: asyncio.run(main()), name=name) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == ["one", "two"]
    assert sorted(fetched) == [(name, [f"{name}-{number}" for number in range(3)]) for name in ("one", "two")]


def test_ending_loop_cancels_who_waits_and_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    fetches = Fetches()
    coalescer = Coalescer(fetches, 1)
    waiting: list[asyncio.Task[str | None]] = []
    loops: list[Any] = []

    async def main() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        waiting.extend(await asked_for(coalescer, "a", "b"))

    for _ in range(2):
        asyncio.run(main())
    assert [task.cancelled() for task in waiting] == [True] * 4
    assert fetches.asked == [["a"], ["a"]]
    waiting.clear()
    fetches.answers.clear()
    gc.collect()
    assert [loop() for loop in loops] == [None, None]
    assert caplog.records == []


def test_object_of_a_loop_is_made_once_and_closed_before_the_loop_ends() -> None:
    made: list[object] = []
    closed: list[tuple[object, bool]] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    async def close(each: object) -> None:
        await asyncio.sleep(0)
        closed.append((each, asyncio.get_running_loop().is_running()))

    per_loop: PerLoop[object] = PerLoop(make, close)

    async def main() -> None:
        assert per_loop.get() is per_loop.get() is made[-1]
        assert await asyncio.create_task(_got(per_loop)) is made[-1]

    for count in (1, 2):
        asyncio.run(main())
        assert len(made) == count
        assert closed == [(each, True) for each in made]


async def _got(per_loop: PerLoop[object]) -> object:
    return per_loop.get()


# Clients of real stores

NAME = "toto-coalescing"
"""Of the connections, at the servers."""


@pytest.mark.service
def test_connections_to_redis_end_with_their_loop(redis_url: str, settings: Any) -> None:
    name = f"{NAME}-{time.monotonic_ns()}"
    options = {"CONNECTION_POOL_KWARGS": {"client_name": name}}
    settings.CACHES = {
        "redis": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": redis_url},
        "named": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": redis_url, "OPTIONS": options},
    }
    observer, store = get_redis_connection("redis"), RedisStore("default", {"CACHE": "named"})

    def connections() -> int:
        return sum(each["name"] == name for each in observer.client_list())

    assert_open_during_a_loop_only(store, connections)


@pytest.mark.service
def test_connections_to_mongodb_end_with_their_loop(mongodb_url: str) -> None:
    name = f"{NAME}-{time.monotonic_ns()}"
    store = MongoDBStore("default", {"HOST": mongodb_url, "CLIENT": {"appname": name}})
    with MongoClient[Any](mongodb_url) as observer:

        def connections() -> int:
            everything = {"$currentOp": {"allUsers": True, "idleConnections": True}}
            return len(list(observer.admin.aggregate([everything, {"$match": {"appName": name}}])))

        assert_open_during_a_loop_only(store, connections)


def assert_open_during_a_loop_only(store: Store, connections: Callable[[], int]) -> None:
    """Connections are closed by the time the loop has ended, or as soon as their server notices."""

    async def main() -> None:
        await asyncio.gather(*(store.aload_session(f"unknown-{number}") for number in range(3)))
        await store.aping()
        assert connections() > 0

    for _ in range(2):
        asyncio.run(main())
        gc.collect()
        until = time.monotonic() + 5
        while connections() and time.monotonic() < until:
            time.sleep(0.01)
        assert connections() == 0


# Freshness


def delayed(backend: type[Store], *arguments: Any) -> Store:
    """The store, with a fetch that has read what it finds some time before it answers."""

    class Delayed(backend):  # type: ignore[misc, valid-type]
        async def aload_sessions(self, session_ids: Iterable[str]) -> dict[str, SessionRecord]:
            found: dict[str, SessionRecord] = await super().aload_sessions(session_ids)
            await asyncio.sleep(random.uniform(0, 0.003))
            return found

    return Delayed(*arguments)


@pytest.fixture(
    params=[
        "memory",
        pytest.param("database", marks=pytest.mark.django_db(transaction=True)),
        *(pytest.param(name, marks=pytest.mark.service) for name in ("redis", "mongodb")),
    ]
)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    name = f"{request.getfixturevalue('isolation')}_coalescing"
    match request.param:
        case "memory":
            yield delayed(MemoryStore, "default", {})
        case "database":
            yield delayed(DatabaseStore, "default", {})
        case "redis":
            request.getfixturevalue("redis_url")
            yield delayed(RedisStore, "default", {"CACHE": "redis", "PREFIX": f"{name}:"})
        case "mongodb":
            options = {"HOST": request.getfixturevalue("mongodb_url"), "DATABASE": name}
            yield delayed(MongoDBStore, "default", options)


def test_lookup_sees_whatever_was_committed_before_it_began(store: Store) -> None:
    """Writers count in their sessions' states; a reader never sees less than was there when it asked."""
    committed: dict[str, int] = {}
    ended: set[str] = set()
    is_over = False

    async def write(record: SessionRecord) -> None:
        for number in range(1, 16):
            await asyncio.sleep(random.uniform(0, 0.004))
            record = await store.aswap_state(record, str(number).encode())
            committed[record.session_id] = number
        await store.adelete_session(record.session_id)
        ended.add(record.session_id)

    async def read(session_ids: list[str]) -> int:
        count = 0
        while not is_over:
            session_id = random.choice(session_ids)
            least, had_ended = committed[session_id], session_id in ended
            record = await store.aload_session(session_id)
            assert not (had_ended and record), "an ended session was found"
            if record is not None:
                assert int(record.state) >= least
                count += 1
            elif not had_ended:
                await asyncio.sleep(0)
            await asyncio.sleep(random.uniform(0, 0.002))
        return count

    async def main() -> None:
        nonlocal is_over
        records = [await store.acreate_session("ann", time.time() + 100, b"0") for _ in range(4)]
        session_ids = [record.session_id for record in records]
        committed.update(dict.fromkeys(session_ids, 0))
        readers = [asyncio.create_task(read(session_ids)) for _ in range(12)]
        await asyncio.gather(*map(write, records))
        await asyncio.sleep(0.02)
        is_over = True
        assert sum(await asyncio.gather(*readers)) > 12

    asyncio.run(main())
    assert committed == dict.fromkeys(committed, 15)
