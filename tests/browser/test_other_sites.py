"""What pages of other sites can do with a visitor's session cookie, in Chromium (docs/accounts.md#cookies).

A page on another port is of the same site, so that SameSite=Lax sends the cookie along; one
on another host is of another, where the cookie goes with links only.
"""

import itertools
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

import pytest

from tests.browser import test_start_page as start_page
from tests.browser.chromium import CHROMIUM
from tests.browser.test_start_page import TIMEOUT
from tests.calls import PASSWORD
from tests.realtime import Server

browser = start_page.browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
]

KEYS = {"METHOD_MODULES": ["tests.service.tree"], "USE_COOKIES": True}
COOKIE = "toto-session-id"
HOSTS = {"same-site": "localhost", "cross-site": "127.0.0.1"}
"""Where the other page lies, seen from the service on localhost."""

TOOLS = """
function submitted(action, enctype, fields) {
  const form = document.createElement("form");
  Object.assign(form, { action, enctype, method: "post", target: "frame" });
  for (const [name, value] of Object.entries(fields)) {
    form.append(Object.assign(document.createElement("input"), { name, value }));
  }
  const frame = Object.assign(document.createElement("iframe"), { name: "frame" });
  document.body.append(form, frame);  // The empty frame has loaded after that.
  return new Promise((done) => {
    frame.onload = () => done();
    form.submit();
  });
}
function loaded(tag, attributes) {
  const element = document.createElement(tag);
  return new Promise((done) => {
    element.onload = element.onerror = () => done();
    document.body.append(Object.assign(element, attributes));
  });
}
function posted(url, options) {
  const asked = fetch(url, { method: "POST", credentials: "include", ...options });
  return asked.then((answer) => answer.type, () => "failed");
}
function toldBySocket(url, frame) {
  const socket = new WebSocket(url.replace("http", "ws") + "/websocket");
  return new Promise((done) => {
    socket.onopen = () => socket.send(JSON.stringify({ id: 1, ...frame }));
    socket.onmessage = (message) => done(JSON.parse(message.data));
    socket.onerror = () => done("failed");
  });
}
async function called(call) {
  const answer = await fetch("/", { method: "POST", headers: JSON_TYPE, body: JSON.stringify(call) });
  return answer.json();
}
const JSON_TYPE = { "content-type": "application/json" };
const COUNT = '{"method": "sess.counter"}';
const LOGIN = '{"method": "account.login", "parameters": {"user_id": "mallory", "password": "PASSWORD"}}';
""".replace("PASSWORD", PASSWORD)

ATTACKS = {
    "form": 'submitted(at + "/sess.counter", "application/x-www-form-urlencoded", { a: 1 })',
    "upload": 'submitted(at + "/sess.counter", "multipart/form-data", { a: 1 })',
    "text form": """submitted(at, "text/plain", { '{"method": "sess.counter", "a": "': '"}' })""",
    "image": 'loaded("img", { src: at + "/sess.counter" })',
    "script": 'loaded("script", { src: at + "/sess.counter" })',
    "frame": 'loaded("iframe", { src: at + "/sess.counter" })',
    "fetch without CORS": 'posted(at, { mode: "no-cors", body: new Blob([COUNT]) })',
    "fetch without CORS, typed": 'posted(at, { mode: "no-cors", headers: JSON_TYPE, body: COUNT })',
    "fetch of a form": 'posted(at + "/sess.counter", { body: new URLSearchParams({ a: 1 }) })',
    "fetch of JSON": "posted(at, { headers: JSON_TYPE, body: COUNT })",
    "fetch with a header": 'posted(at + "/sess.counter", { headers: { "x-toto-hmac": "x" } })',
    "fetch that logs in": 'posted(at, { mode: "no-cors", body: new Blob([LOGIN]) })',
    "socket": 'toldBySocket(at, { method: "sess.counter" })',
    "link": 'location = at + "/sess.counter"',
    "link that logs in": f'location = at + "/account.login?user_id=mallory&password={PASSWORD}"',
    "link that logs out": 'location = at + "/account.logout"',
    "link to an anonymous session": 'location = at + "/auth.param?session_id=" + foreignId',
}
BLOCKED = {"text form", "fetch without CORS, typed", "fetch of JSON", "fetch with a header"}
"""Without the guard too: no method reads such a body, or no preflight allows credentials."""


class _EmptyPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Another page</title>")

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def other_port() -> Iterator[int]:
    """Of a web server with an empty page."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _EmptyPage) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


class Service(NamedTuple):
    """A service, and a session of it that somebody else has."""

    address: str
    foreign_id: str


@pytest.fixture(scope="module")
def guarded() -> Iterator[Service]:
    with Server(KEYS) as server:
        yield prepared(server)


@pytest.fixture(scope="module")
def unguarded() -> Iterator[Service]:
    with Server({**KEYS, "COOKIE_GUARD": False}) as server:
        yield prepared(server)


def prepared(server: Server) -> Service:
    server.call("account.create", user_id="mallory", password=PASSWORD)
    return Service(f"http://localhost:{server.port}", server.call("sess.info")["session_id"])


class Visitor:
    """Somebody who is logged in at the service, with its own page open."""

    def __init__(self, context: Any, service: Service) -> None:
        self.context = context
        self.service = service
        self.user_id = f"visitor-{next(numbers)}"
        self.page = self.opened(f"{service.address}/echo")
        self.call("account.create", user_id=self.user_id, password=PASSWORD)
        self.cookies = self.kept()
        assert [(cookie["httpOnly"], cookie["sameSite"]) for cookie in self.cookies] == [(True, "Lax")]

    def opened(self, url: str) -> Any:
        page = self.context.new_page()
        page.set_default_timeout(TIMEOUT)
        page.goto(url)
        page.add_script_tag(content=TOOLS)
        return page

    def kept(self) -> list[Any]:
        """The session cookie without its expiry, which moves."""
        found = self.context.cookies(self.service.address)
        return [{**cookie, "expires": 0} for cookie in found if cookie["name"] == COOKIE]

    def call(self, method: str, **parameters: Any) -> Any:
        """The result of a call by the service's own page."""
        answer = self.page.evaluate("(call) => called(call)", {"method": method, "parameters": parameters})
        return answer["result"]

    @property
    def is_unharmed(self) -> bool:
        """The session is the same, and nobody but its own page has used it."""
        return (
            self.kept() == self.cookies
            and self.call("auth.optional")["user_id"] == self.user_id
            and self.call("sess.get", k="counter") == {"value": None}
        )

    def meets(self, attack: str, page: Any) -> None:
        """Let a page try an attack."""
        run = f"([at, foreignId]) => {ATTACKS[attack]}"
        given = [self.service.address, self.service.foreign_id]
        if not attack.startswith("link"):
            page.evaluate(run, given)
            return
        with page.expect_navigation():
            page.evaluate(run, given)
        assert page.url.startswith(self.service.address)


Arrive = Callable[[Service], Visitor]
numbers = itertools.count(1)
each_place = pytest.mark.parametrize("place", HOSTS)


@pytest.fixture
def arrive(browser: Any) -> Iterator[Arrive]:
    """``arrive(service)``: somebody with a new account, in a browser of their own."""
    context = browser.new_context()
    yield lambda service: Visitor(context, service)
    context.close()


def other_page(visitor: Visitor, place: str, port: int) -> Any:
    return visitor.opened(f"http://{HOSTS[place]}:{port}/")


@each_place
def test_page_of_another_origin_does_nothing_with_the_cookie(
    arrive: Arrive, guarded: Service, other_port: int, place: str
) -> None:
    visitor = arrive(guarded)
    for attack in ATTACKS:
        page = other_page(visitor, place, other_port)
        visitor.meets(attack, page)
        page.close()
        assert visitor.is_unharmed, attack


@each_place
@pytest.mark.parametrize("attack", ATTACKS)
def test_without_the_guard_it_does(
    arrive: Arrive, unguarded: Service, other_port: int, place: str, attack: str
) -> None:
    visitor = arrive(unguarded)
    visitor.meets(attack, other_page(visitor, place, other_port))
    is_possible = attack.startswith("link") or (place == "same-site" and attack not in BLOCKED)
    assert visitor.is_unharmed is not is_possible


@each_place
def test_page_of_another_origin_learns_nothing(
    arrive: Arrive, guarded: Service, other_port: int, place: str
) -> None:
    visitor = arrive(guarded)
    page = other_page(visitor, place, other_port)
    asked = "(at) => toldBySocket(at, { method: 'auth.optional', parameters: {} })"
    assert page.evaluate(asked, guarded.address)["result"]["user_id"] is None
    asked = "(at) => posted(at + '/auth.optional', { body: new URLSearchParams({ a: 1 }) })"
    assert page.evaluate(asked, guarded.address) == "failed"


OWN = ["form", "upload", "fetch without CORS", "fetch of a form", "fetch of JSON", "socket"]


@pytest.mark.parametrize("way", OWN)
def test_own_page_acts_with_the_cookie(arrive: Arrive, guarded: Service, way: str) -> None:
    visitor = arrive(guarded)
    visitor.meets(way, visitor.page)
    assert visitor.call("sess.get", k="counter") == {"value": 1}


@pytest.mark.parametrize("way", ["image", "script", "frame", "link", "link that logs out"])
def test_own_page_does_not_act_by_get(arrive: Arrive, guarded: Service, way: str) -> None:
    visitor = arrive(guarded)
    visitor.meets(way, visitor.opened(f"{guarded.address}/echo"))
    assert visitor.is_unharmed


def test_own_page_logs_in_and_out(arrive: Arrive, guarded: Service) -> None:
    visitor = arrive(guarded)
    visitor.call("account.logout")
    assert visitor.kept() == []
    assert visitor.call("auth.optional")["user_id"] is None
    visitor.call("account.login", user_id=visitor.user_id, password=PASSWORD)
    assert visitor.call("auth.optional")["user_id"] == visitor.user_id
    assert visitor.kept() != visitor.cookies
