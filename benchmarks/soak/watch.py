"""What the server's processes take, looked at again and again. Linux."""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
from redis import Redis

from benchmarks.soak.backends import Backends
from benchmarks.soak.figures import Point
from benchmarks.soak.world import World
from toto_django.client import AsyncClient

__all__ = ["Line", "Look", "Watch"]

PATIENCE = 60.0
PAGE = os.sysconf("SC_PAGE_SIZE")
TOLD = ("tasks", "handlers", "groups", "objects", "blocks", "allocated")
"""Figures that `soak.look` tells."""
ENTRY = re.compile(r"^(?=\d{4}-\d\d-\d\d )", re.MULTILINE)
TROUBLE = re.compile(
    r" (ERROR|CRITICAL) |Traceback|Exception ignored|was never (retrieved|awaited)|was destroyed but"
)
"""What no entry of the server's log has to hold."""

Line = tuple[str, str]
"""A figure, and the process it is of."""
Look = dict[Line, float]


class Watch:
    """Looks at the processes of a server, which write this log, by connections of its own."""

    def __init__(self, world: World, log: Path, backends: Backends) -> None:
        self.world = world
        self.log = log
        self.backends = backends
        self.looks: list[tuple[float, Look]] = []
        self.failed = 0
        """Looks that a process did not answer."""
        self.lost = self.outages = 0
        """What the processes say of the channel layer themselves."""
        self._pids: set[int] = set()
        self._http: httpx.AsyncClient

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        async with httpx.AsyncClient(trust_env=False) as self._http:
            yield

    async def keep_looking(self, every: float) -> None:
        """Until cancelled. ``every`` is in seconds."""
        while True:
            began = time.monotonic()
            try:
                self.looks.append((began, await self.look()))
            except Exception:
                self.failed += 1
            await asyncio.sleep(max(0.0, began + every - time.monotonic()))

    async def look(self, collect: bool = False) -> Look:
        """All figures; with ``collect`` the processes collect their garbage before."""
        told = await asyncio.gather(*(self._told(url, collect) for url in self.world.urls))
        found: Look = {}
        self._pids.update(one["pid"] for one in told)
        seen = [_of_process(one) | {name: one[name] for name in TOLD} for one in told]
        for figure in seen[0]:
            for number, values in enumerate(seen, 1):
                found[figure, str(number)] = values[figure]
            found[figure, "all"] = sum(values[figure] for values in seen)
        self.lost, self.outages = (sum(one[name] for one in told) for name in ("lost", "outages"))
        return found | await asyncio.to_thread(self._connections)

    def course(self, line: Line, since: float, until: float) -> list[Point]:
        """How a figure went between two moments. Raises LookupError where nobody looked."""
        points = [(when, look[line]) for when, look in self.looks if since <= when <= until]
        if not points:
            raise LookupError(f"no look at {line}")
        return points

    @property
    def restarts(self) -> int:
        """Processes that ended, and were seen to be others then."""
        return len(self._pids) - len(self.world.urls)

    def trouble(self) -> list[str]:
        """Entries of the log, with their tracebacks, that have to be explained."""
        entries = ENTRY.split(self.log.read_text(errors="replace"))
        return [entry for entry in entries if TROUBLE.search(entry)]

    async def _told(self, url: str, collect: bool) -> dict[str, Any]:
        client = AsyncClient(url, signing=None, http=self._http)
        told: dict[str, Any] = await client.call("soak.look", {"collect": collect}, timeout=PATIENCE)
        return told

    def _connections(self) -> Look:
        found: Look = {}
        if self.backends.postgresql:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
            with psycopg.connect(self.backends.postgresql, connect_timeout=5) as connection:
                row = connection.execute(query, [self.backends.database]).fetchone()
                found["PostgreSQL connections", "all"] = row[0] if row else 0
        if self.backends.redis:
            with Redis.from_url(self.backends.redis, socket_timeout=5) as client:
                number = client.connection_pool.connection_kwargs["db"]
                others = [each for each in client.client_list() if int(each["db"]) == number]
                found["Redis connections", "all"] = len(others) - 1
        return found


def _of_process(told: dict[str, Any]) -> dict[str, float]:
    """What the kernel says of it; "memory in use" is without what malloc keeps for later."""
    process = Path(f"/proc/{told['pid']}")
    memory = PAGE * int((process / "statm").read_text().split()[1])
    return {
        "memory": memory,
        "memory in use": memory - told["spare"],
        "threads": len(list((process / "task").iterdir())),
        "files": len(list((process / "fd").iterdir())),
    }
