"""The ten decorators: on ``def`` and ``async def``, in any order, on the wire and called directly."""

import inspect
import itertools
import json
from collections.abc import Callable
from threading import Timer
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from tests.calls import Service, envelope, error_of, signature, signed
from toto_django.exceptions import InvalidParameters, MissingParameters, NotAuthorized, TotoException
from toto_django.invocation import (
    anonymous_session,
    asynchronous,
    authenticated,
    authenticated_with_parameter,
    default_parameters,
    error_redirect,
    jsonp,
    optionally_authenticated,
    raw_response,
    requires,
)
from toto_django.registry import Method

Register = Callable[..., Method]
Make = Callable[[Callable[[Any, Any], Any]], Callable[[Any, Any], Any]]


@pytest.fixture(params=["def", "async def"])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes of a plain function a method: itself, or a coroutine function."""

    def coroutine(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        async def call(handler: Any, parameters: Any) -> Any:
            return function(handler, parameters)

        return call

    return coroutine if request.param == "async def" else lambda function: function


def parameters_of(handler: Any, parameters: Any) -> Any:
    return parameters


def who(handler: Any, parameters: Any) -> Any:
    session = handler.session
    return {"user_id": None if session is None else session.user_id, "parameters": parameters}


def failing(handler: Any, parameters: Any) -> Any:
    raise TotoException(4242, "no")


# Sessions


def test_authenticated_wants_the_session_of_an_account(
    service: Service, make: Make, register: Register
) -> None:
    register("test.x", authenticated(make(who)))
    assert error_of(service.call("test.x")) == (1004, "Not authorized")
    anonymous = service.call("auth.anon")["session"]["session_id"]
    assert error_of(service.post({"method": "test.x"}, x_toto_session_id=anonymous).json())[0] == 1004
    answer = service.call("test.x", {"a": 1}, service.create())
    assert answer["result"] == {"user_id": "anna", "parameters": {"a": 1}}
    assert answer["session"]["user_id"] == "anna"


def test_anonymous_session_loads_or_makes_one(service: Service, make: Make, register: Register) -> None:
    register("test.x", anonymous_session(make(who)))
    made = service.call("test.x")["session"]
    assert made["user_id"] == ""
    again = service.post({"method": "test.x"}, x_toto_session_id=made["session_id"]).json()["session"]
    assert again["session_id"] == made["session_id"]
    unknown = service.post({"method": "test.x"}, x_toto_session_id="unknown").json()["session"]
    assert unknown["session_id"] not in {"unknown", made["session_id"]}
    assert service.call("test.x", {}, service.create())["result"]["user_id"] == "anna"


def test_optionally_authenticated_takes_what_is_there(
    service: Service, make: Make, register: Register
) -> None:
    register("test.x", optionally_authenticated(make(who)))
    assert service.call("test.x") == {"result": {"user_id": None, "parameters": {}}}
    assert service.call("test.x", {}, service.create())["result"]["user_id"] == "anna"


def test_session_with_an_empty_state_is_true(service: Service, make: Make, register: Register) -> None:
    register("test.x", optionally_authenticated(make(lambda handler, parameters: bool(handler.session))))
    assert service.call("test.x", {}, service.create())["result"] is True
    assert service.call("test.x")["result"] is False


def test_authenticated_with_parameter_takes_the_id_out_of_the_parameters(
    service: Service, make: Make, register: Register
) -> None:
    register("test.x", authenticated_with_parameter(make(who)))
    login = service.create()
    parameters = {"session_id": login.session_id, "a": 1}
    hmac = signature("anna", envelope("test.x", parameters))
    answer = service.send("POST", "/", envelope("test.x", parameters), x_toto_hmac=hmac).json()
    assert answer["result"] == {"user_id": "anna", "parameters": {"a": 1}}
    assert service.call("test.x", {"session_id": ""}, login)["result"]["user_id"] == "anna"
    anonymous = service.call("auth.anon")["session"]["session_id"]
    assert service.call("test.x", {"session_id": anonymous})["result"]["user_id"] == ""


@pytest.mark.parametrize(
    "parameters", [{"a": 1}, {"session_id": 5}, {"session_id": None}, {"session_id": "?"}, []]
)
def test_authenticated_with_parameter_refuses_other_ids_even_with_a_good_header(
    service: Service, make: Make, register: Register, parameters: Any
) -> None:
    register("test.x", authenticated_with_parameter(make(who)))
    assert service.call("test.x", parameters, service.create())["error"]["code"] == 1004


# Parameters


def test_requires_names_what_is_missing(service: Service, make: Make, register: Register) -> None:
    register("test.x", requires("a", "b", "c")(make(parameters_of)))
    assert error_of(service.call("test.x", {"b": None})) == (1003, "Missing parameters: a, c")
    given = {"a": None, "b": 0, "c": ""}
    assert service.call("test.x", given) == {"result": given}


def test_default_parameters_add_what_is_absent_afresh_for_each_call(
    service: Service, make: Make, register: Register
) -> None:
    def grow(handler: Any, parameters: Any) -> Any:
        parameters["list"].append(1)
        return parameters

    defaults = {"list": [], "a": 1}
    register("test.x", default_parameters(defaults)(make(grow)))
    assert service.call("test.x", {"a": None}) == {"result": {"list": [1], "a": None}}
    assert service.call("test.x") == {"result": {"list": [1], "a": 1}}
    assert defaults == {"list": [], "a": 1}


@pytest.mark.parametrize("parameters", [[], "a", 5, ["a"]])
@pytest.mark.parametrize(
    "decorator", [requires("a"), default_parameters({"a": 1})], ids=["requires", "default"]
)
def test_parameters_that_are_no_object_are_invalid(
    service: Service, make: Make, register: Register, decorator: Any, parameters: Any
) -> None:
    register("test.x", decorator(make(parameters_of)))
    assert service.call("test.x", parameters)["error"]["code"] == 1100


# Answers


@pytest.mark.parametrize(
    ("value", "body"), [(b"\x00\xff", b"\x00\xff"), ("é", "é".encode()), (bytearray(b"a"), b"a"), ("", b"")]
)
def test_raw_response_sends_bytes_and_text_as_they_are(
    service: Service, make: Make, register: Register, value: Any, body: bytes
) -> None:
    register("test.x", authenticated(raw_response(make(lambda handler, parameters: value))))
    login = service.create()
    response = service.send("POST", "/", envelope("test.x"), **signed(login, envelope("test.x")))
    assert response.content == body
    assert "x-toto-hmac" not in response.headers
    if body:
        assert response.headers["Content-Type"] == "application/octet-stream"


def test_raw_response_has_the_chosen_content_type(service: Service, make: Make, register: Register) -> None:
    def page(handler: Any, parameters: Any) -> Any:
        handler.response_type = "text/html"
        return "<p>"

    register("test.x", raw_response(make(page)))
    assert service.send("GET", "/test.x").headers["Content-Type"] == "text/html"


@pytest.mark.parametrize("value", [None, 5, {}])
def test_raw_response_refuses_other_values(
    service: Service, make: Make, register: Register, value: Any
) -> None:
    register("test.x", raw_response(make(lambda handler, parameters: value)))
    response = service.post({"method": "test.x"})
    assert response.json()["error"]["code"] == 1000
    assert response.headers["Content-Type"] == "application/json"


def test_error_of_a_raw_method_is_json(service: Service, make: Make, register: Register) -> None:
    register("test.x", raw_response(make(failing)))
    response = service.post({"method": "test.x"})
    assert response.json() == {"error": {"code": 4242, "value": "no"}}
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("decorator", "name"),
    [(jsonp, "jsonp"), (jsonp(), "jsonp"), (jsonp("cb"), "cb")],
    ids=["bare", "()", "named"],
)
def test_jsonp_wraps_the_bare_result_in_a_call(
    service: Service, make: Make, register: Register, decorator: Any, name: str
) -> None:
    register("test.x", decorator(make(parameters_of)))
    response = service.send("GET", f"/test.x?a=1&{name}=window.on[0].done")
    assert response.content == b'window.on[0].done({"a": "1"})'
    assert response.headers["Content-Type"] == "text/javascript"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    for query in ("", f"?{name}="):
        assert "result" in service.send("GET", f"/test.x{query}").json()


def test_error_of_a_jsonp_method_is_never_wrapped(service: Service, make: Make, register: Register) -> None:
    register("test.x", jsonp(make(failing)))
    assert service.send("GET", "/test.x?jsonp=cb").json()["error"]["code"] == 4242


@pytest.mark.parametrize(
    "name", ["1a", "a b", "a;b", "a()", "a.", "a[b]", "a[", "ä", "a\n", "a" * 129, ["a"], 5]
)
def test_callback_that_is_no_member_path_is_refused(service: Service, register: Register, name: Any) -> None:
    register("test.x", jsonp(parameters_of))
    error = service.call("test.x", {"jsonp": name})["error"]
    assert error["code"] == 1100
    assert "jsonp" in error["fields"]


class Teapot(Exception):
    status_code = 418


@pytest.mark.parametrize(
    ("error", "location"),
    [
        (TotoException(4242, "x"), "/code"),
        (TotoException("E", "x"), "/text"),
        (Teapot(), "/status"),
        (TotoException(1, "x"), "/default"),
        (ValueError("x"), "/default"),
    ],
    ids=["code", "text code", "status_code", "other code", "other exception"],
)
def test_error_redirect_looks_up_code_then_status_then_default(
    service: Service, make: Make, register: Register, error: Exception, location: str
) -> None:
    def raising(handler: Any, parameters: Any) -> Any:
        raise error

    pages = {"4242": "/code", "E": "/text", "418": "/status"}
    register("test.x", error_redirect(pages, "/default")(make(raising)))
    response = service.send("GET", "/test.x")
    assert (response.status_code, response.headers["Location"], response.content) == (302, location, b"")


def test_error_redirect_without_a_match_leaves_the_error(
    service: Service, make: Make, register: Register
) -> None:
    register("test.x", error_redirect({"1": "/one", 4242: "/integer"})(make(failing)))
    assert service.call("test.x")["error"]["code"] == 4242


def test_refusal_by_another_decorator_is_redirected_in_either_order(
    service: Service, register: Register
) -> None:
    register("test.in", authenticated(error_redirect({"1004": "/login"})(who)))
    register("test.out", error_redirect({"1004": "/login"})(authenticated(who)))
    for name in ("test.in", "test.out"):
        assert service.send("GET", f"/{name}").headers["Location"] == "/login"


def test_asynchronous_method_is_answered_later(asgi: Service, make: Make, register: Register) -> None:
    def later(handler: Any, parameters: Any) -> None:
        Timer(0.01, handler.respond, [parameters]).start()

    register("test.x", asynchronous(make(later)))
    assert asgi.call("test.x", {"a": 1}) == {"result": {"a": 1}}


def test_value_that_an_asynchronous_method_returns_answers_at_once(
    service: Service, make: Make, register: Register
) -> None:
    register("test.x", asynchronous(make(parameters_of)))
    assert service.call("test.x", {"a": 1}) == {"result": {"a": 1}}


# Order


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_decorators_stand_in_any_order(service: Service, register: Register, order: tuple[int, ...]) -> None:
    decorators: list[Any] = [authenticated, requires("a"), default_parameters({"a": 1}), asynchronous]
    made: Any = who
    for index in order:
        made = decorators[index](made)
    register("test.x", made)
    answer = service.call("test.x", {"a": 2}, service.create())
    assert answer["result"] == {"user_id": "anna", "parameters": {"a": 2}}


def test_outermost_refuses_where_several_do(service: Service, register: Register) -> None:
    register("test.session", authenticated(requires("a")(who)))
    register("test.parameters", requires("a")(authenticated(who)))
    assert service.call("test.session")["error"]["code"] == 1004
    assert service.call("test.parameters")["error"]["code"] == 1003


# Called directly

NOBODY = SimpleNamespace(
    session=None, is_authenticated=False, retrieve_session=lambda *_: None, jsonp_callback=None
)


def returned(value: Any) -> Any:
    """The value, or what the coroutine returns."""

    async def awaited() -> Any:
        return await value

    return async_to_sync(awaited)() if inspect.isawaitable(value) else value


async def _none(*_: Any) -> None:
    return None


NOBODY.aretrieve_session = _none


@pytest.mark.parametrize(
    ("decorator", "parameters", "refusal"),
    [
        (authenticated, {}, NotAuthorized),
        (authenticated_with_parameter, {"session_id": "x"}, NotAuthorized),
        (requires("a"), {}, MissingParameters),
        (default_parameters({"a": 1}), [], InvalidParameters),
        (jsonp, {"jsonp": "1"}, InvalidParameters),
    ],
)
def test_direct_calls_are_checked_too(
    make: Make, decorator: Any, parameters: Any, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        returned(decorator(make(who))(NOBODY, parameters))


def test_direct_call_that_passes_gets_the_value(make: Make) -> None:
    assert returned(default_parameters({"a": 1})(make(parameters_of))(NOBODY, {"b": 2})) == {"a": 1, "b": 2}


def test_methods_call_one_another_with_the_same_checks(service: Service, register: Register) -> None:
    inner = authenticated(who)
    register("test.x", lambda handler, parameters: inner(handler, parameters))
    assert service.call("test.x")["error"]["code"] == 1004
    assert service.call("test.x", {}, service.create())["result"]["user_id"] == "anna"


def test_json_of_a_jsonp_answer_cannot_end_a_script(service: Service, register: Register) -> None:
    register("test.x", jsonp(parameters_of))
    body = service.send("GET", "/test.x?jsonp=cb&a=%E2%80%A8").content
    assert body.isascii()
    assert json.loads(body[3:-1]) == {"a": "\u2028"}
