"""One soak: a warm-up, silence, the load, silence; and what came of it."""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent

from benchmarks.processes import Server, prepared, running
from benchmarks.servers import EXAMPLE
from benchmarks.soak.accounts import Accounts
from benchmarks.soak.backends import POSTGRESQL, REDIS, backends
from benchmarks.soak.calls import Calls, Counters
from benchmarks.soak.events import Errands, Followers, LongPolls
from benchmarks.soak.figures import percentile
from benchmarks.soak.filling import fill
from benchmarks.soak.load import ENDING, LAG, Load
from benchmarks.soak.rude import Rude
from benchmarks.soak.sockets import Sockets
from benchmarks.soak.verdict import Fact, Figure, facts_table, figures_table, outcomes_table
from benchmarks.soak.watch import Line, Look, Watch
from benchmarks.soak.world import World
from benchmarks.tables import Table

__all__ = ["Options", "Report", "soaked"]

MOST_RAMP = 45.0
"""Seconds until as many sockets go as come."""
MOST_OVERTIME = 120.0
"""Seconds that all the rest may take, beside load and silences."""
BUSY = 0.02
"""Seconds of lag that are told."""
EXAMPLES = 3
LOGGED = 3000
STARTING = 60.0
KEEP_ALIVE = 10


@dataclass(frozen=True)
class Options:
    """``warm_up`` and ``silence`` are in seconds; the warm-up is a part of the minutes, silences are not."""

    minutes: float = 20
    processes: int = 2
    scale: float = 1.0
    """Of all rates."""
    only: str = ""
    """What the names of kinds have in them, to find out which one is to blame."""
    accounts: int = 20
    at_once: int = 40
    """Calls to each process that fill its pools before the load."""
    signing: str | None = "session_key"
    warm_up: float | None = None
    silence: float = 20.0
    """At least; groups are left 15 seconds after the last waiter, and it may be as long again."""
    postgresql: str = POSTGRESQL
    redis: str = REDIS

    @property
    def seconds(self) -> float:
        return 60 * self.minutes

    @property
    def warming(self) -> float:
        """A tenth of all, but two minutes where there are six."""
        if self.warm_up is not None:
            return min(self.warm_up, self.seconds / 2)
        return max(self.seconds / 10, min(120.0, self.seconds / 3))

    @property
    def ramp(self) -> float:
        """Seconds of the load that are not judged."""
        return min(MOST_RAMP, (self.seconds - self.warming) / 4)

    @property
    def every(self) -> float:
        """Seconds from one look to the next."""
        return min(5.0, max(0.5, self.seconds / 120))


@dataclass
class Report:
    tables: list[Table]
    notes: list[str] = field(default_factory=list)

    @property
    def is_ok(self) -> bool:
        return not any(table.failed for table in self.tables)


class Soak:
    """The phases, on one event loop."""

    def __init__(self, options: Options, world: World, watch: Watch) -> None:
        self.options = options
        self.world = world
        self.watch = watch
        self.calls = Calls(world)
        self.counters = Counters(world)
        self.accounts = Accounts(world)
        self.followers = Followers(world)
        self.polls = LongPolls(world)
        self.errands = Errands(world)
        parts = (
            *(self.calls, self.counters, self.accounts, self.followers, self.polls, self.errands),
            *(Sockets(world), Rude(world)),
        )
        kinds = [kind for part in parts for kind in part.kinds() if options.only in kind.name]
        self.load = Load(world, kinds, options.scale)

    async def run(self) -> Report:
        """Raises TimeoutError when it does not end in time."""
        options = self.options
        async with asyncio.timeout(options.seconds + 4 * options.silence + 2 * ENDING + MOST_OVERTIME):
            return await self._run()

    async def _run(self) -> Report:
        async with self.watch.looking():
            async with self.world.connections():
                await self._begin()
                say(f"{self.options.warming:.0f} s of load to warm up")
                await self.load.run(self.options.warming)
            before, quiet_at = await self._silence(None), time.monotonic()
            self.world.forget_times()
            seconds = self.options.seconds - self.options.warming
            async with self.world.connections():
                say(f"{seconds:.0f} s of load")
                since = time.monotonic() + self.options.ramp
                async with self._looks():
                    await self.load.run(seconds)
                await self._settle()
            after = await self._silence(before)
            apart = time.monotonic() - quiet_at
        until = since + seconds - self.options.ramp
        figures = [
            Figure(*line, self.watch.course(line, since, until), before[line], after[line], apart, count)
            for line, count in self._lines(before)
        ]
        tables = [
            figures_table(figures),
            facts_table(list(self._facts())),
            outcomes_table(self.world.outcomes, seconds),
        ]
        return Report(tables, list(self._notes()))

    def _lines(self, look: Look) -> Iterator[tuple[Line, int]]:
        """Its lines, each with the number of processes that it is the sum of."""
        for name, process in look:
            yield (name, process), len(self.world.processes) if process == "all" else 1

    async def _begin(self) -> None:
        for process in self.world.processes:  # The master listens before they serve.
            await self.world.client(process).call("soak.errands", timeout=STARTING)
        await self.world.log_in(self.options.accounts)
        await self.counters.log_in()
        await self.accounts.log_in()
        await fill(self.world, self.options.at_once)

    async def _settle(self) -> None:
        await self.counters.settle()
        await self.errands.settle()

    @asynccontextmanager
    async def _looks(self) -> AsyncIterator[None]:
        looking = asyncio.create_task(self.watch.keep_looking(self.options.every))
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.wait([looking])

    async def _silence(self, before: Look | None) -> Look:
        """The figures when nobody has been there for a while; somewhat later where they are not back yet."""
        say(f"silence, {self.options.silence:.0f} s or more")
        await asyncio.sleep(self.options.silence)
        deadline = time.monotonic() + self.options.silence
        while True:
            look = await self.watch.look(collect=True)
            if before is None or time.monotonic() > deadline or self._is_back(look, before):
                return look
            await asyncio.sleep(1)

    def _is_back(self, look: Look, before: Look) -> bool:
        return all(
            Figure(*line, [], before[line], look[line], 0, count).has_returned
            for line, count in self._lines(before)
        )

    def _facts(self) -> Iterator[Fact]:
        news, errands, polls = self.followers.ledger, self.errands.ledger, self.polls
        yield Fact("events to sockets: sent", news.count)
        yield Fact("events to sockets: arrived", news.delivered, least=1)
        yield Fact("events to sockets: lost", news.lost, most=0)
        yield Fact("events to sockets: doubled", news.doubled, most=0)
        yield Fact("long-polls: woken", polls.woken, least=1)
        yield Fact("long-polls: lost", polls.lost, most=0)
        yield Fact("long-polls: woken by an old event", polls.doubled, most=0)
        yield Fact("events for one process: sent", errands.count)
        yield Fact("events for one process: lost", errands.lost, most=0)
        yield Fact("events for one process: doubled", errands.doubled, most=0)
        yield Fact("events lost, by the processes' own count", self.watch.lost, most=0)
        yield Fact("outages of the channel layer", self.watch.outages, most=0)
        yield Fact("increments of counters: acknowledged", self.counters.counted, least=1)
        yield Fact("increments of counters: lost or doubled", self.counters.wrong, most=0)
        yield Fact("wrong passwords refused", self.accounts.refused, least=1)
        yield Fact("wrong passwords throttled", self.accounts.throttled, least=1)
        yield Fact("answers 5xx", sum(one.server_errors for one in self.world.outcomes.values()), most=0)
        yield Fact("looks without an answer", self.watch.failed, most=0)
        yield Fact("processes that ended", self.watch.restarts, most=0)
        yield Fact("errors in the server's log", len(self.watch.trouble()), most=0)

    def _notes(self) -> Iterator[str]:
        for name, outcome in sorted(self.world.outcomes.items()):
            for words, count in outcome.unexpected.most_common(EXAMPLES):
                yield f"{name}: {count} times {words}"
        if (lag := percentile(self.world.outcomes[LAG].seconds, 0.5)) > BUSY:
            yield f"The clients themselves are {1000 * lag:.0f} ms late: the machine is busy."
        for entry in self.watch.trouble()[:EXAMPLES]:
            yield f"in the log:\n\n{indent(entry[-LOGGED:], ' ' * 6)}"


def soaked(options: Options) -> Report:
    """Run it. What was started and made is gone afterwards, whatever happens."""
    with (
        tempfile.TemporaryDirectory(prefix="toto_soak_") as folder,
        backends(folder, options.postgresql, options.redis) as made,
    ):
        processes = options.processes if made.has_shared_events else 1
        settings = {**made.settings, "TOTO": {"HMAC": options.signing}}
        log = Path(folder, "toto.log")
        server = _server(processes, log)
        prepared(server, settings)
        with running(server, settings, _all_cores(), processes) as process, _log_of_failures(log):
            world = World(process.ports, options.signing)
            soak = Soak(options, world, Watch(world, log, made))
            report = asyncio.run(soak.run())
    report.notes[:0] = made.notes
    return report


def _server(processes: int, log: Path) -> Server:
    return Server(
        "soak",
        (
            *("manage.py", "toto", "--port={port}", f"--processes={processes}", f"--log-file={log}"),
            # Within the silences: uvicorn keeps what it has of some connections for as long after their end.
            f"--keep-alive={KEEP_ALIVE}",
        ),
        environment={**EXAMPLE, "DJANGO_SETTINGS_MODULE": "benchmarks.soak.service.settings"},
        prepare="benchmarks.soak.service.prepare",
    )


@contextmanager
def _log_of_failures(log: Path) -> Iterator[None]:
    try:
        yield
    except Exception:
        say(log.read_text(errors="replace")[-LOGGED:])
        raise


def _all_cores() -> range:
    return range(os.cpu_count() or 1)


def say(what: str) -> None:
    """Progress, beside the report."""
    print(what, file=sys.stderr, flush=True)
