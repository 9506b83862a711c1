"""What all clients share: the service's addresses, connections, sessions, and what came of every call."""

import asyncio
import random
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx

from toto_django.client import AsyncClient, HTTPStatusError, RemoteError, Session

__all__ = ["PASSWORD", "PATIENCE", "Outcome", "World", "Wrong", "check", "until"]

PASSWORD = "a long and quiet walk"
CODECS = ("json", "msgpack", "bson")
PATIENCE = 15.0
"""Seconds after which what has not happened is an error."""
SERVER_ERROR = 500


class Wrong(Exception):
    """An answer that is not what it has to be."""


def check(seen: Any, expected: Any) -> None:
    """Raises Wrong."""
    if seen != expected:
        raise Wrong(f"{seen!r:.200} instead of {expected!r:.200}")


async def until(look: Callable[[], Awaitable[Any]], what: str) -> None:
    """Wait until it is true. Raises Wrong when that takes too long."""
    deadline, pause = time.monotonic() + PATIENCE, 0.01
    while not await look():
        if time.monotonic() > deadline:
            raise Wrong(f"not within {PATIENCE:g} s: {what}")
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.2)


class Outcome:
    """What came of the requests of one kind."""

    def __init__(self) -> None:
        self.seconds = array("d")
        """That the successful ones took."""
        self.server_errors = 0
        self.unexpected: Counter[str] = Counter()
        """Whatever else should not have happened, in words."""
        self.skipped = 0
        """Not begun, because too many were under way."""

    def __bool__(self) -> bool:
        """There is something to tell."""
        return bool(self.seconds or self.unexpected or self.skipped)

    def fail(self, error: BaseException) -> None:
        if isinstance(error, HTTPStatusError | RemoteError) and error.status >= SERVER_ERROR:
            self.server_errors += 1
        self.unexpected[f"{type(error).__name__}: {error}"[:300]] += 1


class World:
    """The service as clients see it. Enter `connections` before there are calls."""

    def __init__(self, ports: Sequence[int], signing: str | None) -> None:
        self.ports = ports
        self.urls = [f"http://127.0.0.1:{port}/service/" for port in ports]
        self.signing = signing
        self.sessions: list[Session] = []
        """Of accounts, for whoever needs one."""
        self.outcomes: defaultdict[str, Outcome] = defaultdict(Outcome)
        self.over = asyncio.Event()
        """The load ends."""
        self.http: httpx.AsyncClient
        self.patient_http: httpx.AsyncClient
        """For calls that wait. httpx looks at each of its connections for each request."""

    @asynccontextmanager
    async def connections(self) -> AsyncIterator[None]:
        """As many as needed; closed in the end."""
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=10)
        async with (
            httpx.AsyncClient(limits=limits, timeout=PATIENCE, trust_env=False) as self.http,
            httpx.AsyncClient(limits=limits, timeout=PATIENCE, trust_env=False) as self.patient_http,
        ):
            yield

    async def log_in(self, count: int) -> None:
        """Make so many accounts, with a session each."""
        names = [f"soak-{number}" for number in range(count)]
        self.sessions += await asyncio.gather(*(self.client().create(name, PASSWORD) for name in names))

    def forget_times(self) -> None:
        """Those of the warm-up. What went wrong then is kept."""
        for outcome in self.outcomes.values():
            outcome.seconds = array("d")
            outcome.skipped = 0

    @property
    def processes(self) -> range:
        """Their numbers, which are arguments of `client`."""
        return range(len(self.ports))

    def client(
        self,
        process: int | None = None,
        session: Session | None = None,
        codec: str = "json",
        waits: bool = False,
    ) -> AsyncClient:
        """Of one of the processes, by chance where none is named. It need not be closed."""
        url = random.choice(self.urls) if process is None else self.urls[process]
        http = self.patient_http if waits else self.http
        return AsyncClient(url, signing=self.signing, session=session, codec=codec, http=http)

    def any_session(self) -> Session:
        return random.choice(self.sessions)

    def any_codec(self) -> str:
        return random.choice(CODECS)

    @contextmanager
    def timed(self, kind: str) -> Iterator[None]:
        """Remember how long it took, if it succeeds."""
        began = time.monotonic()
        yield
        self.outcomes[kind].seconds.append(time.monotonic() - began)

    async def pause(self, seconds: float) -> None:
        """Shorter when the load ends."""
        try:
            async with asyncio.timeout(seconds):
                await self.over.wait()
        except TimeoutError:
            pass
