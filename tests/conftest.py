"""The option --require-services, and the fixtures that most files share."""

import os
from collections.abc import Callable, Generator, Iterator
from typing import Any

import hypothesis
import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from redis import Redis, RedisError

from tests.calls import Service
from tests.service import settings as service_settings
from toto_django.registry import Function, Method, registry

Register = Callable[..., Method]

# How long an example takes depends on who else uses the machine. In CI the same ones are tried each time.
hypothesis.settings.register_profile("toto", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("toto")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-services",
        action="store_true",
        help="Fail, instead of skipping, the tests marked `service` whose server does not answer.",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    is_needed = item.config.getoption("--require-services") and item.get_closest_marker("service")
    if report.skipped and is_needed and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"A service is missing, and --require-services is given: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def isolation() -> str:
    """A text that no other test process has, for names on servers that they share: letters, digits, _."""
    return f"toto_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"


@pytest.fixture(scope="session")
def redis_url(isolation: str) -> Iterator[str]:
    """Of the Redis that all tests share; in the end the keys with `isolation` in them are deleted."""
    url = str(service_settings.CACHES["redis"]["LOCATION"])
    with Redis.from_url(url, socket_connect_timeout=1, socket_timeout=5) as client:
        try:
            client.ping()
        except RedisError as error:
            pytest.skip(f"Redis does not answer on {url} (TOTO_TEST_REDIS_URL): {error}")
        yield url
        for key in client.scan_iter(f"*{isolation}*", 1000):
            client.delete(key)


@pytest.fixture(scope="session")
def mongodb_url(isolation: str) -> Iterator[str]:
    """Of the MongoDB that all tests share; in the end the databases named after `isolation` are dropped."""
    url = os.environ.get("TOTO_TEST_MONGODB", "mongodb://127.0.0.1:27217/?replicaSet=rs0")
    with MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=1000) as client:
        try:
            client.admin.command("ping")
        except PyMongoError as error:
            pytest.skip(f"MongoDB does not answer on {url} (TOTO_TEST_MONGODB): {error}")
        yield url
        for name in client.list_database_names():
            if name.startswith(isolation):
                client.drop_database(name)


@pytest.fixture(params=["wsgi", "asgi"])
def service(request: pytest.FixtureRequest, db: None) -> Service:
    """The test service, once behind each handler."""
    return Service(request.param)


@pytest.fixture
def wsgi(db: None) -> Service:
    """The test service behind the WSGI handler."""
    return Service("wsgi")


@pytest.fixture
def asgi(db: None) -> Service:
    """The test service behind the ASGI handler."""
    return Service("asgi")


@pytest.fixture
def toto(settings: Any) -> Callable[..., None]:
    """``toto(HMAC=None)`` changes keys of settings.TOTO until the test ends."""

    def change(**keys: Any) -> None:
        settings.TOTO = {**settings.TOTO, **keys}

    return change


@pytest.fixture
def register() -> Iterator[Register]:
    """``register("x.y", function)`` adds a method until the test ends."""
    names: list[str] = []

    def add(name: str, function: Function | Method) -> Method:
        assert name not in registry.names()
        names.append(name)
        return registry.register(name, function)

    yield add
    for name in names:
        registry.unregister(name)


@pytest.fixture
def without_signatures(toto: Callable[..., None]) -> None:
    """HMAC is off."""
    toto(HMAC=None)
