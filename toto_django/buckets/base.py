"""The contract of buckets, and what the kinds of caches share."""

import hashlib
import logging
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.core.cache import caches

from toto_django.conf import settings
from toto_django.exceptions import Unavailable
from toto_django.rates import Rate, charge, whole_seconds
from toto_django.workers import run_in_worker

__all__ = [
    "MARGIN",
    "Buckets",
    "SwappedBuckets",
    "claim_key_of",
    "key_of",
    "now",
    "seconds_kept",
    "seconds_of_claim",
]

MARGIN = 60
"""Seconds that a bucket is kept beyond its need: the hosts' clocks differ."""
ATTEMPTS = 1000
"""Of a swap: whoever fails was overtaken by somebody who succeeded."""

logger = logging.getLogger("toto_django")


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


class Buckets(ABC):
    """The buckets in one cache, by the names of those who are counted.

    When the cache does not answer, THROTTLE_FAIL_OPEN lets calls pass; else charging raises
    Unavailable. What only gives back or remembers goes without.
    """

    is_shared = True
    """All processes count together."""
    is_culled = False
    """The cache throws entries away beyond its MAX_ENTRIES."""
    native_async = False
    """`acharge` needs no worker thread."""
    errors: ClassVar[tuple[type[Exception], ...]] = ()
    """What the cache raises when it does not answer."""

    def __init__(self, alias: str) -> None:
        self.alias = alias

    def charge(self, name: str, rate: Rate) -> int:
        """Take a call from a bucket. How long to wait where there is none, in microseconds, else 0."""
        try:
            return self._change(key_of(name), rate, 1)
        except self.errors as error:
            return self._uncharged(error)

    async def acharge(self, name: str, rate: Rate) -> int:
        """See charge."""
        return await run_in_worker(self.charge, name, rate)

    def refund(self, name: str, rate: Rate) -> None:
        """Give a call back."""
        with self._quietly():
            self._change(key_of(name), rate, -1)

    def fill(self, name: str) -> None:
        """Give all calls back."""
        with self._quietly():
            self.cache.delete(key_of(name))

    def remember(self, name: str, seconds: float) -> None:
        """`remembers` says so for a time."""
        with self._quietly():
            self.cache.set(key_of(name), 1, seconds)

    def remembers(self, name: str) -> bool:
        """Whether it was remembered, and not too long ago."""
        kept = None
        with self._quietly():
            kept = self.cache.get(key_of(name))
        return kept is not None

    def claim(self, name: str, seconds: float) -> bool:
        """Take what may be taken once within a time, atomically; whether nobody had. Raises Unavailable."""
        try:
            return self._add(claim_key_of(name), seconds_of_claim(seconds))
        except self.errors as error:
            self._log(error)
            raise Unavailable from error

    async def aclaim(self, name: str, seconds: float) -> bool:
        """See claim."""
        return await run_in_worker(self.claim, name, seconds)

    @property
    def cache(self) -> Any:
        """Of the current thread."""
        return caches[self.alias]

    def _add(self, key: str, seconds: int) -> bool:
        """Keep a key, unless it is there."""
        return bool(self.cache.add(key, 1, seconds))

    @abstractmethod
    def _change(self, key: str, rate: Rate, calls: int) -> int:
        """Charge a bucket, atomically. How long to wait."""

    def _uncharged(self, error: Exception) -> int:
        self._log(error)
        if settings.THROTTLE_FAIL_OPEN:
            return 0
        raise Unavailable from error

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        try:
            yield
        except self.errors as error:
            self._log(error)

    def _log(self, error: Exception) -> None:
        logger.error("the cache %r does not answer: %s", self.alias, error)


class SwappedBuckets(Buckets):
    """For caches with a compare-and-swap."""

    def _change(self, key: str, rate: Rate, calls: int) -> int:
        for _ in range(ATTEMPTS):
            kept, full_at = self._read(key)
            charged = charge(full_at, rate, (at := now()), calls)
            if charged.wait > 0:
                return charged.wait
            if self._swap(key, kept, charged.full_at, seconds_kept(charged.full_at, at)):
                return 0
        raise Unavailable

    @abstractmethod
    def _read(self, key: str) -> tuple[Any, int | None]:
        """What `_swap` compares with, and when the bucket will be full; None twice where there is none."""

    @abstractmethod
    def _swap(self, key: str, kept: Any, full_at: int, seconds: int) -> bool:
        """Write, unless it was changed since it was read."""


def seconds_kept(full_at: int, at: int) -> int:
    """How long a bucket has to be kept."""
    return whole_seconds(full_at - at) + MARGIN


def key_of(name: str) -> str:
    """Names hold user ids and addresses, which a cache need not know."""
    return f"toto_throttle:{_hashed(name)}"


def claim_key_of(name: str) -> str:
    """See key_of."""
    return f"toto_claim:{_hashed(name)}"


def seconds_of_claim(seconds: float) -> int:
    """How long a claim has to be kept."""
    return math.ceil(seconds) + MARGIN


def _hashed(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
