"""The dispatch view: what it reads, what it refuses and how, and what surrounds every answer."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import asgiref.sync
import bson
import msgpack
import pytest

from tests.calls import Service, envelope, error_of, signature, signed
from tests.conformance.recordings import Request
from tests.conformance.transports import WsgiTransport
from toto_django.invocation import jsonp
from toto_django.registry import Method

Register = Callable[..., Method]
Toto = Callable[..., None]

pytestmark = pytest.mark.django_db

ECHO = envelope("echo", {"x": 1})
ECHOED = {"result": {"parameters": {"x": 1}}}


# Verbs


def test_post_and_get_are_calls(service: Service) -> None:
    assert service.send("POST", "/", ECHO).json() == ECHOED
    assert service.send("GET", "/echo?x=1").json() == {"result": {"parameters": {"x": "1"}}}


def test_head_runs_the_method_and_signs_as_get_would(service: Service, register: Register) -> None:
    login = service.create()
    ran: list[str] = []
    register("test.x", lambda handler, parameters: ran.append(handler.retrieve_session().user_id) or 1)
    get = service.send("GET", "/test.x", **signed(login, b""))
    head = service.send("HEAD", "/test.x", **signed(login, b""))
    assert ran == ["anna", "anna"]
    assert head.content == b""
    for name in ("x-toto-hmac", "Content-Type", "Content-Length"):
        assert head.headers[name] == (get.headers.get(name) or str(len(get.content)))


@pytest.mark.parametrize("verb", ["PUT", "DELETE", "PATCH", "TRACE", "FOO"])
def test_other_verb_is_405_with_allow(service: Service, verb: str) -> None:
    response = service.send(verb, "/echo")
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(",")) == {"GET", "HEAD", "POST", "OPTIONS"}
    assert response.json()["error"]["code"] == 1000


def test_options_runs_nothing_and_allows_the_requested_headers(service: Service, register: Register) -> None:
    ran: list[int] = []
    register("test.x", lambda handler, parameters: ran.append(1))
    response = service.send(
        "OPTIONS",
        "/test.x",
        access_control_request_method="POST",
        access_control_request_headers="X-Mine, content-type",
    )
    assert (response.status_code, response.content, ran) == (200, b"", [])
    assert set(response.headers["Access-Control-Allow-Methods"].split(",")) == {
        "GET",
        "HEAD",
        "POST",
        "OPTIONS",
    }
    allowed = response.headers["Access-Control-Allow-Headers"]
    assert allowed == "origin,x-toto-session-id,x-toto-hmac,content-type,x-mine"


@pytest.mark.parametrize("requested", ["PUT", "post", ""])
def test_preflight_for_another_verb_is_405(service: Service, requested: str) -> None:
    assert service.send("OPTIONS", "/", access_control_request_method=requested).status_code == 405


# Refusals

MULTIPART = "multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    ("target", "content_type", "body", "status"),
    [
        ("/", "application/json", b"{", 400),
        ("/", "application/json", b"", 400),
        ("/", "application/json", b"5", 400),
        ("/echo", "application/json", b"true", 400),
        ("/", "application/json", b'{"batch": []}', 400),
        ("/", "application/json", b'{"batch": null}', 400),
        ("/", "application/json", b'{"a": NaN}', 400),
        ("/", "application/json", b"[" * 200 + b"]" * 200, 400),
        ("/", "application/bson", b"{}", 400),
        ("/", "application/msgpack", b"\xc1", 400),
        ("/", "application/msgpack", msgpack.packb(b"bytes"), 400),
        ("/echo", MULTIPART, b"no boundary", 400),
        ("/echo", MULTIPART, b"", 400),
        ("/echo", "application/x-www-form-urlencoded", b"a&" * 2000, 400),
        ("/", "text/plain", b"{}", 415),
        ("/echo", "application/xml", b"<a/>", 415),
        ("/", "application/json", json.dumps({"batch": {str(n): {} for n in range(101)}}).encode(), 413),
    ],
)
def test_request_that_is_no_call_is_json_with_a_status_and_cors(
    service: Service, target: str, content_type: str, body: bytes, status: int
) -> None:
    response = service.send("POST", target, body, content_type=content_type)
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"
    assert response.json()["error"]["code"] == (1103 if status == 413 else 1000)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Access-Control-Expose-Headers"] == "x-toto-hmac"
    assert "session" not in response.json()


def test_query_with_too_many_arguments_is_400(service: Service) -> None:
    assert service.send("GET", "/echo?" + "a&" * 2000).status_code == 400


@pytest.mark.parametrize(
    "target", ["/echo", "/echo?x=1", "/nope", "/err.generic", "/misc.redirect", "/plain.raw", "/"]
)
@pytest.mark.parametrize("verb", ["GET", "HEAD", "OPTIONS"])
def test_every_answer_has_cors_headers(service: Service, verb: str, target: str) -> None:
    response = service.send(verb, target)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Access-Control-Expose-Headers"] == "x-toto-hmac"


# Parameters


@pytest.mark.parametrize(
    ("body", "parameters"),
    [
        ({"method": "echo", "a": 1}, {"method": "echo", "a": 1}),
        ({"method": "echo", "parameters": None}, {"method": "echo", "parameters": None}),
        *(({"method": "echo", "parameters": given}, given) for given in ({}, [], "", 0, False, 5, "text")),
    ],
)
def test_parameters_are_given_or_else_the_whole_body(service: Service, body: Any, parameters: Any) -> None:
    assert service.post(body).json() == {"result": {"parameters": parameters}}


@pytest.mark.parametrize("body", [None, False, 0, [], "", {}])
def test_body_that_is_no_body_object_calls_the_method_of_the_url(service: Service, body: Any) -> None:
    assert service.post(body, "/echo").json() == {"result": {"parameters": {}}}
    assert service.post(body).json()["error"]["code"] == 1002


@pytest.mark.parametrize("body", ["text", [1]])
def test_text_or_list_is_the_parameters_of_a_url_method(service: Service, body: Any) -> None:
    assert service.post(body, "/echo").json() == {"result": {"parameters": body}}
    assert service.post(body).json()["error"]["code"] == 1002


def test_get_reads_the_query_alone(service: Service) -> None:
    answer = service.send("GET", "/echo?a=1&b=1&b=2&c=&method=x&batch=y", b'{"parameters": {"no": 1}}').json()
    given = {"a": "1", "b": ["1", "2"], "c": "", "method": "x", "batch": "y"}
    assert answer == {"result": {"parameters": given}}


def test_form_merges_the_query_in_front(service: Service) -> None:
    response = service.send(
        "POST", "/echo?a=1&b=2", b"a=3&c=", content_type="application/x-www-form-urlencoded"
    )
    assert response.json() == {"result": {"parameters": {"a": ["1", "3"], "b": ["2"], "c": [""]}}}


def test_post_without_a_body_calls_the_method_of_the_url(service: Service) -> None:
    for content_type in ("", "application/json", "text/plain", "application/x-www-form-urlencoded"):
        response = service.send("POST", "/echo", content_type=content_type)
        assert response.json() == {"result": {"parameters": {}}}, content_type


@pytest.mark.parametrize(
    ("content_type", "write", "read"),
    [
        ("application/bson", bson.encode, bson.decode),
        ("application/x-msgpack", msgpack.packb, msgpack.unpackb),
    ],
)
def test_content_type_of_the_request_decides_both_ways(
    service: Service, content_type: str, write: Any, read: Any
) -> None:
    body = write({"method": "echo", "parameters": {"data": b"\x00"}})
    response = service.send("POST", "/", body, content_type=content_type, accept="application/json")
    assert read(response.content) == {"result": {"parameters": {"data": b"\x00"}}}
    assert response.headers["Content-Type"] == content_type.replace("x-", "")


# Naming


@pytest.mark.parametrize("target", ["/ret/one", "/ret.one", "/ret/one?x=1", "/r%65t/one"])
def test_slashes_and_dots_of_a_url_name_a_method(service: Service, target: str) -> None:
    assert service.send("GET", target).json() == {"result": 1}


@pytest.mark.parametrize("target", ["/echo/", "/ret//one", "/%C3%A9", "/a%0Ab", "/ret%00one"])
def test_other_paths_are_unknown_methods(service: Service, target: str) -> None:
    response = service.send("GET", target)
    assert (response.status_code, response.json()["error"]["code"]) == (200, 1001)


@pytest.mark.parametrize(
    ("select", "target", "result"),
    [
        ("both", "/ret.one", 1),
        ("both", "/", 0),
        ("url", "/ret.one", 1),
        ("url", "/", 1002),
        ("parameter", "/ret.one", 0),
        ("parameter", "/", 0),
    ],
)
def test_method_select_says_where_the_name_stands(
    service: Service, toto: Toto, select: str, target: str, result: int
) -> None:
    toto(METHOD_SELECT=select)
    answer = service.post({"method": "ret.zero"}, target).json()
    assert (answer["error"]["code"] if "error" in answer else answer["result"]) == result


@pytest.mark.parametrize("target", ["/service", "/service/", "/service/echo", "/service?x=1"])
def test_mount_prefix_answers_with_and_without_its_slash(
    service: Service, settings: Any, target: str
) -> None:
    settings.ROOT_URLCONF = "tests.service.mounted_urls"
    assert service.send("POST", target, ECHO).json() == ECHOED


def test_mount_prefix_below_a_script_name_answers_without_its_slash(wsgi: Service, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.service.mounted_urls"
    response = wsgi.client.generic("POST", "/service", ECHO, "application/json", SCRIPT_NAME="/app")
    assert response.json() == ECHOED


# Around the view


def test_calls_work_without_the_middleware(service: Service, settings: Any) -> None:
    settings.MIDDLEWARE = []
    login = service.create()
    body = envelope("auth.required")
    response = service.send("POST", "/", body, **signed(login, body))
    assert response.json()["result"]["user_id"] == "anna"
    assert response.headers["x-toto-hmac"] == signature("anna", response.content)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert service.send("PUT", "/").headers["Access-Control-Allow-Origin"] == "*"
    assert service.send("HEAD", "/echo").content == b""


def test_plain_method_under_wsgi_never_meets_an_event_loop(
    wsgi: Service, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(handler: Any, parameters: Any) -> str:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        return "no loop"

    def refuse(*args: Any) -> None:
        raise AssertionError("AsyncToSync was used")

    register("test.x", look)
    login = wsgi.create()
    monkeypatch.setattr(asgiref.sync.AsyncToSync, "__call__", refuse)
    monkeypatch.setattr(asgiref.sync.SyncToAsync, "__call__", refuse)
    assert wsgi.call("test.x") == {"result": "no loop"}
    members = {"a": {"method": "test.x"}, "b": {"method": "auth.required"}, "c": {"method": "sess.counter"}}
    answer = wsgi.batch(members, login)["batch"]
    assert [list(answer[key]) for key in "abc"] == [["result"]] * 3
    assert "error" in wsgi.call("async_.coro"), "a coroutine needs a loop, so the trap works"


def test_one_urlconf_serves_coroutines_and_plain_methods_behind_both_handlers(service: Service) -> None:
    assert service.call("async_.coro", {"a": 1}) == {"result": {"parameters": {"a": 1}}}
    assert service.call("auth.required_coro", {}, service.create())["result"] == {"user_id": "anna"}


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("name", ["ordinary", "raw", "jsonp"])
def test_statuses_without_a_body_have_none(register: Register, status: int, name: str) -> None:
    def set_status(handler: Any, parameters: Any) -> Any:
        handler.set_status(status)
        if name == "raw":
            handler.respond_raw(b"body")
        return "body"

    register("test.x", set_status if name != "jsonp" else jsonp(set_status))
    request = Request(method="GET", path="/test.x?jsonp=cb", headers={"Host": "toto.test"}, body=None)
    with WsgiTransport() as transport:
        answer = transport.send(request).result()
    assert (answer.status, answer.body, answer.get("content-type")) == (status, b"", None)


def test_empty_raw_answer_has_no_content_type(register: Register) -> None:
    register("test.x", lambda handler, parameters: handler.respond_raw(b""))
    request = Request(method="GET", path="/test.x", headers={"Host": "toto.test"}, body=None)
    with WsgiTransport() as transport:
        assert transport.send(request).result().get("content-type") is None


def test_value_that_cannot_be_encoded_names_its_path_and_keeps_the_session(service: Service) -> None:
    login = service.create()
    answer = service.call("sess.set", {"k": "a", "v": 1}, login)
    assert "session" in answer
    answer = service.call("ret.nan", {}, login)
    assert error_of(answer)[0] == 1000
    assert error_of(answer)[1].startswith("Cannot encode result: nan")


def test_csrf_protection_leaves_calls_alone(service: Service, settings: Any) -> None:
    settings.MIDDLEWARE = ["django.middleware.csrf.CsrfViewMiddleware", *settings.MIDDLEWARE]
    service.client.handler.enforce_csrf_checks = True
    assert service.send("POST", "/", ECHO).json() == ECHOED
