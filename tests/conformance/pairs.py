"""Two uvicorn processes, A and B, that share a database and a Redis."""

import itertools
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import ExitStack

from tests.conformance.answers import Answer
from tests.conformance.recordings import Request
from tests.conformance.servers import UvicornTransport
from tests.conformance.transports import Transport
from tests.servers.redis import RedisServer


class UvicornPair(Transport):
    """A request goes to the process that its ``connection`` names.

    Requests without one go to A, or with ``is_spread`` to B and A in turns.
    """

    is_asgi = True
    is_server = True
    refused_verbs = UvicornTransport.refused_verbs

    def __init__(self, environment: Mapping[str, str], is_spread: bool) -> None:
        self.turns = itertools.cycle("BA" if is_spread else "A")
        with ExitStack() as started:
            redis = started.enter_context(RedisServer())
            shared = {**environment, "TOTO_TEST_REDIS": redis.url}
            self.servers = {name: started.enter_context(UvicornTransport(shared)) for name in ("A", "B")}
            self.running = started.pop_all()

    def send(
        self, request: Request, connection: str | None = None, leave_after: float | None = None
    ) -> Future[Answer]:
        server = self.servers[connection or next(self.turns)]
        return server.send(request, connection, leave_after)

    def close(self) -> None:
        self.running.close()
