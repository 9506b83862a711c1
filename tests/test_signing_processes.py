"""v2 on several server processes, and on web sockets: real servers, real caches."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.calls import PASSWORD, Login, envelope
from tests.realtime import PATIENCE, Server
from tests.servers.base import needs
from tests.servers.memcached import MemcachedServer
from tests.servers.postgresql import PostgreSQLServer
from tests.servers.redis import RedisServer
from tests.test_signing_v2 import v2_header, v2_signed
from tests.test_throttle_processes import (
    Configuration,
    start,
    through_djangos_redis,
    through_memcached,
    through_postgresql,
    through_redis,
)

STORES = {
    "default": {"BACKEND": "toto_django.stores.memory.MemoryStore"},
    "signed": {"BACKEND": "toto_django.stores.signed.SignedStore"},
}
TOTO = {"HMAC": "v2", "STORES": STORES, "SESSIONS": "signed", "NONCE_CACHE": "throttles"}
CHAT = "rt.whoami"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def created(server: Server, user_id: str = "anna") -> Login:
    return Login(**server.call("account.create", user_id=user_id, password=PASSWORD))


def sent(server: Server, login: Login, body: bytes, headers: dict[str, str]) -> Any:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.ask(CHAT, names)


@pytest.mark.parametrize(
    ("kind", "configured"),
    [
        pytest.param(RedisServer, through_redis, marks=needs(RedisServer)),
        pytest.param(RedisServer, through_djangos_redis, marks=needs(RedisServer)),
        pytest.param(MemcachedServer, through_memcached, marks=needs(MemcachedServer)),
        pytest.param(PostgreSQLServer, through_postgresql, marks=needs(PostgreSQLServer)),
    ],
)
@pytest.mark.server
def test_request_is_accepted_by_one_of_two_processes_once(
    stack: ExitStack, kind: Any, configured: Callable[[Any], Configuration]
) -> None:
    cache, databases = configured(stack.enter_context(kind()))
    one, other = [start(stack, cache, databases, **TOTO) for _ in range(2)]
    login = created(one)
    body = envelope(CHAT)
    headers = v2_signed(login, body)
    assert sent(one, login, body, headers)["result"] == "anna", one.said()
    for server in (other, one, other):
        assert sent(server, login, body, headers)["error"]["code"] == 1008, server.said()
    together = v2_signed(login, body)
    names = {name.replace("_", "-"): value for name, value in together.items()}
    clients = [server.wait(CHAT, names) for server in (one, other) * 10]
    answers = [client.answer() for client in clients]
    assert sorted("result" in answer for answer in answers) == [False] * 19 + [True]


# Web sockets


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server({"HMAC": "v2", "HMAC_WINDOW": 60}) as server:
        yield server


@contextmanager
def opened(server: Server, target: str, **headers: str) -> Iterator[ClientConnection]:
    url = f"ws://127.0.0.1:{server.port}{target}"
    options: Any = {"open_timeout": PATIENCE, "close_timeout": 5, "additional_headers": headers}
    with connect(url, **options) as client:
        yield client


def asked(client: ClientConnection, method: str, **parameters: Any) -> Any:
    client.send(json.dumps({"id": 1, "method": method, "parameters": parameters}))
    return json.loads(client.recv(PATIENCE))


def signed_target(login: Login, **changed: Any) -> str:
    path = f"/websocket/{login.session_id}"
    return f"{path}?hmac={quote(v2_header(login, 'GET', path, b'', **changed))}"


def test_session_id_alone_opens_nothing_on_a_socket(server: Server) -> None:
    login = created(server, "lena")
    with opened(server, f"/websocket/{login.session_id}") as client:
        assert asked(client, CHAT)["error"]["code"] == 1008
        assert asked(client, "rt.echo", a=1)["result"] == {"a": 1}


def test_signed_opening_counts_for_every_frame(server: Server) -> None:
    login = created(server, "mina")
    with opened(server, signed_target(login)) as client:
        assert asked(client, CHAT)["result"] == "mina"
        assert asked(client, CHAT)["result"] == "mina"


def test_opening_may_be_signed_in_the_header(server: Server) -> None:
    login = created(server, "nora")
    header = v2_header(login, "GET", "/websocket?a=1", b"")
    headers = {"x-toto-session-id": login.session_id, "x-toto-hmac": header}
    with opened(server, "/websocket?a=1", **headers) as client:
        assert asked(client, CHAT)["result"] == "nora"


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "once-is-enough-for-all"},
        {"uri": "/websocket/other"},
        {"time": str(int(time.time()) - 3600)},
        {"verb": "POST"},
    ],
    ids=["again", "another path", "an hour ago", "another method"],
)
def test_opening_that_is_not_right_is_closed_with_its_error(server: Server, change: dict[str, str]) -> None:
    login = created(server, f"olga {min(change)}")
    target = signed_target(login, **change)
    if "nonce" in change:
        with opened(server, target) as client:
            assert asked(client, CHAT)["result"] == login.user_id
    with opened(server, target) as client:
        error = json.loads(client.recv(PATIENCE))["error"]
        assert error["code"] == 1008
        assert ("time" in error) == ("time" in change)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(PATIENCE)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


def test_login_over_a_socket_counts_without_a_signature(server: Server) -> None:
    created(server, "petra")
    with opened(server, "/websocket") as client:
        assert "result" in asked(client, "account.login", user_id="petra", password=PASSWORD)
        assert asked(client, CHAT)["result"] == "petra"
