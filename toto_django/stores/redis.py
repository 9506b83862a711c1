"""Accounts and sessions in Redis, through the connection of a django-redis cache.

A command never names two keys that a cluster may keep apart, and what must be atomic is a
script. Versions are random, so that a command sent again after a lost answer finds its
own work and reports it done. The keys, after the prefix:

- ``account:<user id>``: a hash of password, is_active and ``p:<name>`` for each property, in JSON
- ``session:<hash of the id>``: a string (see `redis_layout`) that expires with its session
- ``sessions:<user id>``: the hashes of an account's sessions, sorted by their expiry; it goes a
  day after the last of them
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import ceil
from secrets import randbits, token_hex
from typing import Any, cast

from django.conf import settings as django_settings
from django.core.cache import caches
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from django_redis import get_redis_connection
from django_redis.cache import RedisCache
from redis import asyncio as redis_asyncio
from redis.exceptions import RedisError

from toto_django.codecs import JSON
from toto_django.exceptions import UserIDExists
from toto_django.loops import PerLoop
from toto_django.stores.base import AccountRecord, Conflict, Gone, SessionRecord, known_options
from toto_django.stores.ids import hashed_session_id, new_session_id
from toto_django.stores.redis_layout import (
    CHANGE_PROPERTIES,
    CREATE_ACCOUNT,
    DELETE_SESSION,
    INDEX_SESSION,
    RENEW_SESSION,
    REPLACE_HASH,
    SWAP_STATE,
    expiry_bytes,
    packed,
    unpacked,
    version_bytes,
)
from toto_django.stores.stepwise import Steps, StepwiseStore

__all__ = ["RedisStore"]

PLAIN_FACTORY = "django_redis.pool.ConnectionFactory"
DAY_MS = 24 * 60 * 60 * 1000
AT_ONCE = 1000
"""Commands in one pipeline, members in one command."""
MAX_CONNECTIONS = 50
"""Of each event loop; whoever comes later waits for one."""
TIMEOUT, LONGEST_TIMEOUT = 5, 30
"""Seconds that a call waits for Redis where nothing is said, and that it should wait at most."""
SHARED_PARAMETERS = {"username", "password", "socket_connect_timeout", "health_check_interval", "client_name"}
"""What django-redis gives its connections and asynchronous ones take too; the rest is in the URL."""


class RedisStore(StepwiseStore):
    """OPTIONS: ``CACHE``, an alias of CACHES ("default"), and ``PREFIX`` of the keys ("toto:").

    Event loops have asynchronous clients of the same URL and options. Where the cache has a
    connection factory or client class of its own, as for Sentinel, they use worker threads.
    """

    errors = (RedisError, OSError)

    def __init__(self, alias: str, options: Mapping[str, Any]) -> None:
        super().__init__(alias, options)
        self._cache, prefix = known_options(options, CACHE="default", PREFIX="toto:")
        self._prefix: bytes = prefix.encode()
        self._clients: PerLoop[Any] = PerLoop(self._make_async_client, lambda client: client.aclose())
        self._is_clustered = False
        cache_options = self._cache_configuration.get("OPTIONS", {})
        factory = cache_options.get("CONNECTION_FACTORY") or getattr(
            django_settings, "DJANGO_REDIS_CONNECTION_FACTORY", PLAIN_FACTORY
        )
        self.native_async = factory == PLAIN_FACTORY and "REDIS_CLIENT_CLASS" not in cache_options

    @property
    def db(self) -> Any:
        """The redis-py client."""
        return self.client

    # Clients

    @property
    def client(self) -> Any:
        return get_redis_connection(self._cache)

    @property
    def async_client(self) -> Any:
        return self._clients.get()

    def _make_async_client(self) -> Any:
        location = self._cache_configuration["LOCATION"]
        primary = (location.split(",") if isinstance(location, str) else location)[0]
        options = self._cache_configuration.get("OPTIONS", {})
        given: Any = caches[self._cache]
        parameters = {
            **given.client.connection_factory.make_connection_params(primary),
            **options.get("CONNECTION_POOL_KWARGS", {}),
        }
        timeout = parameters.get("socket_timeout") or TIMEOUT
        pool = redis_asyncio.BlockingConnectionPool.from_url(
            primary,
            max_connections=min(parameters.get("max_connections") or MAX_CONNECTIONS, MAX_CONNECTIONS),
            timeout=timeout,
            socket_timeout=timeout,
            **{
                name: value
                for name, value in parameters.items()
                if name in SHARED_PARAMETERS or name.startswith("ssl_")
            },
        )
        return redis_asyncio.Redis.from_pool(pool)

    @property
    def _cache_configuration(self) -> Mapping[str, Any]:
        try:
            configuration = cast(Mapping[str, Any], django_settings.CACHES[self._cache])
        except KeyError:
            raise ImproperlyConfigured(f"CACHES has no {self._cache!r}") from None
        if not issubclass(import_string(configuration["BACKEND"]), RedisCache):
            raise ImproperlyConfigured(f"CACHES[{self._cache!r}] is not {RedisCache.__module__}.RedisCache")
        return configuration

    # Checks

    def check(self) -> list[CheckMessage]:
        connection = self.client.connection_pool.make_connection()
        if connection.encoder.decode_responses:
            text = f"CACHES[{self._cache!r}] has decode_responses, which states do not survive."
            return [Error(text, id="toto_django.E021")]
        if not connection.socket_timeout or connection.socket_timeout > LONGEST_TIMEOUT:
            text = f"CACHES[{self._cache!r}] lets a call wait for Redis without end."
            hint = f"Set OPTIONS['SOCKET_TIMEOUT'] to {TIMEOUT} seconds, say."
            return [Warning(text, hint=hint, id="toto_django.W034")]
        return []

    def check_server(self) -> list[CheckMessage]:
        messages = super().check_server()
        if messages:
            return messages
        memory = self.client.info("memory")
        policy = memory.get("maxmemory_policy", "noeviction")
        if memory.get("maxmemory") and policy != "noeviction":
            text = f"The Redis of the store {self.alias!r} may evict sessions and accounts ({policy})."
            return [Warning(text, hint="Set its maxmemory-policy to noeviction.", id="toto_django.W033")]
        return []

    def _ping(self) -> Steps[None]:
        yield lambda client: client.ping()

    # Accounts

    def _create_account(self, user_id: str, password: str, properties: Mapping[str, Any]) -> Steps[None]:
        account = AccountRecord(user_id, password, True, properties)
        created = yield lambda client: client.eval(*self._creation(account))
        if not created:
            raise UserIDExists

    def _create_accounts(self, accounts: Sequence[AccountRecord]) -> Steps[set[str]]:
        commands = [("EVAL", *self._creation(account)) for account in accounts]
        created = yield from self._pipelined(commands)
        return {account.user_id for account, is_new in zip(accounts, created, strict=True) if is_new}

    def _creation(self, account: AccountRecord) -> tuple[Any, ...]:
        return (
            *(CREATE_ACCOUNT, 1, self._account_key(account.user_id), token_hex(8)),
            *("password", account.password, "is_active", int(account.is_active)),
            *_property_fields(account.properties),
        )

    def _get_account(self, user_id: str) -> Steps[AccountRecord | None]:
        key = self._account_key(user_id)
        fields = yield lambda client: client.hgetall(key)
        if not fields:
            return None
        properties = {
            field[2:].decode("utf-8", "surrogatepass"): JSON.loads(value)
            for field, value in fields.items()
            if field.startswith(b"p:")
        }
        return AccountRecord(user_id, fields[b"password"].decode(), fields[b"is_active"] == b"1", properties)

    def _set_password(self, user_id: str, password: str, replacing: str | None) -> Steps[bool]:
        arguments = [password] if replacing is None else [password, replacing]
        key = self._account_key(user_id)
        return bool((yield lambda client: client.eval(REPLACE_HASH, 1, key, *arguments)))

    def _change_properties(
        self, user_id: str, changed: Mapping[str, Any], removed: Iterable[str]
    ) -> Steps[bool]:
        key = self._account_key(user_id)
        arguments = (len(changed), *_property_fields(changed), *map(_property_field, removed))
        return bool((yield lambda client: client.eval(CHANGE_PROPERTIES, 1, key, *arguments)))

    def _delete_account(self, user_id: str) -> Steps[bool]:
        key = self._account_key(user_id)
        return bool((yield lambda client: client.delete(key)))

    # Sessions

    def _create_session(
        self, user_id: str, expires: float, state: bytes, suffix: str
    ) -> Steps[SessionRecord]:
        record = SessionRecord(new_session_id(suffix), user_id, expires, state, randbits(64))
        key, value = self._session_key(record.session_id), packed(record)
        yield lambda client: client.set(key, value, pxat=_milliseconds(expires))
        if user_id:
            yield lambda client: client.eval(*self._indexing(record))
        return record

    def _adopt_sessions(self, sessions: Sequence[SessionRecord]) -> Steps[set[str]]:
        creations = [
            (
                "SET",
                self._session_key(each.session_id),
                packed(each),
                "PXAT",
                _milliseconds(each.expires),
                "NX",
            )
            for each in sessions
        ]
        done = yield from self._pipelined(creations)
        adopted = [each for each, is_new in zip(sessions, done, strict=True) if is_new]
        yield from self._pipelined([("EVAL", *self._indexing(each)) for each in adopted if each.user_id])
        return {each.session_id for each in adopted}

    def _load_sessions(self, session_ids: Iterable[str]) -> Steps[dict[str, SessionRecord]]:
        by_key = {self._session_key(session_id): session_id for session_id in session_ids}
        values = (yield from self._values(list(by_key))) if by_key else []
        now = time.time()
        found = {}
        for session_id, value in zip(by_key.values(), values, strict=True):
            record = value and unpacked(session_id, value)
            if record and record.expires > now:
                found[session_id] = record
        return found

    def _values(self, keys: list[bytes]) -> Steps[list[bytes | None]]:
        """One MGET, or a pipeline of GETs once the server has told that it is a cluster."""
        if not self._is_clustered:
            try:
                values: list[bytes | None] = yield lambda client: client.mget(keys)
            except RedisError as error:
                if not _is_across_slots(error):
                    raise
                self._is_clustered = True
            else:
                return values
        return (yield from self._pipelined([("GET", key) for key in keys]))

    def _swap_state(self, record: SessionRecord, state: bytes) -> Steps[SessionRecord]:
        version, key = randbits(64), self._session_key(record.session_id)
        arguments = (version_bytes(record.version), version_bytes(version), state, expiry_bytes(time.time()))
        outcome = yield lambda client: client.eval(SWAP_STATE, 1, key, *arguments)
        if outcome != b"done":
            raise Conflict if outcome == b"conflict" else Gone
        return replace(record, state=state, version=version)

    def _renew_session(self, record: SessionRecord, expires: float) -> Steps[SessionRecord]:
        key, renewed = self._session_key(record.session_id), replace(record, expires=expires)
        arguments = (expiry_bytes(expires), _milliseconds(expires), expiry_bytes(time.time()))
        is_there = yield lambda client: client.eval(RENEW_SESSION, 1, key, *arguments)
        if is_there and record.user_id:
            yield lambda client: client.eval(*self._indexing(renewed))
        return renewed

    def _delete_session(self, session_id: str) -> Steps[bool]:
        key = self._session_key(session_id)
        user_id = yield lambda client: client.eval(DELETE_SESSION, 1, key)
        if user_id:
            yield lambda client: client.zrem(self._prefix + b"sessions:" + user_id, _member(session_id))
        return user_id is not None

    def _delete_sessions_of(self, user_id: str) -> Steps[int]:
        index = self._index_key(user_id)
        members = yield lambda client: client.zrange(index, 0, -1)
        ended = yield from self._pipelined([("DEL", self._prefix + b"session:" + each) for each in members])
        yield from self._pipelined([("ZREM", index, each) for each in members])
        return sum(ended)

    def _count_sessions_of(self, user_id: str) -> Steps[int]:
        index, now = self._index_key(user_id), time.time()
        count: int = yield lambda client: client.zcount(index, f"({now!r}", "+inf")
        return count

    def _clear_expired_sessions(self) -> Steps[int]:
        """Redis has removed the sessions themselves; this clears the indexes, and counts what it clears."""
        pattern = _literal(self._index_key("")) + b"*"
        now, count, cursor = time.time(), 0, None
        while cursor != 0:
            cursor, indexes = yield partial(_scan, cursor or 0, pattern)
            commands = [("ZREMRANGEBYSCORE", index, "-inf", repr(now)) for index in indexes]
            count += sum((yield from self._pipelined(commands)))
        return count

    # Steps

    def _account_key(self, user_id: str) -> bytes:
        return self._prefix + b"account:" + user_id.encode("utf-8", "surrogatepass")

    def _session_key(self, session_id: str) -> bytes:
        return self._prefix + b"session:" + _member(session_id)

    def _index_key(self, user_id: str) -> bytes:
        return self._prefix + b"sessions:" + user_id.encode("utf-8", "surrogatepass")

    def _indexing(self, record: SessionRecord) -> tuple[Any, ...]:
        lifetime = max(_milliseconds(record.expires - time.time()), 0) + DAY_MS
        return (
            *(INDEX_SESSION, 1, self._index_key(record.user_id)),
            *(repr(record.expires), _member(record.session_id), lifetime),
        )

    def _pipelined(self, commands: Sequence[tuple[Any, ...]]) -> Steps[list[Any]]:
        """The commands' answers, AT_ONCE in a trip; not a transaction."""
        answers: list[Any] = []
        for start in range(0, len(commands), AT_ONCE):
            answers += yield partial(_execute, commands[start : start + AT_ONCE])
        return answers


def _execute(commands: Sequence[tuple[Any, ...]], client: Any) -> Any:
    pipeline = client.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    return pipeline.execute()


def _scan(cursor: int, pattern: bytes, client: Any) -> Any:
    return client.scan(cursor, pattern, AT_ONCE)


def _member(session_id: str) -> bytes:
    return hashed_session_id(session_id).encode()


def _milliseconds(seconds: float) -> int:
    return ceil(seconds * 1000)


def _property_field(name: str) -> bytes:
    return b"p:" + name.encode("utf-8", "surrogatepass")


def _property_fields(properties: Mapping[str, Any]) -> Iterator[bytes]:
    """Names and values in turn."""
    for name, value in properties.items():
        yield _property_field(name)
        yield JSON.dumps(value)


def _literal(key: bytes) -> bytes:
    """A pattern that matches this text alone."""
    return re.sub(rb"([*?\[\]\\^])", rb"\\\1", key)


def _is_across_slots(error: RedisError) -> bool:
    """A cluster's refusal of keys that it keeps apart (CROSSSLOT), or the cluster client's."""
    return "slot" in str(error).lower()
