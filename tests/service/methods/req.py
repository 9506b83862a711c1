"""``req.*``: the decorators that have nothing to do with sessions."""
# ruff: noqa: F403, F405

from collections.abc import Callable
from typing import Any

from toto_django import method
from toto_django.exceptions import TotoException
from toto_django.invocation import *

PAGES = {"404": "/not_found.html", "4242": "http://example.test/e?x=1"}


class HttpError(Exception):
    """An error with a status instead of a code."""

    def __init__(self, status_code: int) -> None:
        super().__init__(f"HTTP {status_code}")
        self.status_code = status_code


def _parameters(handler: Any, parameters: Any) -> Any:
    return {"parameters": parameters}


def _returning(value: Any) -> Callable[[Any, Any], Any]:
    return lambda handler, parameters: value


def _failing(handler: Any, parameters: Any) -> Any:
    if parameters.get("code"):
        raise TotoException(parameters["code"], "redirect me")
    if parameters.get("generic"):
        raise Exception("generic")
    return {"ok": True}


method("req.one")(requires("x")(lambda handler, parameters: {"x": parameters["x"]}))
method("req.two")(requires("alpha", "beta")(_returning({"ok": True})))
method("req.defaults")(default_parameters({"a": 1, "b": [1, 2], "c": None})(_parameters))

method("req.raw")(raw_response(_returning(b"raw \x00\x01\xfe\xff bytes")))
method("req.raw_unicode")(raw_response(_returning("café")))
method("req.raw_none")(raw_response(_returning(None)))
method("req.raw_int")(raw_response(_returning(5)))

method("req.jsonp")(jsonp(_parameters))
method("req.jsonp_callback")(jsonp("callback")(_parameters))
method("req.jsonp_auth")(
    authenticated(jsonp(lambda handler, parameters: {"user_id": handler.session.user_id}))
)

method("req.redirect")(error_redirect(PAGES)(_failing))
method("req.redirect_default")(error_redirect({"404": "/not_found.html"}, "/error.html")(_failing))
method("req.redirect_int")(error_redirect({404: "/int_key.html"})(_failing))  # type: ignore[dict-item]


@method("req.raw_html")
@raw_response
def raw_html(handler: Any, parameters: Any) -> Any:
    handler.response_type = "text/html"
    return "<h1>hi</h1>"


@method("req.raw_error")
@raw_response
def raw_error(handler: Any, parameters: Any) -> Any:
    raise TotoException(4242, "raw error")


@method("req.raw_auth")
@authenticated
@raw_response
def raw_auth(handler: Any, parameters: Any) -> Any:
    return f"secret bytes for {handler.session.user_id}"


@method("req.redirect_http")
@error_redirect({"404": "/http_not_found.html"})
def redirect_http(handler: Any, parameters: Any) -> Any:
    raise HttpError(parameters.get("code", 404))
