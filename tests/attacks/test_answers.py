"""What a browser might take for more than an answer: callbacks, raw bodies, headers with clients' words."""

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.calls import Service
from toto_django.invocation import jsonp, raw_response
from toto_django.registry import registry

SCRIPT = "</script><script>alert(1)</script><!--"
CALLBACKS = [
    *(
        "alert(1)//",
        "alert`1`",
        "a;alert(1)",
        "a=1;",
        "a\nalert(1)",
        "a\r",
        "a\u2028alert(1)",
        "a b",
        "a/**/",
        "a-b",
        "+a",
    ),
    *(
        "<script>",
        SCRIPT,
        "&lt;",
        "a<b",
        "a'b",
        'a"b',
        "a\\u0028",
        "\\x61",
        "a%28",
        "a(",
        "a)",
        "(a)",
        "[a]",
        "{a}",
        "a,b",
    ),
    *(
        "a[b]",
        "a['b']",
        "a[0",
        "a[0]]",
        "a[-1]",
        "a[0x1]",
        "a[\u0660]",
        "a..b",
        ".a",
        "a.",
        "1a",
        "a.1",
        "é",
        "\uff41",
        "a\u200d",
        "a\0",
    ),
    *(
        "a" * 129,
        "a" * 100_000,
        "a." * 50_000 + "a",
        "a" + "[0]" * 50_000,
        "",
        " ",
        "\ufeffa",
        "function(){}",
        "new a",
        "a\x00b",
    ),
]
REFUSED = [callback for callback in CALLBACKS if callback]
ALLOWED = [
    "cb",
    "constructor",
    "__proto__",
    "alert",
    "this.a",
    "window.on[0].done",
    "$",
    "_",
    "a" * 128,
    "a[12345678901]",
]

quick = settings(
    max_examples=150, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)


def parameters_of(handler: Any, parameters: Any) -> Any:
    return parameters


def is_refused(response: Any) -> bool:
    """An error in JSON, as any other."""
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.content.isascii()
    return bool(json.loads(response.content)["error"]["code"] == 1100)


# JSONP


@pytest.mark.parametrize("callback", REFUSED, ids=lambda callback: ascii(callback[:16]))
def test_callback_that_is_more_than_a_name_is_refused(service: Service, register: Any, callback: str) -> None:
    register("test.x", jsonp(parameters_of))
    assert is_refused(service.post({"method": "test.x", "parameters": {"jsonp": callback}}))
    if len(callback) < 5000:
        assert is_refused(service.send("GET", f"/test.x?jsonp={quote(callback)}"))
        assert is_refused(service.send("GET", f"/test.x?jsonp=cb&jsonp={quote(callback)}")), "two are none"


@pytest.mark.parametrize("callback", ALLOWED, ids=lambda callback: callback[:16])
def test_callback_is_called_with_json_that_cannot_end_the_script(
    service: Service, register: Any, callback: str
) -> None:
    register("test.x", jsonp(parameters_of))
    response = service.send("GET", f"/test.x?jsonp={quote(callback)}&a={quote(SCRIPT)}%E2%80%A8%00")
    assert response.headers["Content-Type"] == "text/javascript"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.content.isascii()
    called, body = response.content.decode().removesuffix(")").split("(", 1)
    assert called == callback
    assert json.loads(body) == {"a": f"{SCRIPT}\u2028\0"}


@quick
@given(callback=st.text(max_size=40) | st.text("a.[]0()$_'\"<>/\\ \n", max_size=12))
def test_whatever_the_callback_the_answer_is_a_call_or_an_error(
    db: None, register: Any, callback: str
) -> None:
    if registry.get("test.jsonp") is None:
        register("test.jsonp", jsonp(parameters_of))
    response = Service("wsgi").post({"method": "test.jsonp", "parameters": {"jsonp": callback, "a": SCRIPT}})
    if response.headers["Content-Type"] == "text/javascript":
        shape = re.compile(
            rb"[A-Za-z_$][A-Za-z0-9_$]*((\.[A-Za-z_$][A-Za-z0-9_$]*)|(\[[0-9]+\]))*\(\{.*\}\)", re.DOTALL
        )
        assert shape.fullmatch(response.content)
    elif callback:
        assert is_refused(response)


def test_error_of_a_method_is_never_wrapped_and_its_text_is_no_script(
    service: Service, register: Any
) -> None:
    response = service.send("GET", f"/{quote(SCRIPT, safe='')}?jsonp=alert")
    assert response.headers["Content-Type"] == "application/json"
    assert SCRIPT.replace("/", ".") in response.json()["error"]["value"]


# Raw answers


def test_raw_answer_is_typed_by_its_method_alone(service: Service, register: Any) -> None:
    register("test.raw", raw_response(lambda handler, parameters: parameters["body"]))
    for headers in ({}, {"accept": "text/html"}, {"content_type": "application/msgpack"}):
        response = service.send(
            "GET", f"/test.raw?body={quote(SCRIPT)}&response_type=text/html&type=text/html", **headers
        )
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.content == SCRIPT.encode()
    error = service.send("GET", "/test.raw?nothing=1")
    assert error.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "type_", ["text/plain", "application/json, text/html", "text/html;", "image/svg+xml", f"x/{SCRIPT}"]
)
def test_refused_content_type_is_shown_in_json_only(service: Service, type_: str) -> None:
    response = service.send("POST", "/echo", b"x", content_type=type_)
    assert (response.status_code, response.headers["Content-Type"]) == (415, "application/json")


# Headers

LINES = ["a\r\nSet-Cookie: stolen=1", "a\nSet-Cookie: stolen=1", "a\rSet-Cookie: stolen=1", "a\r\n\r\n<html>"]


@pytest.mark.parametrize("text", LINES, ids=repr)
def test_parameter_in_a_header_adds_no_other(service: Service, register: Any, text: str) -> None:
    def of_type(handler: Any, parameters: Any) -> Any:
        handler.response_type = parameters
        return {"a": 1}

    def of_raw_type(handler: Any, parameters: Any) -> None:
        handler.respond_raw(b"x", parameters)

    register("test.header", lambda handler, parameters: handler.set_header("X-Mine", parameters))
    register("test.name", lambda handler, parameters: handler.set_header(parameters, "x"))
    register("test.redirect", lambda handler, parameters: handler.redirect(parameters))
    register("test.type", of_type)
    register("test.raw_type", of_raw_type)
    for name in ("header", "name", "redirect", "type", "raw_type"):
        response = service.post({"method": f"test.{name}", "parameters": text})
        shown = [*response.headers.keys(), *response.headers.values()]
        assert not any("\r" in each or "\n" in each for each in shown)
        assert "stolen" not in response.cookies
        assert response.json()["error"] == {"code": 1000, "value": "Server error"}


@pytest.mark.parametrize("text", [*LINES, "a; Domain=evil.test", "a\x00b", "é\u2028"], ids=ascii)
def test_parameter_in_a_cookie_is_its_value_alone(service: Service, register: Any, text: str) -> None:
    register("test.cookie", lambda handler, parameters: handler.set_cookie("mine", parameters))
    response = service.post({"method": "test.cookie", "parameters": text})
    for cookie in response.cookies.values():
        written = cookie.OutputString()
        assert "\r" not in written
        assert "\n" not in written
        assert cookie["domain"] == ""
        assert cookie.value == text
