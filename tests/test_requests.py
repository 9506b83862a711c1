"""The request of a call is Django's ASGIRequest for everybody who looks at it."""

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import django
import pytest
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.core.handlers.asgi import ASGIRequest, get_script_prefix
from django.test import override_settings
from django.urls import resolve
from hypothesis import given, reject
from hypothesis import strategies as st
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request

from toto_django.exceptions import TooLarge
from toto_django.http import read_body
from toto_django.requests import HEADERS, CallRequest, header, query_string

Look = Callable[[Any], Any]
Scope = dict[str, Any]

MULTIPART = (
    b'--xx\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xc3\xa9\r\n'
    b'--xx\r\nContent-Disposition: form-data; name="f"; filename="n.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nfile\r\n--xx--\r\n"
)
BODIES = (b"", b"a=1&a=%C3%A9&b=", b'{"a": [1, "\xc3\xa9"]}', MULTIPART, MULTIPART[:60], b"\xff\xfe")
CONTENT_TYPES = (
    b"",
    b"application/json",
    b"application/x-www-form-urlencoded",
    b"application/x-www-form-urlencoded; charset=latin-1",
    b"multipart/form-data; boundary=xx",
    b"multipart/form-data",
    b'Text/HTML; charset="utf-16"; x=y',
    b"text/plain; charset=unheard-of",
    b"; charset",
)


def files(request: Any) -> Any:
    return {
        name: [(file.name, file.content_type, file.size, file.open().read()) for file in given]
        for name, given in request.FILES.lists()
    }


def after_encoding(encoding: str) -> Look:
    def look(request: Any) -> Any:
        request.encoding = encoding
        return request.encoding, dict(request.POST.lists()), dict(request.GET.lists())

    return look


LOOKS: dict[str, Look] = {
    "META": lambda request: request.META,
    "GET": lambda request: dict(request.GET.lists()),
    "COOKIES": lambda request: request.COOKIES,
    "POST": lambda request: dict(request.POST.lists()),
    "FILES": files,
    "headers": lambda request: dict(request.headers),
    "body": lambda request: request.body,
    "read": lambda request: (request.read(2), request.readline(), request.readlines()),
    "encoding": lambda request: request.encoding,
    "set encoding": after_encoding("koi8-r"),
    "content_type": lambda request: (request.content_type, request.content_params),
    "scheme": lambda request: (request.scheme, request.is_secure()),
    "host": lambda request: request.get_host(),
    "port": lambda request: request.get_port(),
    "paths": lambda request: (request.path, request.path_info, request.script_name, request.method),
    "full path": lambda request: request.get_full_path(),
    "full path info": lambda request: request.get_full_path_info(),
    "uri": lambda request: request.build_absolute_uri(),
    "accepts": lambda request: (request.accepts("text/html"), request.accepts("application/json")),
    "repr": lambda request: repr(request).replace("CallRequest", "ASGIRequest"),
    "resolver_match": lambda request: request.resolver_match,
    "pickled": lambda request: pickle.loads(pickle.dumps(request)).META,
    "copied": lambda request: (copy.copy(request).META, copy.deepcopy(request).body),
}

names = st.sampled_from(
    [
        *HEADERS.values(),
        *(b"host", b"cookie", b"accept", b"content-length", b"x-forwarded-proto", b"x_toto_hmac", b"x-other"),
    ]
)
values = st.one_of(
    st.sampled_from(CONTENT_TYPES),
    st.sampled_from(
        [b"toto.test", b"toto.test:81", b"a=1; b=2; ", b"c=3;", b"text/html;q=0.5", b"https", b"3"]
    ),
    st.binary(max_size=6),
)
paths = st.builds(
    str.__add__,
    st.sampled_from(["", "/app", "/app/", "/äpp", "/forced"]),
    st.text(max_size=5).map("/".__add__),
)


@st.composite
def scopes(draw: st.DrawFn) -> Scope:
    scope: Scope = {
        "type": "http",
        "method": draw(st.sampled_from(["POST", "GET", "post", "HEAD", "PUT"])),
        "path": draw(paths),
        "query_string": draw(st.sampled_from([b"", b"a=1&a=2&b", b"%C3%A9=%FF", "é=ü".encode()])),
        "headers": draw(st.lists(st.tuples(names, values), max_size=6)),
    }
    optional = {
        "root_path": st.sampled_from(["", "/app", "/app/", "/äpp"]),
        "client": st.sampled_from([None, ("::1", 5), ["10.0.0.1", 0]]),
        "server": st.sampled_from([None, ("toto.test", 81), ("/run/toto.sock", None)]),
        "scheme": st.sampled_from(["http", "https", ""]),
    }
    for name, values_ in optional.items():
        if draw(st.booleans()):
            scope[name] = draw(values_)
    return scope


def call_request(scope: Scope, body: bytes | None = b"") -> CallRequest:
    return CallRequest(scope, body, get_script_prefix(scope), resolve("/echo"))


def seen(look: Look, request: Any) -> Any:
    """What comes of a look, or how it fails."""
    try:
        return look(request)
    except Exception as error:
        return type(error), str(error)


@given(
    scopes(),
    st.sampled_from(BODIES),
    st.permutations(list(LOOKS)),
    st.sampled_from([None, "/forced", "/forced/"]),
    st.sampled_from([["*"], ["toto.test"]]),
)
def test_every_look_in_any_order_is_as_at_djangos(
    scope: Scope, body: bytes, order: list[str], forced: str | None, hosts: list[str]
) -> None:
    with override_settings(FORCE_SCRIPT_NAME=forced, ALLOWED_HOSTS=hosts):
        ours, theirs = call_request(copy.deepcopy(scope), body), ASGIRequest(scope, io.BytesIO(body))
        try:
            assert theirs.body == body
        except ValueError:
            reject()  # Older Djangos fail at a Content-Length that is no number,
        if django.VERSION < (6, 1) and ours.path_info != theirs.path_info:
            reject()  # and cut a script name off whatever begins with it.
        for name in order:
            assert seen(LOOKS[name], ours) == seen(LOOKS[name], theirs), name


@given(scopes())
def test_headers_and_query_are_what_meta_has(scope: Scope) -> None:
    ours, theirs = call_request(scope), ASGIRequest(scope, io.BytesIO())
    for _ in range(2):
        for key in HEADERS:
            assert header(ours, key, None) == theirs.META.get(key)
        assert query_string(ours) == theirs.META["QUERY_STRING"]
        assert ours.META


POST: Scope = {"type": "http", "method": "POST", "path": "/echo", "query_string": b"a=1", "headers": []}


@pytest.mark.parametrize("key", HEADERS)
def test_header_that_was_changed_in_meta_is_the_header(key: str) -> None:
    request = call_request({**POST, "headers": [(HEADERS[key], b"sent")]})
    assert header(request, key, None) == "sent"
    request.META[key] = "changed"
    assert header(request, key, None) == "changed"
    del request.META[key]
    assert header(request, key, None) is None


def test_query_that_was_changed_in_meta_is_the_query() -> None:
    request = call_request(POST)
    assert query_string(request) == "a=1"
    request.META["QUERY_STRING"] = "b=2"
    assert query_string(request) == "b=2"
    assert request.GET.dict() == {"b": "2"}


def test_query_that_is_no_utf8_is_refused_as_djangos_is() -> None:
    scope = {**POST, "query_string": b"\xff"}
    for make in (call_request, lambda scope: ASGIRequest(scope, io.BytesIO())):
        with pytest.raises(UnicodeDecodeError):
            make(scope)


def test_copies_know_no_view_and_lose_nothing_else() -> None:
    request = call_request(POST, b"body")
    request.META["X"] = ["here"]
    for copied in (copy.copy(request), copy.deepcopy(request), pickle.loads(pickle.dumps(request))):
        assert copied.call_match is None
        assert (copied.META, copied.body, copied.GET, copied.path_info) == (
            request.META,
            b"body",
            request.GET,
            "/echo",
        )
    copy.deepcopy(request).META["X"].append("there")
    assert request.META["X"] == ["here"]
    assert request.call_match is not None


def multipart() -> CallRequest:
    length = str(len(MULTIPART)).encode()
    headers = [(b"content-type", b"multipart/form-data; boundary=xx"), (b"content-length", length)]
    return call_request({**POST, "headers": headers}, MULTIPART)


def test_body_can_be_read_before_and_after_the_form() -> None:
    for first in ("body", "POST"):
        request = multipart()
        assert getattr(request, first)
        assert (request.body, request.POST.dict()) == (MULTIPART, {"a": "é"})


def test_upload_handlers_of_the_request_get_its_files() -> None:
    names: list[Any] = []

    class Handler(MemoryFileUploadHandler):
        def new_file(self, *args: Any, **kwargs: Any) -> None:
            names.append(args[1])
            super().new_file(*args, **kwargs)

    request = multipart()
    request.upload_handlers = [Handler(request)]
    assert request.FILES["f"].read() == b"file"
    assert names == ["n.txt"]


def test_uploads_are_closed_with_the_request() -> None:
    with override_settings(
        FILE_UPLOAD_HANDLERS=["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
    ):
        request = multipart()
        assert not request.has_files
        upload = request.FILES["f"]
        assert request.has_files
        assert not upload.file.closed
        request.close()
        assert upload.file.closed


@pytest.mark.parametrize("content_type", CONTENT_TYPES[1:6])
@pytest.mark.parametrize("body", BODIES, ids=len)
def test_rest_framework_reads_the_same_data(content_type: bytes, body: bytes) -> None:
    scope = {
        **POST,
        "headers": [(b"content-type", content_type), (b"content-length", str(len(body)).encode())],
    }

    def data(request: Any) -> Any:
        wrapped = Request(request, parsers=[JSONParser(), FormParser(), MultiPartParser()])
        given = wrapped.data
        return dict(given) if not hasattr(given, "lists") else [*wrapped.POST.lists(), *wrapped.FILES]

    assert seen(data, call_request(scope, body)) == seen(data, ASGIRequest(scope, io.BytesIO(body)))


@pytest.mark.parametrize(
    "look",
    [
        lambda request: request.body,
        lambda request: request.read(1),
        lambda request: request.readline(),
        lambda request: list(request),
    ],
    ids=["body", "read", "readline", "list"],
)
@pytest.mark.parametrize("limit", [None, 10**9])
def test_body_that_was_too_long_to_be_received_is_not_an_empty_one(
    look: Look, limit: int | None, settings: Any
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = limit
    settings.TOTO = {**settings.TOTO, "MAX_BODY": 10}
    request = call_request({**POST, "headers": [(b"content-length", b"11")]}, None)
    with pytest.raises(RequestDataTooBig):
        look(request)
    with pytest.raises(TooLarge):
        read_body(request)
    request.close()
