"""Pages of other sites: they read no answer of a session, and open no socket."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.attacks.sockets import opened
from tests.calls import Login, Service
from toto_django.http import SESSION_COOKIE

Toto = Callable[..., None]

GOOD = "https://good.test"
FOREIGN = [
    *(
        "https://evil.test",
        "null",
        "*",
        "https://good.test.evil.test",
        "https://evilgood.test",
        "https://GOOD.test",
    ),
    *(
        "http://good.test",
        "https://good.test:444",
        "https://good.test/",
        "https://good.test/path",
        "good.test",
    ),
    *(
        "https://good.test@evil.test",
        "https://evil.test#https://good.test",
        "https://good.test\u200b",
        "https://goodxtest",
    ),
    *(
        f"{GOOD}, https://evil.test",
        f"https://evil.test, {GOOD}",
        f"{GOOD} https://evil.test",
        "file://",
        "http://[",
    ),
    *(
        "https://good%2etest",
        "https://good\uff0etest",
        f" {GOOD}x",
        "https://",
        "://good.test",
        "data:",
        "https://good.test.",
    ),
]
NAMES = [
    "echo",
    "auth.required",
    "account.login",
    "no.such",
    "req.jsonp",
    "req.raw",
    "err.generic",
    "misc.redirect",
    "ret.none",
]

foreign = pytest.mark.parametrize("origin", FOREIGN, ids=ascii)


@pytest.fixture
def ann(service: Service, toto: Toto) -> Login:
    """A browser has her cookie, and sends it along wherever a page leads it: the worst that can be."""
    toto(HMAC=None, USE_COOKIES=True, ALLOW_ORIGIN=[GOOD, "https://www.good.test"])
    login = service.create("ann")
    assert SESSION_COOKIE in service.client.cookies
    return login


def all_answers(service: Service, **headers: str) -> Iterator[Any]:
    """By every verb and with every kind of outcome."""
    for name in NAMES:
        yield service.send("GET", f"/{name}?jsonp=cb&x=1", **headers)
        yield service.send("HEAD", f"/{name}", **headers)
        yield service.post({"method": name, "parameters": {"x": 1}}, **headers)
        yield service.send(
            "POST", f"/{name}", b"x=1", content_type="application/x-www-form-urlencoded", **headers
        )
    yield service.post({"batch": {"a": {"method": "auth.required"}}}, **headers)
    yield service.send("POST", "/", b"{", **headers)
    yield service.send("POST", "/", b"{}", content_type="text/plain", **headers)
    yield service.send("PUT", "/", **headers)
    for method in ("GET", "POST", "PUT", "*", "post"):
        asked = {
            "access_control_request_method": method,
            "access_control_request_headers": "x-toto-session-id,cookie",
        }
        yield service.send("OPTIONS", "/account.update", **asked, **headers)


@foreign
def test_foreign_page_may_read_nothing(service: Service, ann: Login, origin: str) -> None:
    sent = origin.encode().decode("latin-1")
    for response in all_answers(service, origin=sent, x_toto_session_id=ann.session_id):
        assert response.headers.get("access-control-allow-origin") is None
        assert "Origin" in response.headers["Vary"]
        assert response.headers.get("access-control-allow-credentials") is None


@pytest.mark.parametrize("allowed", ["*", GOOD, [GOOD], ["*"], ["*", GOOD], []], ids=str)
@pytest.mark.parametrize("origin", [GOOD, "https://evil.test", "null"])
def test_no_answer_allows_credentials(service: Service, toto: Toto, allowed: Any, origin: str) -> None:
    """Without that header browsers show no page what was answered to a request with cookies."""
    toto(ALLOW_ORIGIN=allowed, USE_COOKIES=True)
    service.create("ann")
    for response in all_answers(service, origin=origin):
        assert response.headers.get("access-control-allow-credentials") is None
        assert response.headers.get("access-control-allow-origin") in (None, "*", origin, GOOD)
        if origin != GOOD and "*" not in allowed:
            assert response.headers.get("access-control-allow-origin") != origin


@foreign
def test_foreign_page_makes_no_call_of_the_session(service: Service, ann: Login, origin: str) -> None:
    """Not even unread ones: the cookie does not count."""
    sent = origin.encode().decode("latin-1")
    call = json.dumps({"method": "auth.optional"}).encode()
    for content_type in ("application/json", "text/plain", "application/x-www-form-urlencoded", ""):
        response = service.send("POST", "/auth.optional", call, content_type=content_type, origin=sent)
        if response.status_code == 200:
            assert response.json()["result"]["user_id"] is None
            assert "session" not in response.json()
    assert service.send("GET", "/auth.optional", origin=sent).json()["result"]["user_id"] is None
    assert service.send("GET", "/auth.optional").json()["result"]["user_id"] is None, "a link"
    own = service.send("POST", "/", call, origin="http://testserver").json()
    assert own["result"]["user_id"] == "ann"


def test_preflight_asks_nothing_and_sets_nothing(service: Service, ann: Login) -> None:
    asked = {
        "access_control_request_method": "POST",
        "access_control_request_headers": "x-evil\x1b, " + "a," * 2000,
    }
    response = service.send("OPTIONS", "/account.logout", origin="https://evil.test", **asked)
    assert (response.status_code, response.content) == (200, b"")
    assert SESSION_COOKIE not in response.cookies
    assert service.post({"method": "auth.required"}).json()["result"]["user_id"] == "ann"


# Web sockets


def in_browser(origin: str, session_id: str, *more: tuple[str, str]) -> Any:
    cookie = ("cookie", f"{SESSION_COOKIE}={session_id}")
    sent = origin.encode().decode("latin-1")
    return asyncio.run(opened([("host", "toto.test"), ("origin", sent), cookie, *more]))


@pytest.fixture
def socket_session(toto: Toto, db: None, asgi: Service) -> str:
    """The id of a session that is in the cookie of a browser."""
    toto(
        HMAC=None,
        USE_COOKIES=True,
        SECURE_COOKIES=False,
        ALLOW_ORIGIN=[GOOD],
        STORES={"default": {"BACKEND": "toto_django.stores.memory.MemoryStore"}},
    )
    return asgi.create("ann").session_id


@foreign
def test_foreign_page_opens_no_socket(socket_session: str, origin: str) -> None:
    assert in_browser(origin, socket_session) == 4403


def test_pages_that_are_allowed_open_sockets(socket_session: str) -> None:
    """The refusals above are for their origins alone."""
    for origin in (GOOD, "http://toto.test"):
        answer = in_browser(origin, socket_session)
        assert answer["result"]["user_id"] == "ann"


@pytest.mark.parametrize("origins", [(GOOD, "https://evil.test"), ("https://evil.test", GOOD), (GOOD, GOOD)])
def test_two_origins_are_foreign(socket_session: str, origins: tuple[str, str]) -> None:
    assert in_browser(origins[0], socket_session, ("origin", origins[1])) == 4403


def test_two_session_ids_open_no_session(socket_session: str) -> None:
    for ids in ((socket_session, "bogus"), ("bogus", socket_session), (socket_session, socket_session)):
        headers = [("host", "toto.test"), *(("x-toto-session-id", each) for each in ids)]
        assert asyncio.run(opened(headers))["result"]["has_session"] is False
    alone = [("host", "toto.test"), ("x-toto-session-id", socket_session)]
    assert asyncio.run(opened(alone))["result"]["user_id"] == "ann"


@pytest.mark.parametrize(
    "path", ["/websocket/%2e%2e", "/websocket/../x", "/websocket/a\n", "/websocket/\0", "/websocket\u2044x"]
)
def test_path_of_a_socket_that_is_no_id_opens_no_session(socket_session: str, path: str) -> None:
    answer = asyncio.run(opened([("host", "toto.test")], path=path))
    assert answer in (4404, {"id": 1, "result": {"user_id": None, "has_session": False, "parameters": {}}})
