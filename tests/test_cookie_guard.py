"""The session cookie: which calls it counts for, and what becomes of it (docs/protocol.md section 14)."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.cookies import Morsel
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction
from asgiref.testing import ApplicationCommunicator
from django.core.handlers.asgi import ASGIHandler
from django.core.signing import Signer
from django.test import RequestFactory, override_settings
from django.utils.decorators import sync_and_async_middleware

from tests.calls import PASSWORD, envelope, signature
from tests.conformance.answers import Answer
from tests.conformance.recordings import Request
from tests.conformance.replay import Replay
from tests.conformance.runs import Run
from tests.conformance.transports import AsgiTransport, Transport, WsgiTransport
from tests.realtime import MEMORY
from tests.service import settings as service_settings
from toto_django.asgi import get_asgi_application
from toto_django.http import may_use_cookie
from toto_django.invocation import authenticated
from toto_django.wsgi import get_wsgi_application

# Accounts and sessions are in memory; Django's housekeeping looks at the connection all the same.
pytestmark = pytest.mark.django_db

COOKIE = "toto-session-id"
OWN = {"origin": "http://service.test"}
EVIL = {"origin": "https://evil.test"}
JSON = {"content_type": "application/json"}
TEXT = {"content_type": "text/plain"}
FORM = {"content_type": "application/x-www-form-urlencoded"}
UPLOAD = {"content_type": "multipart/form-data; boundary=b"}
EMPTY_UPLOAD = b"--b--\r\n"


class Visitor:
    """A browser in front of the service: it sends the cookie that it was last sent.

    A keyword ``x_toto_hmac`` is the header x-toto-hmac.
    """

    def __init__(self, transport: Transport, mounted_at: str = "/") -> None:
        self.transport = transport
        self.mounted_at = mounted_at
        self.cookie = ""

    def send(self, verb: str = "POST", path: str = "/", body: bytes = b"", **headers: str) -> Answer:
        sent = {"host": "service.test", **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookie:
            sent["cookie"] = f"{COOKIE}={self.cookie}"
        answer = self.transport.send(Request(method=verb, path=path, headers=sent, body=body)).result()
        assert answer.get("access-control-allow-credentials") is None
        if COOKIE in answer.cookies:
            self.cookie = answer.cookies[COOKIE].value
        return answer

    def call(self, method: str, parameters: Any = None) -> Any:
        """The decoded answer to a call of the service's own page."""
        return self.send("POST", self.mounted_at, envelope(method, parameters), **OWN, **JSON).decoded

    def created(self, user_id: str = "anna") -> Any:
        """The session of a new account."""
        return self.call("account.create", {"user_id": user_id, "password": PASSWORD})["session"]

    @property
    def user_id(self) -> Any:
        """Whose session the cookie is, as the service's own page learns it."""
        return self.call("auth.optional")["result"]["user_id"]


Handler = Callable[[], Transport]
Visit = Callable[..., Visitor]


class TotoWsgiTransport(WsgiTransport):
    """Calls the application of toto_django.wsgi instead of Django's."""

    def __init__(self) -> None:
        self.application = get_wsgi_application()


class DjangoAsgiTransport(AsgiTransport):
    """Calls Django's application instead of that of toto_django.asgi."""

    def __init__(self) -> None:
        super().__init__()
        self.application = ASGIHandler()  # type: ignore[assignment]


HANDLERS: dict[str, Handler] = {
    "wsgi": TotoWsgiTransport,
    "asgi": AsgiTransport,
    "django wsgi": WsgiTransport,
    "django asgi": DjangoAsgiTransport,
}


@pytest.fixture(params=HANDLERS)
def handler(request: pytest.FixtureRequest) -> Handler:
    """Under WSGI the plain view answers, under ASGI the coroutine."""
    return HANDLERS[request.param]


@pytest.fixture
def visit(handler: Handler, toto: Callable[..., None]) -> Iterator[Visit]:
    """``visit(ALLOW_ORIGIN=...)``: somebody who is logged in as anna, under these keys of TOTO."""
    with ExitStack() as stack:

        def arrived(mounted_at: str = "/", **keys: Any) -> Visitor:
            toto(**{"USE_COOKIES": True, "HMAC": None, "STORES": MEMORY, **keys})
            visitor = Visitor(stack.enter_context(handler()), mounted_at)
            visitor.created()
            assert visitor.cookie
            return visitor

        yield arrived


@pytest.fixture(params=[True, False], ids=["signed", "plain"])
def visitor(request: pytest.FixtureRequest, visit: Visit) -> Visitor:
    """Logged in as anna, with a cookie that is signed or not."""
    return visit(SECURE_COOKIES=request.param)


def set_cookie(answer: Answer) -> "Morsel[str] | None":
    return answer.cookies.get(COOKIE)


# Which calls the cookie counts for

TRUSTED = {
    "own origin": {**OWN, **TEXT},
    "own origin, no content type": OWN,
    "own origin, from another page of its site": {**OWN, **FORM, "sec_fetch_site": "same-site"},
    "own origin, form": {**OWN, **FORM},
    "own origin, upload": {**OWN, **UPLOAD},
    "named origin": {"origin": "https://app.test", **TEXT},
    "origin trusted by Django": {"origin": "https://forms.test", **TEXT},
    "origin below a domain trusted by Django": {"origin": "https://a.b.partner.test", **TEXT},
    "no origin, same-origin fetch": {"sec_fetch_site": "same-origin", **TEXT},
    "no origin, JSON": JSON,
    "no origin, JSON by somebody at the address bar": {"sec_fetch_site": "none", **JSON},
    "no origin, JSON with a charset": {"content_type": "Application/JSON ; charset=utf-8"},
    "no origin, JSON with a comma": {"content_type": 'application/json; x="text/plain,a"'},
    "no origin, MessagePack": {"content_type": "application/msgpack"},
    "no origin, signature": {"x_toto_hmac": "any"},
    "no origin, signature, form": {"x_toto_hmac": "", **FORM},
}
FOREIGN = {
    "other site, JSON": {**EVIL, **JSON},
    "other site, form": {**EVIL, **FORM},
    "other site, signature": {**EVIL, **JSON, "x_toto_hmac": "any"},
    "other site, claims": {**EVIL, **JSON, "sec_fetch_site": "same-origin"},
    "null, JSON": {"origin": "null", **JSON},
    "star, JSON": {"origin": "*", **JSON},
    "empty, JSON": {"origin": "", **JSON},
    "own host by HTTPS": {"origin": "https://service.test", **JSON},
    "own host, other port": {"origin": "http://service.test:81", **JSON},
    "host that begins alike": {"origin": "http://service.test.evil.test", **JSON},
    "subdomain": {"origin": "http://blog.service.test", **JSON},
    "two origins": {"origin": "http://service.test, https://evil.test", **JSON},
    "named origin by HTTP": {"origin": "http://app.test", **JSON},
    "subdomain of a named origin": {"origin": "https://x.app.test", **JSON},
    "below a trusted domain by HTTP": {"origin": "http://a.partner.test", **JSON},
    "domain that ends alike": {"origin": "https://evilpartner.test", **JSON},
    "pattern of a trusted domain": {"origin": "https://*.forms.test", **JSON},
    "no origin, cross-site fetch": {"sec_fetch_site": "cross-site", **JSON},
    "no origin, same-site fetch": {"sec_fetch_site": "same-site", **JSON, "x_toto_hmac": "any"},
    "no origin, unknown fetch": {"sec_fetch_site": "same-origin,cross-site", **JSON},
    "no origin, nothing": {},
    "no origin, text": TEXT,
    "no origin, text in capitals": {"content_type": "TEXT/PLAIN"},
    "no origin, text that names JSON": {"content_type": "text/plain; application/json"},
    "no origin, text and JSON": {"content_type": "text/plain,application/json"},
    "no origin, JSON and text": {"content_type": "application/json, text/plain;charset=utf-8"},
    "no origin, parameters alone": {"content_type": ";application/json"},
    "no origin, form": {"content_type": "application/x-www-form-urlencoded; charset=utf-8"},
    "no origin, upload": UPLOAD,
    "no origin, text by somebody at the address bar": {"sec_fetch_site": "none", **TEXT},
}
PARTNERS = ["https://forms.test", "https://*.partner.test"]


def asked(visitor: Visitor, headers: dict[str, str]) -> Answer:
    """The answer to a call without parameters, whatever its content type."""
    body = EMPTY_UPLOAD if "multipart" in headers.get("content_type", "") else b""
    return visitor.send("POST", "/auth.optional", body, **headers)


@pytest.mark.parametrize("allowed", ["https://app.test", ["https://app.test", "*"]], ids=["one", "list"])
@pytest.mark.parametrize("headers", TRUSTED.values(), ids=TRUSTED)
def test_cookie_counts_for_a_call_that_no_other_site_made(
    visit: Visit, settings: Any, headers: dict[str, str], allowed: Any
) -> None:
    settings.CSRF_TRUSTED_ORIGINS = PARTNERS
    answer = asked(visit(ALLOW_ORIGIN=allowed), headers)
    assert answer.decoded["result"]["user_id"] == "anna"
    assert set_cookie(answer) is not None


@pytest.mark.parametrize("allowed", ["*", ["https://app.test", "null", "*"]], ids=["star", "list"])
@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_cookie_does_not_count_for_a_call_that_another_site_may_have_made(
    visit: Visit, settings: Any, headers: dict[str, str], allowed: Any
) -> None:
    settings.CSRF_TRUSTED_ORIGINS = PARTNERS
    visitor = visit(ALLOW_ORIGIN=allowed)
    answer = asked(visitor, headers)
    assert (answer.decoded["result"]["user_id"], answer.decoded["result"]["has_session"]) == (None, False)
    assert set_cookie(answer) is None
    assert visitor.user_id == "anna"


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_cookie_counts_for_every_call_without_the_guard(visit: Visit, headers: dict[str, str]) -> None:
    answer = asked(visit(COOKIE_GUARD=False), headers)
    assert answer.decoded["result"]["user_id"] == "anna"
    assert set_cookie(answer) is not None


@pytest.mark.parametrize("verb", ["GET", "HEAD"])
@pytest.mark.parametrize("headers", [{}, *TRUSTED.values()], ids=["nothing", *TRUSTED])
def test_cookie_does_not_count_for_get_and_head(
    visit: Visit, register: Any, verb: str, headers: dict[str, str]
) -> None:
    visitor = visit()
    ran = []
    register("test.acts", authenticated(lambda handler, parameters: ran.append(handler.session)))
    answer = visitor.send(verb, "/test.acts", **headers)
    assert answer.status == 200
    if verb == "GET":
        assert answer.decoded["error"]["code"] == 1004
    assert set_cookie(answer) is None
    assert ran == []


def test_own_origin_is_that_which_django_knows(visit: Visit, settings: Any) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_SCHEME", "https")
    settings.USE_X_FORWARDED_HOST = True
    visitor = visit()
    proxied = {"x_scheme": "https", "x_forwarded_host": "public.test:8443"}
    for origin, expected in {"https://public.test:8443": "anna", "http://service.test": None}.items():
        answer = asked(visitor, {**proxied, "origin": origin})
        assert answer.decoded["result"]["user_id"] == expected


def test_host_that_is_not_allowed_has_no_own_origin(visit: Visit, settings: Any) -> None:
    visitor = visit()
    settings.ALLOWED_HOSTS = ["other.test"]
    assert asked(visitor, OWN).decoded["result"]["user_id"] is None
    assert asked(visitor, JSON).decoded["result"]["user_id"] == "anna"


def test_session_in_the_header_acts_as_without_the_guard(visitor: Visitor) -> None:
    session = visitor.call("auth.optional")["session"]
    for verb in ("GET", "POST"):
        answer = visitor.send(verb, "/auth.required", x_toto_session_id=session["session_id"], **EVIL)
        assert answer.decoded["result"]["user_id"] == "anna"
        assert set_cookie(answer) is not None
        bogus = visitor.send(verb, "/auth.required", x_toto_session_id="bogus", **OWN)
        assert bogus.decoded["error"]["code"] == 1004, "the header wins over the cookie"
        assert set_cookie(bogus) is None


def test_empty_header_is_no_header(visitor: Visitor) -> None:
    assert asked(visitor, {**JSON, "x_toto_session_id": " "}).decoded["result"]["user_id"] == "anna"
    assert asked(visitor, {**JSON, **EVIL, "x_toto_session_id": " "}).decoded["result"]["user_id"] is None
    assert set_cookie(visitor.send("GET", "/auth.anon", x_toto_session_id=" ")) is None


def test_blank_header_proves_nothing(toto: Callable[..., None]) -> None:
    """Servers trim headers; Django's test clients do not."""
    toto(USE_COOKIES=True)
    headers = {"x-toto-session-id": " "}
    assert not may_use_cookie(RequestFactory().post("/", headers=headers, content_type="text/plain"))


def test_signature_is_verified_where_the_cookie_counts(visit: Visit) -> None:
    visitor = visit(HMAC="user_id")
    right, wrong = {"x_toto_hmac": signature("anna", b"")}, {"x_toto_hmac": "wrong"}
    answer = visitor.send("POST", "/auth.required", **right)
    assert answer.decoded["result"]["user_id"] == "anna"
    assert answer.get("x-toto-hmac") == signature("anna", answer.body)
    assert visitor.send("POST", "/auth.required", **wrong).decoded["error"]["code"] == 1008
    for verb, headers in (("GET", right), ("POST", {**right, **EVIL}), ("POST", {**wrong, **EVIL})):
        refused = visitor.send(verb, "/auth.required", **headers)
        assert refused.decoded["error"]["code"] == 1004
        assert (set_cookie(refused), refused.get("x-toto-hmac")) == (None, None)


def test_recorded_cases_that_the_guard_changes(handler: Handler) -> None:
    changed = {}
    for file in ("e_cookies", "e_cookies_secure", "e_cookies_domain", "e_cookies_hmac"):
        recording = Run(file=file, transport="").recording
        toto = {**service_settings.TOTO, "STORES": MEMORY, **recording.settings}
        with override_settings(**recording.django, TOTO=toto), handler() as transport:
            outcomes = Replay(recording, transport).run()
        changed[file] = {outcome.case.name for outcome in outcomes if outcome.problems}
    by_get = {"get", "get_cross_site", "head"}
    assert changed == {
        "e_cookies": by_get,
        "e_cookies_secure": by_get,
        "e_cookies_domain": set(),
        "e_cookies_hmac": set(),
    }


# What another site would like to do

CREDENTIALS = b"user_id=mallory&password=correct+horse+battery"
UPLOADED = (
    b'--b\r\ncontent-disposition: form-data; name="user_id"\r\n\r\nmallory\r\n'
    b'--b\r\ncontent-disposition: form-data; name="password"\r\n\r\ncorrect horse battery\r\n--b--\r\n'
)


def mallory(visitor: Visitor) -> Any:
    """The session of somebody else's account."""
    return Visitor(visitor.transport).created("mallory")


def test_no_form_of_another_site_logs_a_visitor_in(visitor: Visitor, register: Any) -> None:
    theirs = mallory(visitor)

    def log_in(handler: Any, parameters: Any) -> Any:
        return {"user_id": handler.exchange.login("mallory", PASSWORD).user_id}

    register("test.log_in", log_in)
    login = envelope("account.login", {"user_id": "mallory", "password": PASSWORD})
    batch = json.dumps({"batch": {"1": json.loads(login)}}).encode()
    attempts: list[tuple[bytes, str, dict[str, str]]] = [
        (login, "/", {}),
        (login, "/", JSON),
        (batch, "/", {}),
        (CREDENTIALS, "/test.log_in", FORM),
        (UPLOADED, "/test.log_in", UPLOAD),
        (b"", "/test.log_in", TEXT),
    ]
    for with_cookie in (True, False):
        cookie, visitor.cookie = visitor.cookie, visitor.cookie if with_cookie else ""
        for body, path, headers in attempts:
            answer = visitor.send("POST", path, body, **headers, **EVIL)
            assert answer.decoded["session"]["user_id"] == "mallory", "it ran, for whoever asked"
            assert answer.decoded["session"]["session_id"] != theirs["session_id"]
            assert answer.all("set-cookie") == []
        visitor.cookie = cookie
    assert visitor.user_id == "anna"


def test_no_link_replaces_or_drops_a_visitors_session(visitor: Visitor) -> None:
    theirs = mallory(visitor)["session_id"]
    paths = [
        "/auth.anon",
        f"/auth.param?session_id={theirs}",
        f"/account.login?user_id=mallory&password={PASSWORD.replace(' ', '+')}",
        "/account.logout",
        "/req.jsonp_auth?jsonp=cb",
        "/req.raw_auth",
        "/auth.required_coro",
    ]
    for path in paths:
        for verb in ("GET", "HEAD"):
            answer = visitor.send(verb, path, sec_fetch_site="none")
            assert answer.status == 200
            assert answer.all("set-cookie") == []
            assert b"anna" not in answer.body
    assert visitor.user_id == "anna"


def test_first_visit_by_a_link_sets_no_cookie(visitor: Visitor) -> None:
    answer = Visitor(visitor.transport).send("GET", "/auth.anon")
    assert answer.decoded["session"]["user_id"] == ""
    assert answer.all("set-cookie") == []


def test_session_in_the_parameters_sets_no_cookie_for_another_site(visitor: Visitor) -> None:
    theirs = mallory(visitor)["session_id"]
    body = envelope("auth.param", {"session_id": theirs})
    answer = visitor.send("POST", "/", body, **EVIL)
    assert (answer.decoded["session"]["session_id"], set_cookie(answer)) == (theirs, None)
    nothing = visitor.send("POST", "/", envelope("auth.param", {"session_id": ""}), **EVIL)
    assert nothing.decoded["error"]["code"] == 1004
    assert visitor.user_id == "anna"


def test_no_other_site_logs_a_visitor_out_or_changes_the_password(visitor: Visitor) -> None:
    change = {"password": PASSWORD, "new_password": "of the other site"}
    for method, parameters in (("account.logout", {}), ("account.update", change), ("sess.counter", {})):
        for headers in ({}, EVIL, {**EVIL, **JSON}, {"origin": "null", **JSON}):
            answer = visitor.send("POST", "/", envelope(method, parameters), **headers)
            assert answer.decoded["error"]["code"] == 1004
            assert set_cookie(answer) is None
    assert visitor.call("sess.counter")["result"] == {"count": 1}


@pytest.mark.parametrize("keys", [{}, {"ALLOW_ORIGIN": ["https://app.test"]}], ids=["star", "list"])
def test_no_preflight_lets_credentials_through(visit: Visit, keys: Any) -> None:
    visitor = visit(**keys)
    for origin in ("https://evil.test", "https://app.test", "null"):
        preflight = visitor.send(
            "OPTIONS",
            "/auth.required",
            origin=origin,
            access_control_request_method="POST",
            access_control_request_headers="content-type,x-toto-hmac,x-toto-session-id",
        )
        assert preflight.status == 200
        assert preflight.get("access-control-allow-credentials") is None
        assert set_cookie(preflight) is None


# Fixation, logout, rotation


def test_login_leaves_the_anonymous_session_behind(visitor: Visitor) -> None:
    planted = Visitor(visitor.transport)
    planted.call("sess.set", {"k": "cart", "v": "theirs"})
    visitor.call("account.logout")
    visitor.cookie = planted.cookie
    login = visitor.call("account.login", {"user_id": "anna", "password": PASSWORD})
    assert visitor.cookie != planted.cookie
    assert visitor.call("sess.get", {"k": "cart"})["result"] == {"value": None}
    assert visitor.call("sess.info")["result"]["session_id"] == login["session"]["session_id"]
    assert planted.user_id == "", "who planted it has the anonymous session, and no more"


def test_every_login_makes_a_new_session(visitor: Visitor) -> None:
    seen = {visitor.cookie}
    for _ in range(3):
        visitor.call("account.login", {"user_id": "anna", "password": PASSWORD})
        seen.add(visitor.cookie)
    assert len(seen) == 4


def test_forged_cookie_is_no_session(visit: Visit) -> None:
    visitor = visit(SECURE_COOKIES=True)
    session_id = visitor.call("auth.optional")["session"]["session_id"]
    for forged in (session_id, f"{session_id}:x", Signer(salt="other").sign(session_id)):
        visitor.cookie = forged
        assert visitor.call("auth.required")["error"]["code"] == 1004


@pytest.mark.parametrize("domain", [None, "service.test"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_logout_clears_the_cookie_with_the_attributes_it_was_set_with(
    visit: Visit, settings: Any, scheme: str, domain: str | None
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_SCHEME", "https")
    visitor = visit(COOKIE_DOMAIN=domain)
    login = envelope("account.login", {"user_id": "anna", "password": PASSWORD})
    headers = {**JSON, "x_scheme": scheme, "origin": f"{scheme}://service.test"}
    session = visitor.send(body=login, **headers)
    cookie = visitor.cookie
    logout = visitor.send(body=envelope("account.logout"), **headers)
    was, is_now = set_cookie(session), set_cookie(logout)
    assert was is not None
    assert is_now is not None
    names = ("path", "domain", "samesite", "secure", "httponly")
    assert [is_now[name] for name in names] == [was[name] for name in names]
    assert (was["path"], was["samesite"], was["httponly"]) == ("/", "Lax", True)
    assert (was["domain"] or None, bool(was["secure"])) == (domain, scheme == "https")
    assert (is_now.value, is_now["max-age"], is_now["expires"]) == ("", "0", "Thu, 01 Jan 1970 00:00:00 GMT")
    visitor.cookie = cookie
    assert visitor.call("auth.required")["error"]["code"] == 1004
    session_id = session.decoded["session"]["session_id"]
    answer = visitor.send("POST", "/auth.required", x_toto_session_id=session_id)
    assert answer.decoded["error"]["code"] == 1004


def test_new_password_makes_a_new_cookie_and_ends_the_old_ones(visitor: Visitor) -> None:
    elsewhere = Visitor(visitor.transport)
    elsewhere.call("account.login", {"user_id": "anna", "password": PASSWORD})
    old = Visitor(visitor.transport)
    old.cookie = visitor.cookie
    answer = visitor.call("account.update", {"password": PASSWORD, "new_password": "a second one"})
    assert "password" in answer["result"]["updated_fields"]
    assert visitor.cookie != old.cookie
    assert visitor.user_id == "anna"
    for ended in (old, elsewhere):
        assert ended.call("auth.required")["error"]["code"] == 1004


# Caches


def test_answer_with_the_cookie_is_kept_by_no_cache(visitor: Visitor) -> None:
    answer = visitor.send("POST", "/auth.optional", **OWN)
    assert (answer.get("cache-control"), answer.get("vary")) == ("no-store", "Cookie")
    logout = visitor.send("POST", "/account.logout", **OWN)
    assert logout.get("cache-control") == "no-store"


def test_answer_that_asks_for_no_session_may_be_kept(visitor: Visitor) -> None:
    answer = visitor.send("GET", "/echo", **OWN)
    assert (answer.get("cache-control"), answer.get("vary")) == (None, None)


def test_cache_control_of_a_method_stays(visitor: Visitor, register: Any) -> None:
    def call(handler: Any, parameters: Any) -> Any:
        handler.set_header("Cache-Control", "private, max-age=5")
        return {}

    register("test.cached", authenticated(call))
    assert visitor.send("POST", "/test.cached", **OWN).get("cache-control") == "private, max-age=5"


def test_nothing_is_said_about_caches_without_cookies(visit: Visit) -> None:
    visitor = visit()
    session = visitor.call("auth.optional")["session"]
    with override_settings(TOTO={**service_settings.TOTO, "HMAC": None, "STORES": MEMORY}):
        visitor.created()
        answer = visitor.send("POST", "/auth.optional", x_toto_session_id=session["session_id"])
    assert (answer.get("cache-control"), answer.get("vary")) == (None, None)


# A project's own views and middleware


@pytest.fixture
def own_page(settings: Any, visit: Visit) -> Visitor:
    """Somebody who is logged in, in front of own views behind Django's CSRF middleware."""
    settings.ROOT_URLCONF = "tests.own_views"
    settings.MIDDLEWARE = ["django.middleware.csrf.CsrfViewMiddleware", *service_settings.MIDDLEWARE]
    return visit("/service/")


@pytest.mark.parametrize("view", ["plain", "coroutine", "guarded", "aguarded"])
def test_own_view_obeys_djangos_check_instead(own_page: Visitor, view: str) -> None:
    for headers in ({}, EVIL):
        answer = own_page.send("GET", f"/own/{view}", **headers)
        assert json.loads(answer.body)["user_id"] == "anna"
        assert set_cookie(answer) is not None
    for headers in ({}, JSON, EVIL, OWN):
        assert own_page.send("POST", f"/own/{view}", **headers).status == 403
    token = "a" * 32
    own_page.cookie += f"; csrftoken={token}"
    answer = own_page.send("POST", f"/own/{view}", x_csrftoken=token, **OWN)
    assert json.loads(answer.body)["user_id"] == "anna"


def test_own_view_is_kept_apart_by_caches(own_page: Visitor) -> None:
    answer = own_page.send("GET", "/own/plain")
    assert (answer.get("cache-control"), answer.get("vary")) == ("private", "Cookie")
    browsed = own_page.send("GET", "/drf/browsed", accept="application/msgpack")
    assert browsed.status == 200
    assert "Cookie" in str(browsed.get("vary"))
    own_page.cookie = ""
    answer = own_page.send("GET", "/own/plain")
    assert (answer.get("cache-control"), answer.get("vary")) == (None, "Cookie")
    untouched = own_page.send("GET", "/own/untouched")
    assert (untouched.get("cache-control"), untouched.get("vary")) == (None, None)


@sync_and_async_middleware
def asking(get_response: Any) -> Any:
    """Middleware below TotoMiddleware that wants to know who calls."""
    if iscoroutinefunction(get_response):

        async def amiddleware(request: Any) -> Any:
            await request.toto.aretrieve_session()
            return await get_response(request)

        return amiddleware

    def middleware(request: Any) -> Any:
        request.toto.retrieve_session()
        return get_response(request)

    return middleware


@sync_and_async_middleware
def starting(get_response: Any) -> Any:
    """Middleware below TotoMiddleware that makes a session for each call."""
    if iscoroutinefunction(get_response):

        async def amiddleware(request: Any) -> Any:
            await request.toto.acreate_session()
            return await get_response(request)

        return amiddleware

    def middleware(request: Any) -> Any:
        request.toto.create_session()
        return get_response(request)

    return middleware


def test_session_that_middleware_has_loaded_by_the_cookie_is_forgotten(visit: Visit, settings: Any) -> None:
    settings.MIDDLEWARE = [*service_settings.MIDDLEWARE, f"{__name__}.asking"]
    visitor = visit()
    answer = visitor.send("GET", "/auth.optional")
    assert answer.decoded["result"]["has_session"] is False
    assert set_cookie(answer) is None
    assert visitor.send("GET", "/account.logout").decoded["error"]["code"] == 1004
    assert visitor.user_id == "anna"


def test_session_that_middleware_has_made_stays(visit: Visit, settings: Any) -> None:
    settings.MIDDLEWARE = [*service_settings.MIDDLEWARE, f"{__name__}.starting"]
    visitor = visit()
    answer = visitor.send("GET", "/auth.optional")
    assert answer.decoded["result"]["user_id"] == ""
    assert set_cookie(answer) is None


# Web sockets

NO_PAGE: dict[str, str] = {}


def socket_user(cookie: str, headers: dict[str, str], path: str = "/websocket", scheme: str = "ws") -> Any:
    """Whose session the calls over a new socket have."""

    async def asked() -> Any:
        sent = {"host": "service.test", "cookie": f"{COOKIE}={cookie}", **headers}
        scope = {
            **{"type": "websocket", "path": path, "query_string": b"", "scheme": scheme, "subprotocols": []},
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }
        socket = ApplicationCommunicator(get_asgi_application(), scope)
        await socket.send_input({"type": "websocket.connect"})
        assert (await socket.receive_output(10))["type"] == "websocket.accept"
        frame = json.dumps({"id": 1, "method": "auth.optional"})
        await socket.send_input({"type": "websocket.receive", "text": frame})
        answer = json.loads((await socket.receive_output(10))["text"])
        await socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await socket.wait(10)
        return answer["result"]["user_id"]

    return asyncio.run(asked())


@pytest.mark.parametrize(
    ("headers", "scheme", "expected"),
    [
        (NO_PAGE, "ws", "anna"),
        (OWN, "ws", "anna"),
        ({"origin": "https://service.test"}, "wss", "anna"),
        ({"origin": "https://service.test"}, "ws", None),
        ({"origin": "http://service.test"}, "wss", None),
        ({"origin": "https://partner.test"}, "ws", "anna"),
        ({"origin": "http://service.test:81"}, "ws", None),
        (EVIL, "ws", None),
        ({"origin": "null"}, "ws", None),
        ({"origin": ""}, "ws", None),
    ],
    ids=lambda value: value.get("origin", "none") if isinstance(value, dict) else str(value),
)
def test_cookie_counts_for_sockets_of_own_pages(
    visit: Visit, settings: Any, headers: dict[str, str], scheme: str, expected: str | None
) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://partner.test"]
    visitor = visit(ALLOW_ORIGIN="*")
    assert socket_user(visitor.cookie, headers, scheme=scheme) == expected


def test_cookie_counts_for_sockets_of_named_origins(visit: Visit) -> None:
    visitor = visit(ALLOW_ORIGIN=["https://app.test", "*"])
    assert socket_user(visitor.cookie, {"origin": "https://app.test"}) == "anna"


def test_cookie_counts_for_every_socket_without_the_guard(visit: Visit) -> None:
    visitor = visit(COOKIE_GUARD=False)
    assert socket_user(visitor.cookie, EVIL) == "anna"


def test_socket_behind_a_proxy_has_the_origin_that_django_knows(visit: Visit, settings: Any) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_SCHEME", "https")
    visitor = visit()
    origin = {"origin": "https://service.test"}
    assert socket_user(visitor.cookie, {**origin, "x-scheme": "https"}) == "anna"
    assert socket_user(visitor.cookie, origin) is None


def test_session_id_in_the_address_of_a_socket_needs_no_origin_of_ours(visit: Visit) -> None:
    visitor = visit()
    session_id = visitor.call("auth.optional")["session"]["session_id"]
    assert socket_user("", EVIL, f"/websocket/{session_id}") == "anna"
    assert socket_user("", {**EVIL, "x-toto-session-id": session_id}) == "anna"


def test_no_cookie_counts_for_sockets_without_cookies(visit: Visit) -> None:
    visitor = visit(USE_COOKIES=True, SECURE_COOKIES=False)
    session_id = visitor.cookie
    assert socket_user(session_id, OWN) == "anna"
    with override_settings(TOTO={**service_settings.TOTO, "HMAC": None, "STORES": MEMORY}):
        assert socket_user(session_id, OWN) is None
