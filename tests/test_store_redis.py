"""The Redis store."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django_redis import get_redis_connection
from django_redis.pool import ConnectionFactory as PlainFactory
from redis import Redis

from tests.servers.base import free_port, needs
from tests.servers.redis import RedisServer
from tests.store_contract import StoreContract, soon
from toto_django.exceptions import UserIDExists
from toto_django.stores import AccountRecord, get_store
from toto_django.stores.redis import RedisStore

BACKEND = "toto_django.stores.redis.RedisStore"
pytestmark = pytest.mark.service

Configure = Callable[..., RedisStore]


@pytest.fixture
def configure(settings: Any, redis_url: str, isolation: str) -> Configure:
    """``configure(LOCATION=…)``: a store over CACHES["redis"] with these keys changed."""

    def configured(prefix: str = f"{isolation}:", options: Any = None, **cache: Any) -> RedisStore:
        caches = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": redis_url, **cache}
        settings.CACHES = {**settings.CACHES, "redis": caches}
        return RedisStore("default", {"CACHE": "redis", "PREFIX": prefix} if options is None else options)

    return configured


@pytest.fixture
def store(configure: Configure) -> RedisStore:
    return configure()


@pytest.fixture(autouse=True)
def no_keys(isolation: str) -> Iterator[None]:
    yield
    client = get_redis_connection("redis")
    for key in client.scan_iter(f"{isolation}*", 1000):
        client.delete(key)


class TestRedisStore(StoreContract):
    backend = BACKEND

    @pytest.fixture(autouse=True)
    def place(self, redis_url: str, isolation: str) -> None:
        # The prefix has characters that a pattern would take for its own.
        self.options = {"CACHE": "redis", "PREFIX": f"{isolation}[ab]*?:"}


class ClusterNode(RedisServer):
    """A cluster of one: it has every slot, and refuses commands whose keys are in several."""

    def _command(self) -> Sequence[str]:
        return (
            *(*super()._command(), "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"),
            *("--cluster-port", str(free_port())),
        )

    def _answers(self) -> bool:
        if not super()._answers():
            return False
        with Redis(port=self.port) as client:
            info = client.cluster("INFO")
            if info["cluster_slots_assigned"] == "0":
                client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            return bool(info["cluster_state"] == "ok")


@pytest.fixture(scope="class")
def cluster() -> Iterator[ClusterNode]:
    with ClusterNode() as server:
        yield server


class TestRedisStoreOnACluster(StoreContract):
    pytestmark = needs(RedisServer)
    backend = BACKEND

    @pytest.fixture(autouse=True)
    def place(self, settings: Any, cluster: ClusterNode) -> None:
        self.options = {"CACHE": "cluster"}
        location = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": cluster.url}
        settings.CACHES = {**settings.CACHES, "cluster": location}
        get_redis_connection("cluster").flushall()


class ConnectionFactory(PlainFactory):  # type: ignore[type-arg]
    """A factory of the project's own, of which nothing is known."""


class TestRedisStoreWithoutNativeClient(StoreContract):
    """Event loops use worker threads."""

    backend = BACKEND

    @pytest.fixture(autouse=True)
    def place(self, settings: Any, redis_url: str, isolation: str) -> None:
        settings.DJANGO_REDIS_CONNECTION_FACTORY = f"{__name__}.ConnectionFactory"
        self.options = {"CACHE": "redis", "PREFIX": f"{isolation}:"}
        assert not RedisStore("default", self.options).native_async


# Keys


def test_session_is_kept_under_its_hash_until_it_expires(store: RedisStore) -> None:
    record = store.create_session("ann", soon())
    [key] = [key for key in store.db.scan_iter("*:session:*") if store._prefix in key]
    assert record.session_id not in repr([(key, store.db.dump(key)) for key in store.db.scan_iter()])
    assert store.db.pexpiretime(key) == pytest.approx(record.expires * 1000, abs=1)
    renewed = store.renew_session(record, record.expires + 500)
    assert store.db.pexpiretime(key) == pytest.approx(renewed.expires * 1000, abs=1)
    store.swap_state(renewed, b"new")
    assert store.db.pexpiretime(key) == pytest.approx(renewed.expires * 1000, abs=1)


def test_expired_session_takes_no_space(store: RedisStore) -> None:
    store.create_session("", time.time() + 0.05)
    assert any(store._prefix in key for key in store.db.scan_iter("*:session:*"))
    time.sleep(0.1)
    assert not any(store._prefix in key for key in store.db.scan_iter("*:session:*"))


def test_prefixes_keep_stores_apart(configure: Configure, isolation: str) -> None:
    one, other = configure(f"{isolation}:1:"), configure(f"{isolation}:2:")
    one.create_account("ann", "hash", {})
    record = one.create_session("ann", soon())
    assert other.get_account("ann") is None
    assert other.load_session(record.session_id) is None
    assert (other.count_sessions_of("ann"), one.count_sessions_of("ann")) == (0, 1)


def test_db_is_the_client(store: RedisStore) -> None:
    store.create_account("ann", "hash", {"name": "Ann"})
    assert store.db.hget(store._prefix + b"account:ann", "p:name") == b'"Ann"'


# A command that is sent again because its answer was lost


def sent_again(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every script runs twice, and the second answer counts."""
    script = Redis.eval

    def twice(self: Any, *arguments: Any) -> Any:
        script(self, *arguments)
        return script(self, *arguments)

    monkeypatch.setattr(Redis, "eval", twice)


def test_what_was_done_already_is_reported_done(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    sent_again(store, monkeypatch)
    store.create_account("ann", "hash", {"a": 1})
    assert store.get_account("ann") == AccountRecord("ann", "hash", True, {"a": 1})
    assert store.set_password("ann", "new", replacing="hash") is True
    record = store.swap_state(store.create_session("ann", soon()), b"state")
    assert store.load_session(record.session_id) == record
    with pytest.raises(UserIDExists):
        store.create_account("ann", "hash", {})


# Options


@pytest.mark.parametrize("options", [{"CACHES": "redis"}, {"CACHE": "missing"}, {"CACHE": "default"}])
def test_wrong_options_are_refused(configure: Configure, options: Any) -> None:
    with pytest.raises(ImproperlyConfigured):
        configure(options=options)


def ids(messages: list[CheckMessage]) -> list[str]:
    return [str(message.id) for message in messages]


def test_decoded_responses_are_an_error(configure: Configure, redis_url: str) -> None:
    store = configure(LOCATION=f"{redis_url}?decode_responses=true")
    assert ids(store.check()) == ["toto_django.E021"]


@pytest.mark.parametrize(("seconds", "expected"), [(31, ["toto_django.W034"]), (30, [])])
def test_long_time_out_is_a_warning(configure: Configure, seconds: float, expected: list[str]) -> None:
    # django-redis keeps the pools of a URL.
    with RedisServer() as server:
        store = configure(LOCATION=server.url, OPTIONS={"SOCKET_TIMEOUT": seconds})
        assert ids(store.check()) == expected


def test_eviction_is_a_warning(configure: Configure) -> None:
    with RedisServer() as server:
        store = configure(LOCATION=server.url)
        assert store.check_server() == []
        store.db.config_set("maxmemory", "100mb")
        assert store.check_server() == []
        store.db.config_set("maxmemory-policy", "allkeys-lru")
        assert ids(store.check_server()) == ["toto_django.W033"]
    assert ids(store.check_server()) == ["toto_django.W031"]


# On event loops


def test_event_loops_have_clients_of_the_same_database_and_options(
    configure: Configure, redis_url: str
) -> None:
    options = {"SOCKET_TIMEOUT": 3, "CONNECTION_POOL_KWARGS": {"max_connections": 7, "client_name": "toto"}}
    store = configure(LOCATION=f"{redis_url}?health_check_interval=9", OPTIONS=options)
    record = store.create_session("ann", soon())

    async def seen() -> tuple[Any, ...]:
        client = store.async_client
        assert client is store.async_client
        assert await store.aload_session(record.session_id) == record
        connection = client.connection_pool.make_connection()
        names = [each["name"] for each in await client.client_list()]
        shown = connection.socket_timeout, connection.health_check_interval
        return (*shown, client.connection_pool.max_connections, "toto" in names)

    assert asyncio.run(seen()) == (3, 9, 7, True)


def test_more_calls_than_connections_wait_for_their_turn(configure: Configure) -> None:
    store = configure(OPTIONS={"CONNECTION_POOL_KWARGS": {"max_connections": 2}})

    async def created() -> set[str]:
        records = await asyncio.gather(*(store.acreate_session("ann", soon()) for _ in range(100)))
        return {record.session_id for record in records}

    assert len(asyncio.run(created())) == 100
    assert store.count_sessions_of("ann") == 100


def test_get_store_makes_it(toto: Callable[..., None], configure: Configure) -> None:
    configure()
    toto(STORES={"default": {"BACKEND": BACKEND, "OPTIONS": {"CACHE": "redis"}}})
    assert isinstance(get_store("default"), RedisStore)
