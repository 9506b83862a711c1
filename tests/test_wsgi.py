"""The WSGI application: calls are answered as Django's own handler answers them."""

import asyncio
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import connection
from django.http import HttpRequest
from django.test import override_settings

from toto_django.registry import Method
from toto_django.routes import call_match
from toto_django.views import adispatch
from toto_django.wsgi import WSGIApplication, get_wsgi_application

Register = Callable[..., Method]

TOTO_MIDDLEWARE = "toto_django.middleware.TotoMiddleware"
SEEN: list[str] = []


class Counted:
    """A middleware of the project's."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        SEEN.append(request.path)
        return self.get_response(request)


class Answer:
    def __init__(self, application: Any, method: str, path: str, body: bytes, **environ: str) -> None:
        given = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path.encode().decode("latin-1"),
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": "application/json",
            **environ,
        }
        parts = application(given, self._start)
        self.body = b"".join(parts)
        parts.close()
        self.is_closed = parts.closed

    def _start(self, status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        self.status = status
        self.headers = {name.lower(): value.strip() for name, value in headers}


@pytest.fixture
def application(register: Register, db: None) -> WSGIApplication:
    def decorated(handler: Any, parameters: Any) -> Any:
        handler.set_cookie("one", "1")
        handler.set_status(parameters.get("status", 201))
        return parameters

    register("t.plain", lambda handler, parameters: {"plain": parameters})
    register("t.decorated", decorated)
    register("t.raw", lambda handler, parameters: handler.respond_raw(b"raw\0", "image/x"))
    register("t.redirect", lambda handler, parameters: handler.redirect("/elsewhere"))
    SEEN.clear()
    return get_wsgi_application()


REQUESTS: list[tuple[Any, ...]] = [
    ("POST", "/t.plain", b'{"a": 1}'),
    ("POST", "/", b'{"method": "t.plain", "parameters": [1]}'),
    ("POST", "/", b'{"batch": {"a": {"method": "t.plain"}, "b": {"method": "none"}}}'),
    ("POST", "/t.decorated", b"{}"),
    ("POST", "/t.decorated", b'{"status": 204}'),
    ("POST", "/t.decorated", b'{"status": 418}'),
    ("POST", "/t.raw", b"{}"),
    ("POST", "/t.redirect", b"{}"),
    ("POST", "/not/there", b"{}"),
    ("POST", "/", b"{"),
    ("PUT", "/t.plain", b"{}"),
    ("HEAD", "/t.plain", b""),
    ("OPTIONS", "/t.plain", b""),
    ("GET", "/té.☃", b""),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: " ".join(map(str, request)))
def test_answer_is_that_of_djangos_own_handler(
    application: WSGIApplication, request_: tuple[Any, ...]
) -> None:
    ours, theirs = Answer(application, *request_), Answer(WSGIHandler(), *request_)
    length = ours.headers.pop("content-length", None)
    if ours.body:  # Django leaves it to its CommonMiddleware.
        assert length == str(len(ours.body))
    theirs.headers.pop("content-length", None)
    assert (ours.status, ours.headers, ours.body) == (theirs.status, theirs.headers, theirs.body)
    assert ours.is_closed


def test_calls_under_asgi_in_the_same_process_leave_no_coroutine(application: WSGIApplication) -> None:
    assert asyncio.run(_match("/t.plain")).func is adispatch
    assert Answer(application, "POST", "/t.plain", b"{}").body == b'{"result": {"plain": {}}}'
    assert asyncio.run(_match("/t.plain")).func is adispatch


async def _match(path: str) -> Any:
    return call_match(path, is_async=True)


def test_script_name_is_cut_off(application: WSGIApplication) -> None:
    answer = Answer(application, "POST", "/t.plain", b"{}", SCRIPT_NAME="/app")
    assert answer.body == b'{"result": {"plain": {}}}'


def test_calls_have_a_middleware_list_of_their_own(register: Register, db: None, settings: Any) -> None:
    settings.MIDDLEWARE = [f"{__name__}.Counted", TOTO_MIDDLEWARE]
    settings.ROOT_URLCONF = "tests.own_views"
    SEEN.clear()
    Answer(get_wsgi_application(), "POST", "/service/echo", b"{}")
    assert SEEN == ["/service/echo"]
    with override_settings(TOTO={**settings.TOTO, "MIDDLEWARE": [TOTO_MIDDLEWARE]}):
        application = get_wsgi_application()
    SEEN.clear()
    assert Answer(application, "POST", "/service/echo", b"{}").body == b'{"result": {"parameters": {}}}'
    assert SEEN == []
    assert Answer(application, "GET", "/nowhere", b"").status == "404 Not Found"
    assert SEEN == ["/nowhere"]


def test_receivers_of_djangos_signals_hear_of_calls(application: WSGIApplication) -> None:
    heard = []

    def started(**_: Any) -> None:
        heard.append("started")

    def finished(**_: Any) -> None:
        heard.append("finished")

    Answer(application, "POST", "/t.plain", b"{}")
    assert heard == []
    request_started.connect(started)
    request_finished.connect(finished)
    try:
        Answer(application, "POST", "/t.plain", b"{}")
    finally:
        request_started.disconnect(started)
        request_finished.disconnect(finished)
    assert heard == ["started", "finished"]


def test_connection_that_is_too_old_does_not_stay(
    application: WSGIApplication, transactional_db: None
) -> None:
    connection.ensure_connection()
    connection.close_at = 0.0  # Its time is over.
    before = connection.connection
    Answer(application, "POST", "/t.plain", b"{}")
    assert connection.connection is not before
