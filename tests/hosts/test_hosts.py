"""Two hosts with `manage.py toto` each share PostgreSQL and Redis; one of them is cut off, and returns."""

import select
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from typing import Any

import pytest

from tests.calls import PASSWORD, Login
from tests.hosts.network import Network, Place
from tests.realtime import Waiting, until
from tests.server.daemon import MANAGE, Operator, operator_in
from tests.servers.base import needs
from tests.servers.postgresql import PostgreSQLServer
from tests.servers.redis import RedisServer
from tests.store_processes.load import PUBLIC, Attempt, Client, Load, Stores, migrate
from tests.test_store_failures import assert_everything_acknowledged_is_there

pytestmark = [
    pytest.mark.server,
    *needs(PostgreSQLServer),
    *needs(RedisServer),
]

TIMEOUT = 1
"""Seconds: the time-outs of PostgreSQL (in whole ones, 2 at least for connecting), Redis and events."""
BOUND = 10.0
"""Seconds within which a host that is cut off answers."""
PROMPT = 2.0
"""Seconds for a call that needs nobody, on a busy machine."""
RECOVERY = 15.0
"""Seconds within which it works again after its return."""
DATABASE = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": "postgres",
    "USER": "postgres",
    "CONN_MAX_AGE": 60,
    "CONN_HEALTH_CHECKS": True,
    "OPTIONS": {
        "connect_timeout": 2 * TIMEOUT,
        "tcp_user_timeout": 1000 * TIMEOUT,
        "keepalives_idle": TIMEOUT,
        "keepalives_interval": TIMEOUT,
        "keepalives_count": 2,
    },
}
TOTO = {
    "METHOD_MODULES": ["tests.store_processes.methods", "tests.service.realtime"],
    "STORES": {
        "default": {"BACKEND": "toto_django.stores.database.DatabaseStore"},
        "redis": {"BACKEND": "toto_django.stores.redis.RedisStore", "OPTIONS": {"CACHE": "shared"}},
    },
    "SESSIONS": "redis",
    "EVENT_TIMEOUT": 2 * TIMEOUT,
}

READ_TIMEOUT = 6
"""Seconds: that of the channel layer. It reads for 5 when there is no event."""

_numbers = count()


class Host:
    """A place, and the server that runs there, which only connections from there reach."""

    def __init__(self, place: Place, operator: Operator, redis: RedisServer) -> None:
        self.place = place
        self.operator = operator
        self.redis = redis
        operator.begin(command=(*place.command, *MANAGE))
        self.port = operator.port

    def said(self) -> str:
        return self.operator.log

    def call(self, method: str, parameters: Any = None, login: Login | None = None) -> Attempt:
        with self.place.inside():
            client = Client(self.port)
            try:
                return client.call(method, parameters, login)
            finally:
                client.close()

    def create(self) -> Login:
        """A new account's login."""
        parameters = {"user_id": f"user-{next(_numbers)}", "password": PASSWORD}
        attempt = self.call("account.create", parameters)
        assert attempt.has_succeeded, (attempt, self.said())
        return Login(**attempt.result)

    def parked(self, event: str) -> Waiting:
        """A client that waits for an event, and has arrived."""
        before = self.handlers()
        with self.place.inside():
            waiting = Waiting(self.port, {"method": "rt.wait", "parameters": {"event": event}})
        until(lambda: self.handlers() == before + 1)
        return waiting

    def handlers(self) -> int:
        return int(self.call("rt.stats").result["handlers"])

    def send(self, event: str, args: Any = None) -> Attempt:
        return self.call("rt.asend", {"event": event, "args": args})


Pair = tuple[Host, Host]


def laid_out() -> Network:
    """For two hosts; the test is skipped where that cannot be."""
    try:
        return Network(2)
    except OSError as error:
        pytest.skip(f"no network namespaces here, which need root and iproute2: {error}")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with ExitStack() as stack:
        network = stack.enter_context(laid_out())
        database = stack.enter_context(PostgreSQLServer(host=network.address))
        redis = stack.enter_context(RedisServer(host=network.address))
        options = {"SOCKET_CONNECT_TIMEOUT": TIMEOUT, "SOCKET_TIMEOUT": TIMEOUT}
        cache = {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": f"redis://{redis.host}:{redis.port}/1",
            "OPTIONS": options,
        }
        address = {"HOST": database.host, "PORT": str(database.port)}
        stores = Stores(TOTO, {"default": {**DATABASE, **address}}, {"shared": cache})
        migrate(stores)

        def started(place: Place) -> Host:
            operator = stack.enter_context(operator_in(tmp_path_factory.mktemp("host"), {}))
            layer = f"{redis.url}?socket_timeout={READ_TIMEOUT}"
            operator.environment |= {**stores.variables, "TOTO_TEST_REDIS": layer}
            return Host(place, operator, redis)

        one, other = network.places
        yield started(one), started(other)


def directions(pair: Pair) -> Iterator[Pair]:
    yield pair
    yield pair[::-1]


def assert_hosts_work_together(pair: Pair) -> None:
    """Sessions and events, there and back."""
    for here, there in directions(pair):
        login = here.create()
        assert there.call("failures.add", login=login).result == {"count": 1}
        assert here.call("failures.aadd", login=login).result == {"count": 2}
        assert there.call("account.logout", login=login).has_succeeded
        assert here.call("failures.get", login=login).answer["error"]["code"] == 1004
        event = f"event-{next(_numbers)}"
        waiting = there.parked(event)
        assert here.send(event, event).has_succeeded
        assert waiting.answer() == {"result": {"got": event}}


def test_network_leaves_nothing_behind() -> None:
    with laid_out() as network:
        assert links_and_namespaces().count(network.name) > 2
    assert network.name not in links_and_namespaces()


def links_and_namespaces() -> str:
    return "".join(subprocess.check_output(["ip", *what], text=True) for what in (["link"], ["netns"]))


def test_hosts_share_sessions_and_events(pair: Pair) -> None:
    assert_hosts_work_together(pair)


def test_host_that_was_cut_off_comes_back(pair: Pair) -> None:
    lost, reachable = pair
    before = lost.operator.pids
    login = lost.create()
    waiting = lost.parked("return")
    with ExitStack() as stack:
        with reachable.place.inside():
            load = stack.enter_context(Load(reachable, f"load-{next(_numbers)}"))
        load.until_all_succeed()
        with lost.place.cut_off():
            assert_calls_are_unavailable(lost, login)
            load.until_all_succeed()
            made = reachable.create()
            assert reachable.call("failures.add", login=login).result == {"count": 1}
        until(lambda: has_recovered(lost, made), RECOVERY)
        assert lost.call("failures.add", login=login).result == {"count": 2}
        assert reachable.send("return", 1).has_succeeded
        assert waiting.answer() == {"result": {"got": 1}}
        assert_hosts_work_together(pair)
        load.until_all_succeed()
    assert [each for each in load.attempts if not each.has_succeeded] == []
    with reachable.place.inside():
        assert_everything_acknowledged_is_there(load)
    assert lost.operator.pids == before
    assert "Traceback" not in lost.said() + reachable.said()


def test_host_whose_connections_are_forgotten_hears_of_events_again(pair: Pair) -> None:
    """Its own ends are open still: it reads, and nobody writes."""
    lost, reachable = pair
    created, waiting = lost.create(), lost.parked("sent again")
    with lost.place.cut_off():
        if f":{lost.redis.port} " not in lost.place.forget():
            pytest.skip("the kernel cannot close the connections of others (CONFIG_INET_DIAG_DESTROY)")

    def is_heard() -> bool:
        reachable.send("sent again", 1)
        return bool(select.select([waiting.connection.sock], [], [], 0.2)[0])

    until(is_heard, READ_TIMEOUT + RECOVERY)
    assert waiting.answer() == {"result": {"got": 1}}
    until(lambda: has_recovered(lost, created), RECOVERY)
    assert_hosts_work_together(pair)


def password_of(login: Login) -> dict[str, str]:
    return {"user_id": login.user_id, "password": PASSWORD}


def has_recovered(host: Host, login: Login) -> bool:
    """A connection that was kept through the cut may fail once."""
    counting = [host.call(method, login=login) for method in ("failures.add", "failures.aadd")]
    others = [host.call("account.login", password_of(login)), host.send("nobody")]
    return all(attempt.has_succeeded for attempt in counting + others)


def assert_calls_are_unavailable(host: Host, login: Login) -> None:
    """Those that need the database, Redis or another host, all at once; another one is not."""
    calls: list[tuple[Any, ...]] = [
        ("failures.get", None, login),
        ("failures.add", None, login),
        ("failures.aadd", None, login),
        ("account.login", password_of(login)),
        ("account.create", {"user_id": "nobody", "password": PASSWORD}),
        ("rt.asend", {"event": "nobody"}),
        ("rt.send", {"event": "nobody"}),
    ]
    with ThreadPoolExecutor(len(calls)) as threads:
        attempts = [threads.submit(host.call, *call) for call in calls]
        public = host.call(PUBLIC)
        answers = {call[0]: attempt.result() for call, attempt in zip(calls, attempts, strict=True)}
    assert {name: one for name, one in answers.items() if not one.is_unavailable} == {}
    assert {name: one.took for name, one in answers.items() if one.took > BOUND} == {}
    assert public.has_succeeded
    assert public.took < PROMPT
