"""Redis: hashes ``account:<user id>``, and ``session:<session id>`` with pickles that expire."""

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import redis

from toto_django.importing import pickles
from toto_django.importing.address import Address
from toto_django.importing.base import Selection, Source, SourceAccount, SourceError, SourceSession
from toto_django.importing.scratch import SortedKeys

__all__ = ["RedisSource"]

T = TypeVar("T")

ACCOUNT = b"account:"
SESSION = b"session:"
KNOWN = ("user_id", "password")
PATIENCE = 10
"""Seconds for connecting; an answer may take ten times as long."""
SCANNED = 1000
"""Keys that the server looks at in one step."""


class RedisSource(Source):
    """Scans for the keys, then reads them in sorted order, a page in one trip."""

    def __init__(self, address: Address, selection: Selection) -> None:
        self.address = address
        self.selection = selection
        self.keys: dict[bytes, SortedKeys] = {}
        try:
            self.client = _client(address)
        except (redis.RedisError, ValueError) as error:
            raise self._error(error) from None

    def close(self) -> None:
        for keys in self.keys.values():
            keys.close()
        self.client.close()

    def count_accounts(self) -> int:
        return len(self._keys(ACCOUNT))

    def count_sessions(self) -> int:
        return len(self._keys(SESSION))

    def accounts(self, size: int) -> Iterator[list[SourceAccount]]:
        for page in self._keys(ACCOUNT).pages(size):
            yield list(self._accounts(page))

    def sessions(self, size: int) -> Iterator[list[SourceSession]]:
        for page in self._keys(SESSION).pages(size):
            yield list(self._sessions(page))

    def _accounts(self, page: list[bytes]) -> Iterator[SourceAccount]:
        for key, answer in zip(page, self._ask(page, lambda pipe, key: pipe.hgetall(key)), strict=True):
            user_id = _text(key.removeprefix(ACCOUNT))
            if isinstance(answer, Exception):
                yield SourceAccount(user_id, problem="its key is no hash")
            elif answer:
                fields = {_text(name): value for name, value in answer.items()}
                chosen = {
                    name: fields[name] for name in fields if name not in KNOWN and name in self.selection
                }
                yield SourceAccount(user_id, fields.get("password"), chosen)

    def _sessions(self, page: list[bytes]) -> Iterator[SourceSession]:
        values = self._ask(page, lambda pipe, key: pipe.get(key))
        lifetimes = self._ask(page, lambda pipe, key: pipe.pttl(key))
        for key, value, lifetime in zip(page, values, lifetimes, strict=True):
            session_id = _text(key.removeprefix(SESSION))
            if isinstance(value, Exception):
                yield SourceSession(session_id, problem="its key is no string")
            elif value is not None:
                yield _session(session_id, value, lifetime)

    def _keys(self, prefix: bytes) -> SortedKeys:
        if prefix not in self.keys:
            keys = self.keys[prefix] = SortedKeys()
            found = self.client.scan_iter(match=prefix + b"*", count=SCANNED)
            self._guarded(lambda: keys.add(found))
        return self.keys[prefix]

    def _ask(self, keys: list[bytes], command: Callable[[Any, bytes], Any]) -> list[Any]:
        """An answer for each key; an error of one key is its answer."""
        with self.client.pipeline(transaction=False) as pipe:
            for key in keys:
                command(pipe, key)
            return self._guarded(lambda: pipe.execute(raise_on_error=False))

    def _guarded(self, function: Callable[[], T]) -> T:
        try:
            return function()
        except (redis.RedisError, OSError) as error:
            raise self._error(error) from None

    def _error(self, error: Exception) -> SourceError:
        return SourceError(self.address.hidden(str(error)))


def _client(address: Address) -> redis.Redis:
    given = {"password": address.password} if address.password else {}
    return redis.Redis.from_url(
        address.url, socket_connect_timeout=PATIENCE, socket_timeout=10 * PATIENCE, **given
    )


def _session(session_id: str, value: bytes, lifetime: Any) -> SourceSession:
    try:
        stored = pickles.loads(value)
    except pickles.PickleRefused as error:
        return SourceSession(session_id, problem=f"its value cannot be read: {error}")
    if not isinstance(stored, dict):
        return SourceSession(session_id, problem="its value is no dict")
    expires = stored.get("expires")
    if expires is None and isinstance(lifetime, int) and lifetime >= 0:
        expires = time.time() + lifetime / 1000
    return SourceSession(session_id, stored.get("user_id"), expires, stored.get("state"))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
