"""The decorators of methods, under the module name that Toto gave them (docs/protocol.md 7.7, 9, 10.1).

Each adds a `Policy` to one `Method`, or sets its flag; they stand in any order, above or
below `toto_django.method`, on ``def`` and ``async def`` alike. Where several refuse a
call, the outermost does.
"""

import copy
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, overload

from toto_django.exceptions import InvalidParameters, MissingParameters, NotAuthorized, ServerError
from toto_django.messages import ABSENT, Answer, Jsonp, Raw, Redirect, Result
from toto_django.registry import Function, Method, Policy

__all__ = [
    "anonymous_session",
    "asynchronous",
    "authenticated",
    "authenticated_with_parameter",
    "default_parameters",
    "error_redirect",
    "jsonp",
    "optionally_authenticated",
    "raw_response",
    "requires",
]

Decorator = Callable[[Function | Method], Method]

CALLBACK = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*|\[\d+\])*", re.ASCII)
LONGEST_CALLBACK = 128
NO_OBJECT = InvalidParameters("The parameters are not an object.")


def authenticated(function: Function | Method) -> Method:
    """Only with a session of an account; else NotAuthorized."""
    return _add(function, _Authenticated())


def anonymous_session(function: Function | Method) -> Method:
    """With the caller's session, or a new anonymous one."""
    return _add(function, _AnonymousSession())


def optionally_authenticated(function: Function | Method) -> Method:
    """With the caller's session if there is one; ``handler.session`` is None otherwise."""
    return _add(function, _OptionallyAuthenticated())


def authenticated_with_parameter(function: Function | Method) -> Method:
    """With the session, anonymous or not, whose id is the parameter ``session_id``; else NotAuthorized.

    The parameter is taken out; an empty one falls back to the header.
    """
    return _add(function, _AuthenticatedWithParameter())


def requires(*names: str) -> Decorator:
    """Only with these parameters, whatever their values; else MissingParameters."""
    return lambda function: _add(function, _Requires(names))


def default_parameters(defaults: Mapping[str, Any]) -> Decorator:
    """Add the parameters that are absent."""
    return lambda function: _add(function, _DefaultParameters(defaults))


@overload
def asynchronous(function: Function | Method) -> Method: ...
@overload
def asynchronous(*, timeout: float) -> Decorator: ...
def asynchronous(function: Any = None, *, timeout: float | None = None) -> Any:
    """The call stays open until ``handler.respond`` is called, from any thread; needs an ASGI server.

    A value other than None that the method returns answers at once. After ``timeout``
    seconds (default: METHOD_TIMEOUT) the answer is TimedOut.
    """
    if function is None:
        return lambda function: Method.of(function).changed(is_asynchronous=True, timeout=timeout)
    return Method.of(function).changed(is_asynchronous=True)


def raw_response(function: Function | Method) -> Method:
    """Answer the returned bytes or text as they are, with the content type ``handler.response_type``."""
    return _add(function, _RawResponse())


@overload
def jsonp(name: Function | Method) -> Method: ...
@overload
def jsonp(name: str = "jsonp") -> Decorator: ...
def jsonp(name: Any = "jsonp") -> Any:
    """Wrap the result in a call of the function that the parameter ``name`` names, if it is given."""
    if isinstance(name, str):
        return lambda function: _add(function, _Jsonp(name))
    return _add(name, _Jsonp("jsonp"))


def error_redirect(locations: Mapping[str, str], default: str | None = None) -> Decorator:
    """Redirect instead of answering an error: to the location of ``str(error.code)``, then of
    ``str(error.status_code)``, then to the default."""
    return lambda function: _add(function, _ErrorRedirect(locations, default))


def _add(function: Function | Method, policy: Policy) -> Method:
    method = Method.of(function)
    return method.changed(policies=(policy, *method.policies))


class _Authenticated(Policy):
    name = "authenticated"
    uses_session = True
    errors = (NotAuthorized(),)

    def load(self, handler: Any, parameters: Any) -> None:
        handler.retrieve_session()

    async def aload(self, handler: Any, parameters: Any) -> None:
        await handler.aretrieve_session()

    def apply(self, handler: Any, parameters: Any) -> Any:
        if not handler.is_authenticated:
            raise NotAuthorized
        return parameters


class _AnonymousSession(Policy):
    name = "anonymous_session"
    uses_session = True

    def load(self, handler: Any, parameters: Any) -> None:
        if handler.retrieve_session() is None:
            handler.create_session()

    async def aload(self, handler: Any, parameters: Any) -> None:
        if await handler.aretrieve_session() is None:
            await handler.acreate_session()


class _OptionallyAuthenticated(Policy):
    name = "optionally_authenticated"
    uses_session = True

    def load(self, handler: Any, parameters: Any) -> None:
        handler.retrieve_session()

    async def aload(self, handler: Any, parameters: Any) -> None:
        await handler.aretrieve_session()


class _AuthenticatedWithParameter(Policy):
    name = "authenticated_with_parameter"
    uses_session = True
    own_parameters = MappingProxyType({"session_id": {"required": True, "schema": {"type": "string"}}})
    errors = (NotAuthorized(),)

    def load(self, handler: Any, parameters: Any) -> None:
        if handler.retrieve_session(_session_id_in(parameters)) is None:
            raise NotAuthorized

    async def aload(self, handler: Any, parameters: Any) -> None:
        if await handler.aretrieve_session(_session_id_in(parameters)) is None:
            raise NotAuthorized

    def apply(self, handler: Any, parameters: Any) -> Any:
        return {name: value for name, value in parameters.items() if name != "session_id"}


def _session_id_in(parameters: Any) -> str:
    session_id = parameters.get("session_id") if isinstance(parameters, Mapping) else None
    if not isinstance(session_id, str):
        raise NotAuthorized
    return session_id


class _Requires(Policy):
    name = "requires"
    errors = (MissingParameters(["..."]), NO_OBJECT)

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = self.required_parameters = names

    def apply(self, handler: Any, parameters: Any) -> Any:
        _check_object(parameters)
        missing = [name for name in self.names if name not in parameters]
        if missing:
            raise MissingParameters(missing)
        return parameters

    def describe(self) -> str:
        return f"requires({', '.join(self.names)})"


class _DefaultParameters(Policy):
    name = "default_parameters"
    errors = (NO_OBJECT,)

    def __init__(self, defaults: Mapping[str, Any]) -> None:
        self.defaults = self.added_parameters = defaults

    def apply(self, handler: Any, parameters: Any) -> Any:
        _check_object(parameters)
        return {**copy.deepcopy(dict(self.defaults)), **parameters}

    def describe(self) -> str:
        return f"default_parameters({', '.join(self.defaults)})"


def _check_object(parameters: Any) -> None:
    if not isinstance(parameters, Mapping):
        raise InvalidParameters("The parameters are not an object.")


class _RawResponse(Policy):
    name = "raw_response"

    def finish(self, handler: Any, result: Result) -> Answer:
        if result.error is not ABSENT:
            return result
        body = result.result
        if isinstance(body, str):
            body = body.encode("utf-8", "surrogatepass")
        if not isinstance(body, bytes | bytearray | memoryview):
            return Result.of_exception(ServerError("A raw response is bytes or text."))
        return Raw(bytes(body), handler.response_type or "application/octet-stream")


class _Jsonp(Policy):
    errors = (InvalidParameters("A callback is the path of a JavaScript function."),)

    def __init__(self, parameter: str) -> None:
        self.parameter = parameter
        self.own_parameters = {
            parameter: {
                "summary": "A JavaScript function to call with the result.",
                "schema": {"type": "string"},
            }
        }
        self.name = "jsonp"

    def apply(self, handler: Any, parameters: Any) -> Any:
        callback = parameters.get(self.parameter) if isinstance(parameters, Mapping) else None
        if not callback:
            return parameters
        if not _is_callback(callback):
            message = "A callback is the path of a JavaScript function."
            raise InvalidParameters(message, {self.parameter: [message]})
        handler.jsonp_callback = callback
        return {name: value for name, value in parameters.items() if name != self.parameter}

    def finish(self, handler: Any, result: Result) -> Answer:
        callback = handler.jsonp_callback
        if callback is None or result.result is ABSENT or result.error is not ABSENT:
            return result
        return Jsonp(callback, result.result)

    def describe(self) -> str:
        return f"jsonp({self.parameter})"


def _is_callback(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_CALLBACK and bool(CALLBACK.fullmatch(value))


class _ErrorRedirect(Policy):
    name = "error_redirect"

    def __init__(self, locations: Mapping[str, str], default: str | None) -> None:
        self.locations = locations
        self.default = default

    def redirect(self, error: BaseException) -> Redirect | None:
        location = self.default
        for attribute in ("status_code", "code"):
            if hasattr(error, attribute):
                location = self.locations.get(str(getattr(error, attribute)), location)
        return None if location is None else Redirect(location)
