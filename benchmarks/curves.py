"""Throughput against what grows: connections, processes, methods, the state of sessions."""

import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from benchmarks.cases import call, signed_call
from benchmarks.load import Figures, Request, load
from benchmarks.machine import FIRST_CORE
from benchmarks.options import Options
from benchmarks.places import POSTGRESQL, REDIS, SQLITE, Place, Places
from benchmarks.processes import Server, running
from benchmarks.servers import DJANGO, RAW, TORNADO, TOTO, toto
from benchmarks.tables import Table, bars, cpu, failed, speed

__all__ = ["tables"]

TWO_CORES = frozenset({0, 1})
CONNECTIONS = (1, 8, 32, 128, 500)
METHODS = (10, 100, 1_000, 10_000)
STATES = (0, 1, 4, 16, 64)
"""KiB."""


@dataclass(frozen=True)
class Point:
    """One load of a curve."""

    name: str
    server: Server
    request: Request
    place: Place = SQLITE
    connections: int | None = None
    cores: Collection[int] = frozenset(FIRST_CORE)
    ports: int = 1


Measured = Callable[[Sequence[Point]], list[list[Figures]]]


def tables(options: Options) -> Iterator[Table]:
    with tempfile.TemporaryDirectory() as folder, Places(folder) as places:

        def measured(points: Sequence[Point]) -> list[list[Figures]]:
            rounds = [list(_round(points, places, options, folder)) for _ in range(options.rounds)]
            return [list(figures) for figures in zip(*rounds, strict=True)]

        yield _connections(measured, options)
        yield _processes(measured)
        yield _methods(measured, options)
        for place in (REDIS, POSTGRESQL):
            if not place.missing:
                yield _states(measured, place, options)


def _round(points: Sequence[Point], places: Places, options: Options, folder: str) -> Iterator[Figures]:
    """Points of the same process stand side by side."""
    for (server, place, cores, ports), group in groupby(
        points, lambda p: (p.server, p.place, p.cores, p.ports)
    ):
        with running(server, places.settings(server, place), cores, ports) as process:
            for point in group:
                print(f"{server.name}: {point.name}", file=sys.stderr)
                given = places.credentials(server, place, point.request.needs)
                connections = point.connections or options.connections
                yield load(point.request, process, given, connections, options.seconds, folder)


def _some(values: tuple[int, ...], options: Options) -> tuple[int, ...]:
    return (values[0], values[-1]) if options.quick else values


def _connections(measured: Measured, options: Options) -> Table:
    servers = {TOTO: call(), RAW: call(path="/"), TORNADO: call(path="/"), DJANGO: call(path="/coroutine")}
    there = {server: request for server, request in servers.items() if not server.missing}
    counts = _some(CONNECTIONS, options)
    points = [
        Point(str(n), server, request, connections=n) for server, request in there.items() for n in counts
    ]
    rounds = measured(points)
    columns = [rounds[start : start + len(counts)] for start in range(0, len(rounds), len(counts))]
    drawn = bars([speed(figures) for figures in columns[0]])
    rows = [
        (str(count), *(f"{speed(column[number]):,.0f}" for column in columns), drawn[number])
        for number, count in enumerate(counts)
    ]
    failures = [sum(map(failed, column)) for column in columns]
    names = [server.name for server in there]
    return Table(
        "Connections",
        ("connections", *(f"{name}, calls/s" for name in names), names[0]),
        [*rows, ("failed", *map(str, failures), "")],
        failed=sum(failures),
    )


def _processes(measured: Measured) -> Table:
    request = call()
    points = [
        Point("1 process", TOTO, request),
        Point(
            "2, a shared port",
            toto("toto, shared", "--processes=2", "--shared-port"),
            request,
            cores=TWO_CORES,
        ),
        Point("2, a port each", toto("toto, ports", "--processes=2"), request, cores=TWO_CORES, ports=2),
    ]
    return _table(
        "Processes",
        "processes",
        points,
        measured(points),
        notes=[
            "The generator takes its share of the cores, so calls/s cannot double on two; the CPU of a call "
            "says what a further process costs."
        ],
    )


def _methods(measured: Measured, options: Options) -> Table:
    points = [
        Point(f"{count:,}", toto("toto", BENCH_METHODS=str(count)), call(f"bench.add_{count - 1}"))
        for count in _some(METHODS, options)
    ]
    return _table("Registered methods", "methods", points, measured(points))


def _states(measured: Measured, place: Place, options: Options) -> Table:
    points = [
        Point(f"{size} KiB", toto("toto", BENCH_STATE=str(1024 * size)), signed_call("bench.signed"), place)
        for size in _some(STATES, options)
    ]
    title = f"Size of a session's state, {place.name}"
    notes = ["Signed calls of 1,000 sessions in turn. Whoever uses a session gets all of its state."]
    return _table(title, "state", points, measured(points), notes)


def _table(
    title: str, name: str, points: Sequence[Point], rounds: Sequence[list[Figures]], notes: Sequence[str] = ()
) -> Table:
    times = [cpu(figures) for figures in rounds]
    rows = [
        (
            point.name,
            f"{speed(figures):,.0f}",
            f"{time:,.0f} µs",
            str(failed(figures)),
            bar,
        )
        for point, figures, time, bar in zip(points, rounds, times, bars(times), strict=True)
    ]
    columns = (name, "calls/s", "CPU of a call", "failed", "CPU")
    return Table(title, columns, rows, notes, failed=sum(map(failed, rounds)))
