"""A project behind `manage.py toto`: its middleware around calls, and its admin beside them."""

import json
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.realtime import Waiting, until
from tests.server.daemon import Operator, fetched, operator_in
from tests.server.middleware import SLOWNESS
from toto_django.http import SESSION_COOKIE

pytestmark = pytest.mark.server

AT_ONCE = 20
OF_CALLS: dict[str, dict[str, Any]] = {
    "project": {},
    "own": {"MIDDLEWARE": ["tests.server.middleware.outer", "toto_django.middleware.TotoMiddleware"]},
}
"""TOTO["MIDDLEWARE"], unset and set."""
ALL = "inner slow outer"
ADMINISTRATOR = {"USERNAME": "root", "PASSWORD": "a password", "EMAIL": "root@example.com"}


@pytest.fixture(scope="module", params=OF_CALLS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def project(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """It serves, and its admin has an administrator."""
    folder = tmp_path_factory.mktemp("project")
    modules = ["tests.server.methods", "tests.service.realtime"]
    toto = {"HMAC": None, "USE_COOKIES": True, "METHOD_MODULES": modules, **OF_CALLS[kind]}
    with operator_in(folder, toto) as operator:
        operator.environment |= {
            "DJANGO_SETTINGS_MODULE": "tests.server.project_settings",
            "TOTO_TEST_DATABASE": "sqlite",
            "TOTO_TEST_NAME": str(folder / "project.sqlite3"),
            **{f"DJANGO_SUPERUSER_{name}": value for name, value in ADMINISTRATOR.items()},
        }
        for command in (["migrate", "--verbosity=0"], ["createsuperuser", "--noinput", "--verbosity=0"]):
            operator.run(*command, command=(sys.executable, "-m", "django"))
        operator.begin()
        yield operator


class Browser:
    """One connection, and the cookies it was given."""

    def __init__(self, port: int) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=15)
        self.cookies: SimpleCookie = SimpleCookie()
        self.seen = ""
        """The middleware of the last answer, from the inside out."""

    def ask(self, verb: str, path: str, body: str | None = None, content_type: str = "") -> tuple[int, str]:
        """Status and body."""
        cookies = "; ".join(f"{name}={cookie.value}" for name, cookie in self.cookies.items())
        headers = {"Cookie": cookies, "Content-Type": content_type}
        self.connection.request(verb, path, body, {name: value for name, value in headers.items() if value})
        response = self.connection.getresponse()
        for cookie in response.headers.get_all("Set-Cookie", ()):
            self.cookies.load(cookie)
        self.seen = response.headers.get("X-Seen", "")
        return response.status, response.read().decode()

    def call(self, method: str, **parameters: Any) -> Any:
        """The decoded answer."""
        body = json.dumps({"method": method, "parameters": parameters})
        return json.loads(self.ask("POST", "/", body, "application/json")[1])

    def submit(self, path: str, **fields: str) -> tuple[int, str]:
        """Send a form of the admin."""
        token = self.cookies["csrftoken"].value
        form = urlencode({"csrfmiddlewaretoken": token, **fields})
        return self.ask("POST", path, form, "application/x-www-form-urlencoded")


@pytest.fixture
def browser(project: Operator) -> Iterator[Browser]:
    browser = Browser(project.port)
    yield browser
    browser.connection.close()


def test_middleware_is_passed_in_its_order(browser: Browser, kind: str) -> None:
    assert "result" in browser.call("server.pid")
    assert browser.seen == {"project": ALL, "own": "outer"}[kind]
    assert browser.ask("GET", "/admin/login/")[0] == 200
    assert browser.seen == ALL


def test_slow_synchronous_middleware_keeps_nobody_waiting(project: Operator, kind: str) -> None:
    quickest = min(seconds_of(project, 1) for _ in range(5))
    assert (quickest >= SLOWNESS) == (kind == "project")
    assert seconds_of(project, AT_ONCE) < AT_ONCE * SLOWNESS / 2


def seconds_of(project: Operator, calls: int) -> float:
    """Until as many calls are answered that came at once."""
    began = time.monotonic()
    clients = [Waiting(project.port, {"method": "server.pid"}) for _ in range(calls)]
    assert [client.answer()["result"] for client in clients] == project.pids * calls
    return time.monotonic() - began


def test_session_comes_back_by_its_cookie(browser: Browser) -> None:
    assert browser.call("rt.user")["error"]["code"] == 1004
    created = browser.call("account.create", user_id="anna", password="correct horse")
    assert browser.call("rt.user")["result"] == {"user_id": "anna"}
    assert created["result"]["session_id"] in browser.cookies[SESSION_COOKIE].value


def test_streamed_parts_arrive_one_by_one(project: Operator) -> None:
    waiting = Waiting(project.port, {"method": "rt.stream", "parameters": {"event": "parts"}})
    response = waiting.response()
    assert response.read(6) == b"begin;"
    fetched(project.port, "/rt/send?event=parts&args=one")
    assert response.read(3) == b"one"
    fetched(project.port, "/rt/send?event=parts")
    assert response.read() == b""
    waiting.leave()
    Waiting(project.port, {"method": "rt.forget"}).answer()


def test_waiting_call_ends_when_its_client_leaves(project: Operator) -> None:
    waiting = Waiting(project.port, {"method": "rt.wait", "parameters": {"event": "never sent"}})
    until(lambda: fetched(project.port, "/rt/stats")["handlers"] == 1)
    waiting.leave()
    until(lambda: fetched(project.port, "/rt/stats")["handlers"] == 0)
    assert "Traceback" not in project.log


def test_admin_stands_beside_calls(browser: Browser, kind: str) -> None:
    waiting = Waiting(browser.connection.port, {"method": "rt.wait", "parameters": {"event": "admin"}})
    user_id = f"in-the-admin-{kind}"
    browser.call("account.create", user_id=user_id, password="correct horse")
    browser.ask("GET", "/admin/login/")
    who = {"username": ADMINISTRATOR["USERNAME"], "password": ADMINISTRATOR["PASSWORD"]}
    assert browser.submit("/admin/login/?next=/admin/", **who)[0] == 302
    status, page = browser.ask("GET", "/admin/toto_django/account/")
    assert status == 200
    assert user_id in page
    until(lambda: fetched(browser.connection.port, "/rt/stats")["handlers"] == 1)
    fetched(browser.connection.port, "/rt/send?event=admin&args=1")
    assert waiting.answer() == {"result": {"got": "1"}}
