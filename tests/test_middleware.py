"""TotoMiddleware: ``request.toto`` in own views, signed answers, cookies, origins."""

import datetime
import time
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction
from django.core.signing import Signer
from django.http import HttpResponse
from django.test import RequestFactory

from tests.calls import PASSWORD, Login, Service, envelope, signature, signed
from toto_django.middleware import TotoMiddleware

Toto = Callable[..., None]

COOKIE = "toto-session-id"
CREDENTIALS = {"user_id": "anna", "password": PASSWORD}

each_view = pytest.mark.parametrize("view", ["plain", "coroutine"])


@pytest.fixture
def own_views(settings: Any) -> None:
    """The project's own views, and the service below /service."""
    settings.ROOT_URLCONF = "tests.own_views"


# Own views


@each_view
def test_own_view_finds_the_verified_session_and_its_answer_is_signed(
    service: Service, view: str, own_views: None
) -> None:
    login = own_login(service)
    response = service.send("POST", f"/own/{view}", b"any", **signed(login, b"any"))
    assert response.json() == {"user_id": "anna"}
    assert response.headers["x-toto-hmac"] == signature("anna", response.content)


def own_login(service: Service) -> Login:
    """A new account's login at the service below /service."""
    answer = service.send("POST", "/service/", envelope("account.create", CREDENTIALS)).json()
    return Login(**answer["result"])


@each_view
def test_own_view_without_a_session_is_not_signed(service: Service, view: str, own_views: None) -> None:
    response = service.send("GET", f"/own/{view}")
    assert response.json() == {"user_id": None}
    assert "x-toto-hmac" not in response.headers


def test_own_view_that_asks_for_no_session_is_left_alone(service: Service, own_views: None) -> None:
    login = own_login(service)
    response = service.send("GET", "/own/untouched", x_toto_session_id=login.session_id, x_toto_hmac="wrong")
    assert response.content == b"no session was asked for"
    for name in ("x-toto-hmac", "Access-Control-Allow-Origin"):
        assert name not in response.headers


def test_streamed_answer_of_an_own_view_is_not_signed(wsgi: Service, own_views: None) -> None:
    login = own_login(wsgi)
    response = wsgi.send("GET", "/own/streaming", **signed(login, b""))
    assert b"".join(response.streaming_content) == b"ab"
    assert "x-toto-hmac" not in response.headers


def test_head_of_an_own_view_is_signed_as_its_get(service: Service, own_views: None) -> None:
    login = own_login(service)
    get = service.send("GET", "/own/plain", **signed(login, b""))
    head = service.send("HEAD", "/own/plain", **signed(login, b""))
    assert head.headers["x-toto-hmac"] == get.headers["x-toto-hmac"] == signature("anna", get.content)


def test_middleware_is_a_coroutine_function_around_a_coroutine_only() -> None:
    async def get_response(request: Any) -> Any: ...

    assert iscoroutinefunction(TotoMiddleware(get_response))
    assert not iscoroutinefunction(TotoMiddleware(lambda request: None))  # type: ignore[arg-type, return-value]


# Cookies


def set_cookie(response: Any) -> Any:
    return response.cookies.get(COOKIE)


def log_in(service: Service, **headers: str) -> Any:
    return service.send("POST", "/", envelope("account.create", CREDENTIALS), **headers)


@pytest.mark.usefixtures("without_signatures")
class TestCookies:
    def test_signed_cookie_opens_the_session(self, service: Service, toto: Toto) -> None:
        toto(USE_COOKIES=True)
        response = log_in(service)
        session_id = response.json()["session"]["session_id"]
        value = set_cookie(response).value
        assert value != session_id
        assert value.startswith(session_id)
        assert service.call("auth.required")["session"]["session_id"] == session_id
        service.client.cookies[COOKIE] = value[:-1] + ("x" if value[-1] != "x" else "y")
        assert service.call("auth.required")["error"]["code"] == 1004

    def test_cookie_is_signed_with_djangos_signer(self, service: Service, toto: Toto) -> None:
        toto(USE_COOKIES=True)
        response = log_in(service)
        signer = Signer(salt="toto_django.session_cookie")
        assert signer.unsign(set_cookie(response).value) == response.json()["session"]["session_id"]

    def test_plain_cookie_is_the_session_id(self, service: Service, toto: Toto) -> None:
        toto(USE_COOKIES=True, SECURE_COOKIES=False)
        response = log_in(service)
        assert set_cookie(response).value == response.json()["session"]["session_id"]
        assert service.call("auth.required")["result"]["user_id"] == "anna"

    def test_attributes_of_the_cookie(self, service: Service, toto: Toto) -> None:
        toto(USE_COOKIES=True, COOKIE_DOMAIN="toto.test", SESSION_TTL=1000)
        cookie = set_cookie(log_in(service))
        assert (cookie["path"], cookie["domain"], cookie["samesite"]) == ("/", "toto.test", "Lax")
        assert cookie["httponly"]
        assert not cookie["secure"]
        expires = datetime.datetime.strptime(cookie["expires"], "%a, %d %b %Y %H:%M:%S GMT")
        assert expires.replace(tzinfo=datetime.UTC).timestamp() == pytest.approx(time.time() + 1000, abs=5)

    def test_cookie_of_a_session_that_outlives_the_calendar_is_sent(
        self, service: Service, toto: Toto
    ) -> None:
        toto(USE_COOKIES=True, SESSION_TTL=10**12)
        assert set_cookie(log_in(service)).value

    def test_cookie_is_secure_over_https(self, service: Service, toto: Toto, settings: Any) -> None:
        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_SCHEME", "https")
        toto(USE_COOKIES=True)
        assert set_cookie(log_in(service, x_scheme="https"))["secure"]

    def test_logout_clears_the_cookie(self, service: Service, toto: Toto) -> None:
        toto(USE_COOKIES=True, COOKIE_DOMAIN="toto.test")
        log_in(service)
        cookie = set_cookie(service.send("POST", "/account.logout", b"{}"))
        assert (cookie.value, cookie["max-age"], cookie["domain"]) == ("", 0, "toto.test")

    def test_logout_in_an_own_view_clears_the_cookie(
        self, wsgi: Service, toto: Toto, own_views: None
    ) -> None:
        toto(USE_COOKIES=True)
        own_login(wsgi)
        response = wsgi.send("GET", "/own/logout")
        assert (response.content, set_cookie(response)["max-age"]) == (b"bye", 0)

    def test_every_answer_of_a_loaded_session_sets_the_cookie_and_others_do_not(
        self, service: Service, toto: Toto
    ) -> None:
        toto(USE_COOKIES=True)
        assert set_cookie(service.post({}, "/echo")) is None
        assert set_cookie(service.post({}, "/auth.anon")) is not None
        assert set_cookie(service.post({}, "/echo")) is None
        assert set_cookie(service.post({}, "/auth.optional")) is not None
        assert set_cookie(service.post({}, "/auth.required")) is not None, "on errors too"

    def test_header_wins_over_the_cookie_even_when_bogus(self, service: Service, toto: Toto) -> None:
        toto(USE_COOKIES=True)
        log_in(service)
        answer = service.post({}, "/auth.required", x_toto_session_id="bogus").json()
        assert answer["error"]["code"] == 1004

    def test_cookies_are_ignored_when_off(self, service: Service, toto: Toto) -> None:
        toto(USE_COOKIES=True)
        log_in(service)
        toto(USE_COOKIES=False)
        response = service.post({}, "/auth.required")
        assert response.json()["error"]["code"] == 1004
        assert set_cookie(response) is None


def test_cookie_mode_works_signed(service: Service, toto: Toto) -> None:
    toto(USE_COOKIES=True)
    log_in(service)
    response = service.post({}, "/auth.required", x_toto_hmac=signature("anna", b"{}"))
    assert response.json()["result"]["user_id"] == "anna"
    assert response.headers["x-toto-hmac"] == signature("anna", response.content)


# Origins


def origin_headers(service: Service, verb: str = "GET", **headers: str) -> tuple[str | None, str | None]:
    response = service.send(verb, "/echo", **headers)
    return response.headers.get("Access-Control-Allow-Origin"), response.headers.get("Vary")


def test_one_origin_is_sent_as_it_is(service: Service, toto: Toto) -> None:
    toto(ALLOW_ORIGIN="https://a.test")
    assert origin_headers(service) == ("https://a.test", None)
    assert origin_headers(service, origin="https://b.test") == ("https://a.test", None)


@pytest.mark.parametrize("kind", [list, tuple])
@pytest.mark.parametrize("verb", ["GET", "OPTIONS", "PUT"])
def test_list_of_origins_echoes_the_matching_one_with_vary(
    service: Service, toto: Toto, kind: Any, verb: str
) -> None:
    toto(ALLOW_ORIGIN=kind(["https://a.test", "https://b.test"]))
    assert origin_headers(service, verb, origin="https://b.test") == ("https://b.test", "Origin")
    for other in ("https://b.test.evil", "https://B.test", "null"):
        assert origin_headers(service, verb, origin=other) == (None, "Origin")
    assert origin_headers(service, verb) == (None, "Origin")


def test_vary_keeps_what_a_method_set(service: Service, toto: Toto, register: Any) -> None:
    toto(ALLOW_ORIGIN=["https://a.test"])
    register("test.x", lambda handler, parameters: handler.set_header("Vary", "Accept"))
    response = service.send("GET", "/test.x", origin="https://a.test")
    assert response.headers["Vary"] == "Accept, Origin"


def test_only_the_mount_prefix_is_given_a_slash(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.own_views"
    seen: list[str] = []

    def view(request: Any) -> HttpResponse:
        seen.append(request.path_info)
        return HttpResponse()

    for path in ("/service", "/servic", "/own/plain", "/service/x"):
        TotoMiddleware(view)(RequestFactory().get(path))
    assert seen == ["/service/", "/servic", "/own/plain", "/service/x"]
