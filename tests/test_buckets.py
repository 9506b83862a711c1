"""Every kind of buckets keeps the same contract, on a real cache of its kind."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection, connections, transaction
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from tests.realtime import until
from tests.servers.base import needs
from tests.servers.memcached import MemcachedServer
from tests.servers.redis import RedisServer
from toto_django.buckets import Buckets, base, current_buckets, local, nonce_buckets
from toto_django.exceptions import Unavailable
from toto_django.rates import SECOND, charge, parsed_rate

RATE = parsed_rate("5/min")
LOCAL = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "buckets"}
DATABASE = {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "toto_throttles"}


def redis(server: RedisServer, backend: str) -> dict[str, Any]:
    return {"BACKEND": backend, "LOCATION": server.url}


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    if not RedisServer.is_available():
        pytest.skip(RedisServer.reason())
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def memcached_server() -> Iterator[MemcachedServer]:
    with MemcachedServer() as server:
        yield server


KINDS = [
    "local",
    "file",
    pytest.param("django-redis", marks=needs(RedisServer)),
    pytest.param("redis", marks=needs(RedisServer)),
    pytest.param("memcached", marks=needs(MemcachedServer)),
    pytest.param("database", marks=pytest.mark.django_db(transaction=True)),
]


@pytest.fixture(params=KINDS)
def buckets(request: pytest.FixtureRequest, settings: Any, tmp_path: Any) -> Iterator[Buckets]:
    """Empty ones of each kind."""
    match request.param:
        case "local":
            cache: Any = LOCAL
        case "file":
            cache = {
                "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
                "LOCATION": str(tmp_path),
            }
        case "django-redis":
            cache = redis(request.getfixturevalue("redis_server"), "django_redis.cache.RedisCache")
        case "redis":
            cache = redis(
                request.getfixturevalue("redis_server"), "django.core.cache.backends.redis.RedisCache"
            )
        case "memcached":
            cache = request.getfixturevalue("memcached_server").cache
        case "database":
            cache = DATABASE
    settings.CACHES = {**settings.CACHES, "throttles": cache}
    settings.TOTO = {**settings.TOTO, "THROTTLE_CACHE": "throttles"}
    if request.param == "database":
        call_command("createcachetable")
    caches["throttles"].clear()
    local._claims.clear()
    yield current_buckets()
    caches["throttles"].clear()
    if request.param == "database":
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE toto_throttles")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The time, in its only item; it stands still."""
    time = [1_795_000_000 * SECOND]
    for module in ("base", "local", "redis"):
        monkeypatch.setattr(f"toto_django.buckets.{module}.now", lambda: time[0])
    return time


def test_bucket_is_charged_until_it_is_empty(buckets: Buckets, clock: list[int]) -> None:
    assert [buckets.charge("anna", RATE) for _ in range(7)] == [0] * 5 + [12 * SECOND] * 2
    assert buckets.charge("bert", RATE) == 0
    clock[0] += 12 * SECOND - 1
    assert buckets.charge("anna", RATE) == 1
    clock[0] += 1
    assert [buckets.charge("anna", RATE) for _ in range(2)] == [0, 12 * SECOND]


def test_bucket_is_charged_on_an_event_loop_too(buckets: Buckets, clock: list[int]) -> None:
    async def charged() -> list[int]:
        return [await buckets.acharge("anna", RATE) for _ in range(4)]

    assert async_to_sync(charged)() == [0] * 4
    assert [buckets.charge("anna", RATE) for _ in range(2)] == [0, 12 * SECOND]


def test_call_can_be_given_back(buckets: Buckets, clock: list[int]) -> None:
    assert [buckets.charge("anna", RATE) for _ in range(5)] == [0] * 5
    buckets.refund("anna", RATE)
    assert [buckets.charge("anna", RATE) for _ in range(2)] == [0, 12 * SECOND]
    buckets.refund("bert", RATE)
    assert [buckets.charge("bert", RATE) for _ in range(6)] == [0] * 5 + [12 * SECOND]


def test_bucket_can_be_filled(buckets: Buckets, clock: list[int]) -> None:
    assert [buckets.charge("anna", RATE) for _ in range(6)][5] > 0
    buckets.fill("anna")
    assert [buckets.charge("anna", RATE) for _ in range(6)] == [0] * 5 + [12 * SECOND]


def test_what_is_remembered_is_not_what_is_counted(buckets: Buckets) -> None:
    assert not buckets.remembers("anna at home")
    buckets.remember("anna at home", 100)
    assert buckets.remembers("anna at home")
    assert not buckets.remembers("anna at work")


def test_names_are_any_text_and_not_stored(buckets: Buckets, clock: list[int]) -> None:
    for name in ("", "ä ö\n\x00", "\ud800", "x" * 10_000):
        assert [buckets.charge(name, RATE) for _ in range(6)] == [0] * 5 + [12 * SECOND]


def test_fifty_at_once_take_five(buckets: Buckets, clock: list[int]) -> None:
    """Threads of one process; tests/test_throttle_processes.py has the processes."""
    barrier = threading.Barrier(50)

    def charged(number: int) -> int:
        try:
            barrier.wait(30)
            return buckets.charge("anna", RATE)
        finally:
            connections.close_all()
            caches.close_all()

    with ThreadPoolExecutor(50) as pool:
        waits = list(pool.map(charged, range(50)))
    assert sorted(waits) == [0] * 5 + [12 * SECOND] * 45


def test_claim_is_given_once(buckets: Buckets) -> None:
    async def claimed() -> bool:
        return await buckets.aclaim("a nonce", 100)

    assert buckets.claim("a nonce", 100)
    assert not buckets.claim("a nonce", 100)
    assert not async_to_sync(claimed)()
    assert buckets.claim("another nonce", 100)


def test_claim_is_given_once_on_an_event_loop_too(buckets: Buckets) -> None:
    async def claimed() -> list[bool]:
        return [await buckets.aclaim("a nonce of the loop", 100) for _ in range(3)]

    assert async_to_sync(claimed)() == [True, False, False]
    assert not buckets.claim("a nonce of the loop", 100)


def test_of_fifty_claims_at_once_one_is_given(buckets: Buckets) -> None:
    barrier = threading.Barrier(50)

    def claimed(number: int) -> bool:
        try:
            barrier.wait(30)
            return buckets.claim("one nonce", 100)
        finally:
            connections.close_all()
            caches.close_all()

    with ThreadPoolExecutor(50) as pool:
        assert sorted(pool.map(claimed, range(50))) == [False] * 49 + [True]


def test_claim_lasts_for_its_time_and_a_margin(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MARGIN", 0)
    assert buckets.claim("a short one", 1)
    assert not buckets.claim("a short one", 1)
    until(lambda: buckets.claim("a short one", 1))


def test_claims_of_a_process_are_bounded(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CACHES = {**settings.CACHES, "default": LOCAL}
    monkeypatch.setattr(local, "_claims", {})
    monkeypatch.setattr(local, "MOST_CLAIMS", 3)
    buckets = nonce_buckets()
    assert [buckets.claim(name, 100) for name in "abc"] == [True] * 3
    with pytest.raises(Unavailable):
        buckets.claim("d", 100)
    assert not buckets.claim("a", 100)
    monkeypatch.setattr(local.time, "monotonic", lambda: 1e12)
    assert buckets.claim("d", 100)
    assert len(local._claims) == 1


def test_kind_says_whether_processes_count_together(buckets: Buckets, request: Any) -> None:
    kind = request.node.callspec.params["buckets"]
    assert buckets.is_shared == (kind not in ("local", "file"))
    assert buckets.native_async == (kind in ("local", "django-redis"))


@pytest.mark.django_db(transaction=True)
def test_database_bucket_is_charged_once_within_a_transaction(settings: Any, clock: list[int]) -> None:
    settings.CACHES = {**settings.CACHES, "throttles": DATABASE}
    settings.TOTO = {**settings.TOTO, "THROTTLE_CACHE": "throttles"}
    call_command("createcachetable")
    try:
        with transaction.atomic():
            assert [current_buckets().charge("anna", RATE) for _ in range(6)] == [0] * 5 + [12 * SECOND]
        assert current_buckets().charge("anna", RATE) == 12 * SECOND
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE toto_throttles")


# Redis


@pytest.mark.service
def test_script_charges_as_python_does(redis_server: RedisServer, settings: Any, clock: list[int]) -> None:
    settings.CACHES = {**settings.CACHES, "throttles": redis(redis_server, "django_redis.cache.RedisCache")}
    settings.TOTO = {**settings.TOTO, "THROTTLE_CACHE": "throttles"}
    buckets = current_buckets()
    script_and_rule(buckets, clock)


def script_and_rule(buckets: Buckets, clock: list[int]) -> None:
    steps = st.tuples(st.integers(0, 40 * SECOND), st.sampled_from([1, 1, 1, -1]))

    @examples(max_examples=50)
    @given(st.sampled_from(["5/min", "7/s", "3/10s", "999999/day"]), st.lists(steps, max_size=30))
    def same(text: str, steps: list[tuple[int, int]]) -> None:
        rate, full_at = parsed_rate(text), None
        buckets.fill("same")
        for gap, calls in steps:
            clock[0] += gap
            charged = charge(full_at, rate, clock[0], calls)
            full_at = charged.full_at
            assert buckets._change(base.key_of("same"), rate, calls) == charged.wait

    same()


# A cache that does not answer


@pytest.fixture(params=["django-redis", "redis", "memcached", "database"])
def down(request: pytest.FixtureRequest, settings: Any, db: None) -> Buckets:
    """Nothing listens on port 1, and the table is not there."""
    settings.CACHES = {
        **settings.CACHES,
        "throttles": {
            "django-redis": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1:1"},
            "redis": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": "redis://127.0.0.1:1",
            },
            "memcached": {
                "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
                "LOCATION": "127.0.0.1:1",
            },
            "database": DATABASE,
        }[request.param],
    }
    settings.TOTO = {**settings.TOTO, "THROTTLE_CACHE": "throttles"}
    return current_buckets()


def test_cache_that_is_down_refuses(down: Buckets, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Unavailable):
        down.charge("anna", RATE)
    assert "the cache 'throttles' does not answer" in caplog.text


def test_cache_that_is_down_gives_no_claim(down: Buckets, settings: Any) -> None:
    settings.TOTO = {**settings.TOTO, "THROTTLE_FAIL_OPEN": True}
    with pytest.raises(Unavailable):
        down.claim("a nonce", 100)
    with pytest.raises(Unavailable):
        async_to_sync(down.aclaim)("a nonce", 100)


def test_cache_that_is_down_lets_pass_where_the_setting_says_so(down: Buckets, settings: Any) -> None:
    settings.TOTO = {**settings.TOTO, "THROTTLE_FAIL_OPEN": True}
    assert down.charge("anna", RATE) == 0


async def _acharged(buckets: Buckets) -> int:
    return await buckets.acharge("anna", RATE)


def test_cache_that_is_down_refuses_on_an_event_loop_too(down: Buckets, settings: Any) -> None:
    with pytest.raises(Unavailable):
        async_to_sync(_acharged)(down)


def test_cache_that_is_down_remembers_and_forgives_nothing(down: Buckets) -> None:
    down.remember("anna", 5)
    down.fill("bert")
    assert not down.remembers("anna")
