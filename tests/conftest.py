"""The option --require-services, and the fixtures that most files share."""

from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from tests.calls import Service
from toto_django.registry import Function, Method, registry

Register = Callable[..., Method]


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
