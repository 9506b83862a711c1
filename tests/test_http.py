"""What is read of an HTTP request: a bounded body, the URI as sent, the session id."""

import asyncio
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.test import RequestFactory

from tests.calls import Service, envelope
from toto_django.asgi import get_asgi_application
from toto_django.http import cookie_signer, given_session_id, raw_uris, redact_session_id

Toto = Callable[..., None]
pytestmark = pytest.mark.django_db

ECHO = envelope("echo", {"x": 1})


# Limits of the body


class Unreadable(io.BytesIO):
    def read(self, *args: Any) -> bytes:
        raise AssertionError("the body was read")


def environ(body: io.BytesIO, length: str | None, **extra: Any) -> dict[str, Any]:
    made: dict[str, Any] = RequestFactory().generic("POST", "/echo", b"x", "application/json").environ
    made.pop("CONTENT_LENGTH")
    return made | {"wsgi.input": body} | extra | ({} if length is None else {"CONTENT_LENGTH": length})


def wsgi_status(environ: dict[str, Any]) -> int:
    started: list[str] = []
    response = WSGIHandler()(environ, lambda status, headers: started.append(status))
    response.close()
    return int(started[0].split()[0])


def test_declared_length_is_refused_before_the_body_is_read(toto: Toto) -> None:
    toto(MAX_BODY=100)
    assert wsgi_status(environ(Unreadable(), "101")) == 413
    assert wsgi_status(environ(io.BytesIO(b"{".ljust(99) + b"}"), "100")) == 200


def test_body_without_a_declared_length_is_refused_when_it_grows_too_long(toto: Toto) -> None:
    toto(MAX_BODY=100)
    chunked = {"wsgi.input_terminated": True}
    assert wsgi_status(environ(io.BytesIO(b"x" * 10**6), None, **chunked)) == 413
    assert wsgi_status(environ(io.BytesIO(b"{}"), None, **chunked)) == 200


@pytest.mark.parametrize("length", ["x", "1e3", "-"])
def test_length_that_is_no_number_is_400(length: str) -> None:
    assert wsgi_status(environ(io.BytesIO(b"{}"), length)) == 400


def test_client_that_leaves_while_it_sends_is_400() -> None:
    class Broken(io.BytesIO):
        def read(self, *args: Any) -> bytes:
            raise ConnectionResetError

    assert wsgi_status(environ(Broken(), "2")) == 400


def read_first(get_response: Any) -> Any:
    """A project's middleware that reads every body."""

    def middleware(request: Any) -> Any:
        assert request.body
        return get_response(request)

    return middleware


def test_body_that_a_middleware_has_read_is_limited_too(wsgi: Service, toto: Toto, settings: Any) -> None:
    settings.MIDDLEWARE = [f"{__name__}.read_first", *settings.MIDDLEWARE]
    assert wsgi.send("POST", "/", ECHO).json() == {"result": {"parameters": {"x": 1}}}
    toto(MAX_BODY=10)
    assert wsgi.send("POST", "/", ECHO).status_code == 413


def asgi_status(headers: list[tuple[bytes, bytes]], messages: list[dict[str, Any]]) -> int:
    """The status that the package's ASGI application sends; ``messages`` are received, and no more."""
    sent: list[dict[str, Any]] = []
    scope = {"type": "http", "method": "POST", "path": "/echo", "headers": headers, "query_string": b""}

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        await asyncio.sleep(60)
        raise AssertionError("the rest was waited for")

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(asyncio.wait_for(get_asgi_application()(scope, receive, send), 10))
    return int(sent[0]["status"])


def test_asgi_application_refuses_a_declared_length_before_the_body_is_received(toto: Toto) -> None:
    toto(MAX_BODY=100)
    assert asgi_status([(b"content-length", b"101")], []) == 413


def test_asgi_application_refuses_an_undeclared_body_as_soon_as_it_is_too_long(toto: Toto) -> None:
    toto(MAX_BODY=100)
    parts = [{"type": "http.request", "body": b"x" * 60, "more_body": True} for _ in range(2)]
    assert asgi_status([], parts) == 413
    assert asgi_status([], [{"type": "http.request", "body": b"{}", "more_body": False}]) == 200


# The URI


def wsgi_request(**environ: str) -> WSGIRequest:
    return WSGIRequest({**RequestFactory().get("/").environ, **environ})


@pytest.mark.parametrize(
    ("environ", "uris"),
    [
        ({"RAW_URI": "/a%2fb?c=%20"}, {"/a%2fb?c=%20"}),
        ({"REQUEST_URI": "/a%2Fb?"}, {"/a%2Fb?"}),
        ({"RAW_URI": "http://toto.test/a%20b?c"}, {"/a%20b?c"}),
        ({"RAW_URI": "http://toto.test"}, {"/"}),
        ({"PATH_INFO": "/a b", "QUERY_STRING": "c=%20"}, {"/a%20b?c=%20"}),
        ({"PATH_INFO": "/a@b"}, {"/a@b", "/a%40b"}),
        ({"PATH_INFO": "/service/x", "SCRIPT_NAME": "/app"}, {"/app/service/x"}),
    ],
    ids=lambda value: repr(sorted(value)) if isinstance(value, set) else repr(value),
)
def test_uri_is_as_sent_or_as_it_may_have_been_under_wsgi(environ: dict[str, str], uris: set[str]) -> None:
    assert set(raw_uris(wsgi_request(**environ))) == uris


@pytest.mark.parametrize(
    ("scope", "uris"),
    [
        ({"raw_path": b"/a%2fb", "query_string": b"c=%20"}, {"/a%2fb?c=%20"}),
        ({"raw_path": b"/a%2fb", "query_string": b""}, {"/a%2fb"}),
        ({"path": "/a@b", "query_string": b""}, {"/a@b", "/a%40b"}),
    ],
    ids=lambda value: repr(sorted(value)) if isinstance(value, set) else repr(value),
)
def test_uri_is_as_sent_or_as_it_may_have_been_under_asgi(scope: dict[str, Any], uris: set[str]) -> None:
    scope = {"type": "http", "method": "GET", "path": "/a/b", "headers": [], **scope}
    assert set(raw_uris(ASGIRequest(scope, io.BytesIO()))) == uris


# The session id


@pytest.mark.parametrize("raw_id", [b"a+b", b"%61%2bb", b"%61%2B%62"])
def test_session_id_is_taken_out_of_the_address_of_a_socket(raw_id: bytes) -> None:
    route = {"kwargs": {"session_id": "a+b"}}
    scope = {"path": "/über/a+b", "raw_path": b"/%c3%BCber/" + raw_id, "url_route": route}
    redact_session_id(scope)
    assert (scope["path"], scope["raw_path"]) == ("/über/…", b"/%C3%BCber/...")


def test_header_is_trimmed_and_wins_over_the_cookie(toto: Toto) -> None:
    toto(USE_COOKIES=True, SECURE_COOKIES=False)
    factory = RequestFactory()
    factory.cookies["toto-session-id"] = "cookie"
    assert given_session_id(factory.get("/", headers={"x-toto-session-id": " header\t"})) == "header"
    assert given_session_id(factory.get("/", headers={"x-toto-session-id": " "})) == "cookie"


def test_cookie_counts_only_where_cookies_are_used_and_rightly_signed(toto: Toto) -> None:
    factory = RequestFactory()
    factory.cookies["toto-session-id"] = cookie_signer().sign("cookie")
    assert given_session_id(factory.get("/")) == ""
    toto(USE_COOKIES=True)
    assert given_session_id(factory.get("/")) == "cookie"
    for forged in ("cookie", "cookie:x", cookie_signer().sign("cookie") + "x", ""):
        factory.cookies["toto-session-id"] = forged
        assert given_session_id(factory.get("/")) == ""
