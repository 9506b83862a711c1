"""Services under each scheme, and clients of both kinds, closed in the end."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.python_client import blocking
from tests.realtime import Server

METHODS = ["tests.service.realtime", "tests.python_client.methods"]
PASSWORD = "correct horse battery"
_numbers = itertools.count(1)

Make = Callable[..., Any]


def service(signing: str | None) -> Server:
    """An ASGI server whose ``HMAC`` this is."""
    server = Server({"HMAC": signing, "METHOD_MODULES": METHODS})
    server.signing = signing  # type: ignore[attr-defined]
    return server


@pytest.fixture(scope="module")
def user_id_service() -> Iterator[Server]:
    with service("user_id") as server:
        yield server


@pytest.fixture(scope="module")
def session_key_service() -> Iterator[Server]:
    with service("session_key") as server:
        yield server


@pytest.fixture(scope="module")
def v2_service() -> Iterator[Server]:
    with service("v2") as server:
        yield server


@pytest.fixture(scope="module")
def unsigned_service() -> Iterator[Server]:
    with service(None) as server:
        yield server


@pytest.fixture(params=["user_id", "session_key", "v2", "unsigned"])
def server(request: pytest.FixtureRequest) -> Server:
    """One under each scheme, and one without."""
    found: Server = request.getfixturevalue(f"{request.param}_service")
    return found


@pytest.fixture(params=["plain", "async"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """``make(server)`` or ``make(url)``: a client of each kind."""
    made = []

    def add(service: Any, **options: Any) -> Any:
        if isinstance(service, Server):
            options = {"signing": service.signing, **options}  # type: ignore[attr-defined]
            service = f"http://127.0.0.1:{service.port}/"
        made.append(client := blocking.make(request.param, service, **options))
        return client

    yield add
    for client in made:
        client.close()


@pytest.fixture
def name() -> str:
    """A user id that no test had before."""
    return f"user{next(_numbers)}"
