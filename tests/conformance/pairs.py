"""Two server processes, A and B, that share a database and a Redis."""

import itertools
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack

from tests.conformance.answers import Answer
from tests.conformance.recordings import Request
from tests.conformance.servers import PortTransport, UvicornTransport, toto_serving
from tests.conformance.transports import Transport
from tests.servers.redis import RedisServer

Start = Callable[[ExitStack, Mapping[str, str]], list[PortTransport]]


class Pair(Transport):
    """A request goes to the process that its ``connection`` names.

    Requests without one go to A, or with ``is_spread`` to B and A in turns.
    """

    is_asgi = True
    is_server = True
    refused_verbs = PortTransport.refused_verbs

    def __init__(self, start: Start, environment: Mapping[str, str], is_spread: bool) -> None:
        self.turns = itertools.cycle("BA" if is_spread else "A")
        with ExitStack() as started:
            redis = started.enter_context(RedisServer())
            servers = start(started, {**environment, "TOTO_TEST_REDIS": redis.url})
            self.servers = dict(zip("AB", servers, strict=True))
            self.running = started.pop_all()

    def send(
        self, request: Request, connection: str | None = None, leave_after: float | None = None
    ) -> Future[Answer]:
        server = self.servers[connection or next(self.turns)]
        return server.send(request, connection, leave_after)

    def close(self) -> None:
        self.running.close()


def two_of_uvicorn(started: ExitStack, environment: Mapping[str, str]) -> list[PortTransport]:
    """Each a server of its own."""
    return [started.enter_context(UvicornTransport(environment)) for _ in range(2)]


def two_of_toto(started: ExitStack, environment: Mapping[str, str]) -> list[PortTransport]:
    """`manage.py toto --processes=2`."""
    operator = started.enter_context(toto_serving(environment, "--processes=2"))
    ports = [process["port"] for process in operator.processes]
    return [started.enter_context(PortTransport(port, lambda: operator.log)) for port in ports]
