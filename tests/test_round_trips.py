"""How often an authenticated read asks its store's server, counted at the server or by its driver."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from django.db import connection
from django.db.backends.signals import connection_created
from django.test import AsyncClient, Client
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent
from redis import Redis

from tests.calls import Login, envelope, signed
from tests.conftest import Register
from tests.servers.base import needs
from tests.servers.redis import RedisServer
from toto_django import sessions
from toto_django.invocation import authenticated

CALLERS = 50
IGNORED = {"hello", "client|setinfo", "select", "info", "endSessions"}
"""What is asked once for each connection, and for counting."""

Commands = Callable[[], Counter[str]]
"""How often each command has been given so far, by its name."""


class Started(CommandListener):
    """Counts what MongoDB is asked."""

    def __init__(self) -> None:
        self.commands: Counter[str] = Counter()

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name not in IGNORED:
            self.commands[event.command_name] += 1

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Of no interest."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Of no interest."""


@contextmanager
def queries() -> Iterator[Commands]:
    """On every connection: this thread's, and those that worker threads make."""
    commands: Counter[str] = Counter()

    def note(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        commands[sql.split()[0]] += 1
        return execute(sql, *arguments)

    def listen(*, connection: Any, **created: Any) -> None:
        if note not in connection.execute_wrappers:
            connection.execute_wrappers.append(note)

    connection_created.connect(listen)
    try:
        with connection.execute_wrapper(note):
            yield lambda: Counter(commands)
    finally:
        connection_created.disconnect(listen)


@contextmanager
def redis_commands(settings: Any) -> Iterator[Commands]:
    """Of a server of its own, which nobody else asks."""
    with RedisServer() as server, Redis.from_url(server.url) as client:
        settings.CACHES = {"own": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": server.url}}

        def commands() -> Counter[str]:
            counts = {
                name.removeprefix("cmdstat_"): each["calls"]
                for name, each in client.info("commandstats").items()
            }
            return Counter({name: calls for name, calls in counts.items() if name not in IGNORED})

        yield commands


@pytest.fixture(
    params=[
        pytest.param("database", marks=pytest.mark.django_db(transaction=True)),
        pytest.param("signed", marks=pytest.mark.django_db(transaction=True)),
        pytest.param("redis", marks=needs(RedisServer)),
        pytest.param("mongodb", marks=pytest.mark.service),
    ]
)
def commands(request: pytest.FixtureRequest, settings: Any, toto: Callable[..., None]) -> Iterator[Commands]:
    """Of the store's server; for the signed store, which has none, those of the database."""
    with ExitStack() as stack:
        match request.param:
            case "database" | "signed":
                toto(
                    STORES={"default": store("database.DatabaseStore"), "signed": store("signed.SignedStore")}
                )
                toto(SESSIONS="signed" if request.param == "signed" else "default")
                yield stack.enter_context(queries())
            case "redis":
                toto(STORES={"default": store("redis.RedisStore", CACHE="own")})
                yield stack.enter_context(redis_commands(settings))
            case "mongodb":
                started = Started()
                name = f"{request.getfixturevalue('isolation')}_round_trips"
                url = request.getfixturevalue("mongodb_url")
                options = {"HOST": url, "DATABASE": name, "CLIENT": {"event_listeners": [started]}}
                toto(STORES={"default": store("mongodb.MongoDBStore", **options)})
                yield lambda: Counter(started.commands)


def store(backend: str, **options: Any) -> Mapping[str, Any]:
    return {"BACKEND": f"toto_django.stores.{backend}", "OPTIONS": options}


@pytest.fixture
def trips(request: pytest.FixtureRequest, commands: Commands) -> int:
    """Of one authenticated read."""
    return 0 if "signed" in request.node.callspec.id else 1


@pytest.fixture(autouse=True)
def reading(register: Register) -> None:
    """The methods read (plain) and aread (a coroutine)."""

    def read(handler: Any, parameters: Any) -> Any:
        return {"user_id": handler.session.user_id, "state": dict(handler.session)}

    async def aread(handler: Any, parameters: Any) -> Any:
        return read(handler, parameters)

    register("read", authenticated(read))
    register("aread", authenticated(aread))


def logins(count: int) -> list[Login]:
    """Sessions of as many accounts, with different states."""
    made = []
    for number in range(count):
        session = sessions.create_session(f"user{number}")
        session["number"] = number
        session.save()
        made.append(Login(session.session_id, session.user_id, session.expires))
    return made


def post(client: Any, method: str, login: Login) -> Any:
    body = envelope(method)
    headers = {name.replace("_", "-"): value for name, value in signed(login, body).items()}
    return client.post("/", body, content_type="application/json", headers=headers)


def result(number: int) -> dict[str, Any]:
    return {"user_id": f"user{number}", "state": {"number": number}}


@pytest.mark.parametrize("method", ["read", "aread"])
def test_read_under_wsgi_is_one_trip(commands: Commands, trips: int, method: str) -> None:
    [login] = logins(1)
    before = commands()
    assert post(Client(), method, login).json()["result"] == result(0)
    assert (commands() - before).total() == trips


@pytest.mark.parametrize("method", ["read", "aread"])
def test_read_under_asgi_is_one_trip(commands: Commands, trips: int, method: str) -> None:
    [login] = logins(1)
    before = commands()
    answer = asyncio.run(post(AsyncClient(), method, login))
    assert answer.json()["result"] == result(0)
    assert (commands() - before).total() == trips


def test_many_reads_at_once_on_an_event_loop_share_few_trips(commands: Commands, trips: int) -> None:
    made = logins(CALLERS)

    async def read_all() -> list[Any]:
        return await asyncio.gather(*(post(AsyncClient(), "aread", login) for login in made))

    before = commands()
    answers = asyncio.run(read_all())
    assert [json.loads(answer.content)["result"] for answer in answers] == list(map(result, range(CALLERS)))
    assert trips <= (commands() - before).total() <= CALLERS // 5 * trips
