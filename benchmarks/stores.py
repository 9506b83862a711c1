"""Authenticated, signed calls with each store, and their trips.

Every store has a server process of its own, driven in turn; the stores' servers and the
generator share the other cores. 1,000 sessions take turns. The CPU is the measured
process's alone, so it says the same on a busy machine.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from benchmarks.cases import call, signed_call
from benchmarks.load import Figures, Request, ask, load
from benchmarks.options import Options
from benchmarks.places import MEMORY, PLACES, POSTGRESQL, Place, Places
from benchmarks.processes import Running, Server, running
from benchmarks.servers import TOTO, TOTO_WSGI
from benchmarks.tables import Table, cpu, failed, ratio, speed
from benchmarks.trips import Counter, counter
from benchmarks.users import COUNT

__all__ = ["tables"]


@dataclass(frozen=True)
class Kind:
    """A kind of method: the one with a session, and the public one."""

    name: str
    server: Server
    signed: Request
    public: Request


KINDS = [
    Kind("async def", TOTO, signed_call("bench.signed"), call("bench.add")),
    Kind("plain def", TOTO, signed_call("bench.signed_plain"), call("bench.plain")),
    Kind("plain def", TOTO_WSGI, signed_call("bench.signed_plain"), call("bench.plain")),
]


@dataclass(frozen=True)
class Service:
    """A server process with its store."""

    place: Place
    server: Server
    process: Running
    session_ids: list[str]


@dataclass(frozen=True)
class Case:
    """A kind of method with a store; with ``place`` None the public method."""

    kind: Kind
    place: Place | None


Rounds = dict[Case, list[Figures]]


def tables(options: Options) -> Iterator[Table]:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        places = stack.enter_context(Places(folder))
        services = list(_started(places, stack))
        yield _speeds(_measured(services, options, folder))
        counters = [counter(server) for server in places.servers.values()]
        yield _trips_table(_counted(services, counters, options, folder), options.connections)


def _started(places: Places, stack: ExitStack) -> Iterator[Service]:
    for place in PLACES:
        if place.missing:
            continue
        for server in (TOTO, TOTO_WSGI):
            if server.missing:
                continue
            session_ids = places.credentials(server, place, "session")
            process = stack.enter_context(running(server, places.settings(server, place)))
            yield Service(place, server, process, session_ids if place != MEMORY else _own_sessions(process))


def _own_sessions(process: Running) -> list[str]:
    body = json.dumps({"method": "bench.sessions", "parameters": {"count": COUNT}})
    session_ids: list[str] = ask(Request("/service/", body), process)["result"]
    return session_ids


# Calls per second


def _measured(services: list[Service], options: Options, folder: str) -> Rounds:
    """Every other round goes backwards, so that no case always follows the same one."""
    cases = list(_cases(services))
    rounds: Rounds = {case: [] for case, _ in cases}
    for number in range(options.rounds):
        for case, service in reversed(cases) if number % 2 else cases:
            print(f"{service.server.name}: {case.kind.name}, {service.place.name}", file=sys.stderr)
            request = case.kind.signed if case.place else case.kind.public
            done = load(
                request, service.process, service.session_ids, options.connections, options.seconds, folder
            )
            rounds[case].append(done)
    return rounds


def _cases(services: list[Service]) -> Iterator[tuple[Case, Service]]:
    """Server by server and method by method, so that what is compared is measured close together."""
    for kind in KINDS:
        for service in services:
            if service.server == kind.server:
                yield Case(kind, service.place), service
                if service.place == MEMORY:
                    yield Case(kind, None), service


def _speeds(rounds: Rounds) -> Table:
    rows = [
        (
            case.kind.server.name,
            case.kind.name,
            case.place.name if case.place else "public call, no session",
            f"{speed(figures):,.0f}",
            *(_ratio(figures, rounds.get(Case(case.kind, other))) for other in (POSTGRESQL, None)),
            f"{cpu(figures):,.0f} µs",
            str(failed(figures)),
        )
        for case, figures in rounds.items()
    ]
    columns = (
        *("server", "method", "store", "calls/s", "to PostgreSQL", "to the public call"),
        *("CPU of a call", "failed"),
    )
    left_out = [f"Left out: {place.name}: {place.missing}." for place in PLACES if place.missing]
    return Table(
        "Stores",
        columns,
        rows,
        notes=["Signed calls of 1,000 sessions in turn.", *left_out],
        texts=3,
        failed=sum(map(failed, rounds.values())),
    )


def _ratio(figures: list[Figures], others: list[Figures] | None) -> str:
    return "" if others is None else f"{ratio(figures, others):.2f}"


# Trips


def _counted(
    services: list[Service], counters: list[Counter], options: Options, folder: str
) -> dict[Place, list[float]]:
    """Trips of a call under ASGI, by store: each method with one connection, then with many."""
    trips: dict[Place, list[float]] = {}
    for case, service in _cases([service for service in services if service.server == TOTO]):
        if case.place is None:
            continue
        everywhere: list[Counter] = [*counters, partial(service.process.count, "statements")]
        for connections in (1, options.connections):
            loaded = partial(
                load, case.kind.signed, service.process, service.session_ids, connections, folder=folder
            )
            figure = _trips(everywhere, partial(loaded, seconds=1))
            trips.setdefault(case.place, []).append(figure)
    return trips


def _trips(counters: list[Counter], calls: Callable[[], Figures]) -> float:
    """Of one of these calls, to all servers, so that none is overlooked; less those of asking them."""
    asking = -_total(counters) + _total(counters)
    before = _total(counters)
    done = calls().done
    return (_total(counters) - before - asking) / done


def _total(counters: list[Counter]) -> int:
    return sum(count() for count in counters)


def _trips_table(trips: dict[Place, list[float]], connections: int) -> Table:
    rows = [(place.name, *(f"{figure:.2f}" for figure in figures)) for place, figures in trips.items()]
    many = f"{connections} at a time"
    return Table("Trips to the stores' servers", ("of a call", "async def", many, "plain def", many), rows)
