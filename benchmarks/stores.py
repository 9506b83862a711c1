"""Authenticated, signed calls with each store, and their trips: `python -m benchmarks.stores`.

Every store has a server process of its own, pinned to the first core and driven in turn;
the stores' servers and the load generator share the other cores. 1,000 sessions take
turns. The figures are medians of several rounds, and so are the ratios, each taken
within a round; the CPU is the measured process's alone, so it says the same on a busy
machine. What is missing on this machine is left out. MongoDB is
`python -m tests.servers.mongodb install`, or the path of a mongod in TOTO_TEST_MONGOD.
"""

import argparse
import os
import platform
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

from benchmarks.load import SERVERS, USER, Case, Figures, arguments, call, load, running, setup
from benchmarks.trips import Counter, counter
from tests.servers.base import Server
from tests.servers.mariadb import MariaDBServer
from tests.servers.mongodb import MongoDBServer
from tests.servers.postgresql import PostgreSQLServer
from tests.servers.redis import RedisServer

SESSIONS = 1000
POSTGRESQL, MEMORY, PUBLIC = "database, PostgreSQL", "memory", "public call, no session"
DATABASE = {"BACKEND": "toto_django.stores.database.DatabaseStore"}

Settings = dict[str, Any]
Rounds = dict[Case, list[Figures]]


@dataclass(frozen=True)
class Kind:
    """A store to measure: its server, the driver beyond the extra dev, and the settings that differ."""

    name: str
    settings: Callable[[Any], Settings]
    server: type[Server] | None = None
    driver: str = "django"

    @property
    def missing(self) -> str:
        """What it lacks on this machine, "" when it is all there."""
        if find_spec(self.driver) is None:
            return f"the Python module {self.driver} is not installed"
        return "" if self.server is None else self.server.reason()


def _database(engine: str, name: str, user: str) -> Callable[[Server], Settings]:
    def settings(server: Server) -> Settings:
        place = {"HOST": "127.0.0.1", "PORT": server.port, "USER": user, "NAME": name}
        return {"DATABASES": {"default": _persistent(engine, **place)}}

    return settings


def _persistent(engine: str, **place: Any) -> Settings:
    return {"ENGINE": f"django.db.backends.{engine}", "CONN_MAX_AGE": None, **place}


def _sessions_in(backend: str, **options: Any) -> Settings:
    measured = {"BACKEND": f"toto_django.stores.{backend}", "OPTIONS": options}
    return {"TOTO": {"STORES": {"default": DATABASE, "measured": measured}, "SESSIONS": "measured"}}


def _cache(server: RedisServer) -> Settings:
    timeouts = {"SOCKET_CONNECT_TIMEOUT": 5, "SOCKET_TIMEOUT": 5}
    cache = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": server.url, "OPTIONS": timeouts}
    return {"CACHES": {"default": cache}}


KINDS = [
    Kind("database, SQLite", lambda server: {}),
    Kind(POSTGRESQL, _database("postgresql", "postgres", "postgres"), PostgreSQLServer),
    Kind("database, MariaDB", _database("mysql", "bench", "root"), MariaDBServer, "MySQLdb"),
    Kind("redis", lambda server: _cache(server) | _sessions_in("redis.RedisStore"), RedisServer),
    Kind("mongodb", lambda server: _sessions_in("mongodb.MongoDBStore", HOST=server.url), MongoDBServer),
    Kind("signed", lambda server: _sessions_in("signed.SignedStore")),
    Kind(
        "signed, ended ones in Redis",
        lambda server: _cache(server) | _sessions_in("signed.SignedStore", REVOCATION_CACHE="default"),
        RedisServer,
    ),
    Kind(MEMORY, lambda server: _sessions_in("memory.MemoryStore")),
]

METHODS = {
    ("ASGI", "async def"): ("bench.signed_coroutine", "bench.coroutine"),
    ("ASGI", "plain"): ("bench.signed", "bench.plain"),
    ("WSGI", "plain"): ("bench.signed", "bench.plain"),
}
"""By server and kind of method: the one with a session, and the public one."""


@dataclass(frozen=True)
class Service:
    """A server process with its store."""

    kind: str
    server: str
    port: int
    session_ids: list[str]


def main() -> None:
    options = arguments(__doc__)
    _leave_first_core()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        kinds = [kind for kind in KINDS if not kind.missing]
        servers = {
            server: stack.enter_context(server())
            for server in dict.fromkeys(kind.server for kind in kinds)
            if server is not None
        }
        services = list(_started(kinds, servers, folder, stack))
        print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores\n")
        _report_speed(_measured(services, options, folder))
        counters = [counter(server) for server in servers.values()]
        _report_trips(_counted(services, counters, options, folder), options.connections)
    for kind in KINDS:
        if kind.missing:
            print(f"Left out: {kind.name}: {kind.missing}.")


def _leave_first_core() -> None:
    """To the measured process alone: what is started from here inherits it."""
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, os.sched_getaffinity(0) - {0})


def _started(
    kinds: list[Kind], servers: Mapping[type[Server], Server], folder: str, stack: ExitStack
) -> Iterator[Service]:
    for kind in kinds:
        sqlite = _persistent("sqlite3", NAME=f"{folder}/{kind.name}.sqlite3")
        server = servers.get(kind.server) if kind.server else None
        settings = {"DATABASES": {"default": sqlite}, **kind.settings(server)}
        setup(settings, _SETUP)
        for interface in SERVERS:
            port = stack.enter_context(running(interface, settings))
            ids = call(port, "bench.sessions", {"user_id": USER, "count": SESSIONS})
            yield Service(kind.name, interface, port, ids)


_SETUP = """
from benchmarks import service
from django.conf import settings
from django.core.management import call_command
database = settings.DATABASES["default"]
if database["ENGINE"].endswith("mysql"):
    import MySQLdb
    server = MySQLdb.connect(host=database["HOST"], port=database["PORT"], user=database["USER"])
    server.cursor().execute(f"CREATE DATABASE {database['NAME']} CHARACTER SET utf8mb4")
call_command("migrate", verbosity=0)
"""


# Calls per second


def _measured(services: list[Service], options: argparse.Namespace, folder: str) -> Rounds:
    """Every other round goes backwards, so that no case always follows the same one."""
    cases = list(_cases(services))
    rounds: Rounds = {case: [] for case, _ in cases}
    for number in range(options.rounds):
        for case, service in reversed(cases) if number % 2 else cases:
            done = load(case, service.port, service.session_ids, options.connections, options.seconds, folder)
            rounds[case].append(done)
    return rounds


def _cases(services: list[Service]) -> Iterator[tuple[Case, Service]]:
    """Server by server and method by method, so that what is compared is measured close together."""
    for (server, kind_of_method), (signed, public) in METHODS.items():
        for service in (service for service in services if service.server == server):
            name = f"{kind_of_method} | {service.kind}"
            yield Case(name, server, method=signed, credentials="session", against=kind_of_method), service
            if service.kind == MEMORY:
                name = f"{kind_of_method} | {PUBLIC}"
                yield Case(name, server, method=public, against=kind_of_method), service


def _report_speed(rounds: Rounds) -> None:
    by_name = {(case.server, case.name): figures for case, figures in rounds.items()}
    print("| server | method | store | calls/s | to PostgreSQL | to the public call | CPU of a call |")
    print("|---|---|---|---:|---:|---:|---:|")
    for case, figures in rounds.items():
        others = (by_name.get((case.server, f"{case.against} | {name}")) for name in (POSTGRESQL, PUBLIC))
        ratios = " | ".join(_ratio(figures, other) for other in others)
        speed = statistics.median(each.per_second for each in figures)
        cpu = 1e6 * statistics.median(each.cpu for each in figures)
        print(f"| {case.server} | {case.name} | {speed:,.0f} | {ratios} | {cpu:.0f} µs |")


def _ratio(figures: list[Figures], others: list[Figures] | None) -> str:
    if others is None:
        return ""
    pairs = zip(figures, others, strict=True)
    return f"{statistics.median(one.per_second / other.per_second for one, other in pairs):.2f}"


# Trips


def _counted(
    services: list[Service], counters: list[Counter], options: argparse.Namespace, folder: str
) -> dict[str, list[float]]:
    """Trips of a call under ASGI, by store: each method with one connection, then with many."""
    trips: dict[str, list[float]] = {}
    for case, service in _cases([service for service in services if service.server == "ASGI"]):
        if not case.credentials:
            continue
        everywhere: list[Counter] = [*counters, partial(_statements, service.port)]
        for connections in (1, options.connections):
            loaded = partial(load, case, service.port, service.session_ids, connections, folder=folder)
            loaded(seconds=1)  # Opens the connections to the store's server.
            figure = _trips(everywhere, partial(loaded, seconds=options.seconds))
            trips.setdefault(service.kind, []).append(figure)
    return trips


def _trips(counters: list[Counter], calls: Callable[[], Figures]) -> float:
    """Of one of these calls, to all servers, so that none is overlooked; less those of asking them."""
    asking = -_total(counters) + _total(counters)
    before = _total(counters)
    done = calls().done
    return (_total(counters) - before - asking) / done


def _statements(port: int) -> int:
    return int(call(port, "bench.figures")["statements"])


def _total(counters: list[Counter]) -> int:
    return sum(count() for count in counters)


def _report_trips(trips: dict[str, list[float]], connections: int) -> None:
    print(
        f"\n| trips of a call, ASGI | async def | {connections} at a time | plain | {connections} at a time |"
    )
    print("|---|---:|---:|---:|---:|")
    for kind, figures in trips.items():
        print(f"| {kind} | {' | '.join(f'{figure:.2f}' for figure in figures)} |")
    print()


if __name__ == "__main__":
    main()
