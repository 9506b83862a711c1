"""The dispatch view: every call, in one view, as a plain function and as a coroutine.

Reading a request and writing an answer are shared steps; only the dispatcher between
them is awaited or not.
"""

import logging
from collections.abc import Awaitable, Mapping
from typing import Any, NamedTuple, cast

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from toto_django import dispatcher
from toto_django.codecs import JSON, Codec, EncodeError, codec_for, query_arguments
from toto_django.codecs.form import FormCodec, MultipartCodec
from toto_django.conf import settings
from toto_django.exceptions import MethodNotAllowed, RequestError, ServerError, TooLarge, TotoException
from toto_django.exchange import Exchange
from toto_django.http import check_request, may_use_cookie, read_body
from toto_django.logs import one_line
from toto_django.messages import ABSENT, Answer, Call, Jsonp, Raw, Redirect, Result
from toto_django.middleware import TotoMiddleware
from toto_django.requests import header, query_string

__all__ = ["adispatch", "dispatch"]

logger = logging.getLogger("toto_django")

METHODS = ("HEAD", "POST", "OPTIONS", "GET")
ALLOWED_HEADERS = "origin,x-toto-session-id,x-toto-hmac,content-type"


class _Incoming(NamedTuple):
    """What a request asks for: one call, or a batch of members not yet looked at."""

    codec: Codec
    call: Call | None = None
    batch: Mapping[Any, Any] | None = None


@login_not_required
@non_atomic_requests
def dispatch(request: HttpRequest, path: str = "") -> HttpResponseBase:
    """Answer calls in the caller's thread; no event loop unless a method is a coroutine."""
    exchange = _exchange(request)
    if exchange is None:
        return cast(HttpResponseBase, TotoMiddleware(lambda request: dispatch(request, path))(request))
    try:
        incoming = _read(request, exchange, path)
        if isinstance(incoming, HttpResponse):
            return incoming
        if incoming.batch is not None:
            return _batch_response(exchange, incoming.codec, dispatcher.batch(exchange, incoming.batch))
        return _response(exchange, incoming.codec, dispatcher.call(exchange, cast(Call, incoming.call)))
    except Exception as error:
        return _failure(exchange, error)


@login_not_required
@non_atomic_requests
async def adispatch(request: HttpRequest, path: str = "") -> HttpResponseBase:
    """See dispatch; on an event loop."""
    exchange = _exchange(request)
    if exchange is None:

        async def inner(request: HttpRequest) -> HttpResponseBase:
            return await adispatch(request, path)

        return await cast("Awaitable[HttpResponseBase]", TotoMiddleware(inner)(request))
    try:
        incoming = _read(request, exchange, path)
        if isinstance(incoming, HttpResponse):
            return incoming
        if incoming.batch is not None:
            return _batch_response(
                exchange, incoming.codec, await dispatcher.abatch(exchange, incoming.batch)
            )
        return _response(
            exchange, incoming.codec, await dispatcher.acall(exchange, cast(Call, incoming.call))
        )
    except Exception as error:
        return _failure(exchange, error)


# Django's decorator would wrap them.
dispatch.csrf_exempt = adispatch.csrf_exempt = True  # type: ignore[attr-defined]


def _exchange(request: HttpRequest) -> Exchange | None:
    """What the middleware attached; without it in MIDDLEWARE the view brings it along."""
    exchange: Exchange | None = getattr(request, "toto", None)
    if exchange is not None:
        exchange.is_signed = False
        exchange.headers_only = request.method == "HEAD"
        if exchange.given_session_id and settings.USE_COOKIES and not may_use_cookie(request):
            exchange.forget_given_session()
    return exchange


# Reading


def _read(request: HttpRequest, exchange: Exchange, path: str) -> _Incoming | HttpResponse:
    check_request(request)
    url_method = path.replace("/", ".") if path and settings.METHOD_SELECT != "parameter" else ABSENT
    match request.method:
        case "GET" | "HEAD":
            query = query_string(request)
            arguments = query_arguments(query) if query else {}
            parameters = {
                name: values[0] if len(values) == 1 else values for name, values in arguments.items()
            }
            return _Incoming(JSON, Call(url_method, parameters))
        case "POST":
            return _read_post(request, url_method)
        case "OPTIONS":
            return _preflight(request, exchange)
        case _:
            raise MethodNotAllowed


def _read_post(request: HttpRequest, url_method: Any) -> _Incoming:
    content_type = header(request, "CONTENT_TYPE", "")
    body = read_body(request)
    if not body:
        return _read_empty(request, content_type, url_method)
    codec = codec_for(content_type)
    value = codec.loads(body, content_type)
    if isinstance(codec, FormCodec):
        return _Incoming(codec, Call(url_method, _merged(request, value)))
    if isinstance(codec, MultipartCodec):
        return _Incoming(codec, Call(url_method, value))
    if isinstance(value, dict) and value:
        return _read_object(codec, value, url_method)
    if value is None or value is False or value in (0, [], "", {}):
        return _Incoming(codec, Call(url_method, {}))
    if isinstance(value, str | list):
        return _Incoming(codec, Call(url_method, value))
    raise RequestError("The body is not an object.")


def _read_empty(request: HttpRequest, content_type: str, url_method: Any) -> _Incoming:
    """A POST without a body calls the method of its URL, without parameters (docs/protocol.md 1.6)."""
    try:
        codec = codec_for(content_type)
    except RequestError:
        codec = JSON
    if isinstance(codec, FormCodec):
        return _Incoming(codec, Call(url_method, _merged(request, {})))
    if url_method is ABSENT or isinstance(codec, MultipartCodec):
        raise RequestError("The body is empty.")
    return _Incoming(codec, Call(url_method, {}))


def _merged(request: HttpRequest, form: dict[str, list[str]]) -> dict[str, list[str]]:
    """A form's arguments behind those of the query."""
    arguments = query_arguments(query_string(request))
    for name, values in form.items():
        arguments.setdefault(name, []).extend(values)
    return arguments


def _read_object(codec: Codec, value: dict[Any, Any], url_method: Any) -> _Incoming:
    if "batch" in value:
        return _Incoming(codec, batch=_checked_batch(value["batch"]))
    if url_method is ABSENT and settings.METHOD_SELECT != "url":
        url_method = value.get("method", ABSENT)
    parameters = value.get("parameters")
    return _Incoming(codec, Call(url_method, value if parameters is None else parameters))


def _checked_batch(batch: Any) -> Mapping[Any, Any]:
    if not isinstance(batch, dict):
        raise RequestError("A batch is an object.")
    if len(batch) > settings.MAX_BATCH:
        raise TooLarge(f"A batch has at most {settings.MAX_BATCH} members.")
    return batch


def _preflight(request: HttpRequest, exchange: Exchange) -> HttpResponse:
    requested_method = request.META.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
    if requested_method is not None and requested_method not in METHODS:
        raise MethodNotAllowed
    requested = request.META.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS")
    headers = ALLOWED_HEADERS.split(",")
    if requested is not None:
        headers += [name.strip().lower() for name in requested.split(",")]
    response = _without_body(exchange.response)
    response.headers["Access-Control-Allow-Methods"] = ",".join(METHODS)
    response.headers["Access-Control-Allow-Headers"] = ",".join(dict.fromkeys(headers))
    return response


# Writing


def _response(exchange: Exchange, codec: Codec, answer: Answer) -> HttpResponseBase:
    if exchange.has_response and exchange.response.status_code in (204, 304):
        return _without_body(exchange.response)
    match answer:
        case Result():
            if not answer.is_nothing:
                return _encoded(exchange, codec, answer.to_wire())
            if settings.NONE_RESULT == "empty":
                return _without_body(exchange.response)
            return _encoded(exchange, codec, {"result": None})
        case Raw():
            return _raw_response(exchange.response, answer)
        case Jsonp():
            return _jsonp_response(exchange, codec, answer)
        case Redirect():
            response: HttpResponse = exchange.response
            response.status_code = answer.status
            response.headers["Location"] = answer.location
            return _without_body(response)


def _batch_response(exchange: Exchange, codec: Codec, members: dict[Any, Mapping[str, Any]]) -> HttpResponse:
    """A member's status and content type are its own business and do not reach the others' answer."""
    exchange.response_type = None
    exchange.response.status_code = 200
    return _encoded(exchange, codec, {"batch": members})


def _encoded(exchange: Exchange, codec: Codec, envelope: dict[str, Any]) -> HttpResponse:
    session = exchange.session_to_wire()
    if session is not None:
        envelope["session"] = session
        exchange.is_signed = True
    content = _dumps(codec, envelope)
    response: HttpResponse = exchange.response_with(content, exchange.response_type or codec.content_type)
    return response


def _dumps(codec: Codec, envelope: dict[str, Any]) -> bytes:
    """Encode; what cannot be encoded is an error of that call or member alone (docs/protocol.md 1.7)."""
    while True:
        try:
            return codec.dumps(envelope)
        except EncodeError as error:
            is_member = error.path[0] == "batch" and len(error.path) > 2
            message = str(EncodeError(error.path[2:] if is_member else error.path, error.reason))
            logger.error("an answer could not be encoded: %s", one_line(message))
            failed = Result.of_exception(ServerError(message)).to_wire()
            if is_member:
                envelope["batch"][error.path[1]] = failed
            else:
                envelope = {name: value for name, value in envelope.items() if name == "session"} | failed


def _raw_response(response: HttpResponse, answer: Raw) -> HttpResponseBase:
    if answer.more is None and not answer.body:
        return _without_body(response)
    if answer.more is None:
        response.content = answer.body
        response.headers["Content-Type"] = answer.content_type
        return response
    first, rest = answer.body, answer.more

    async def chunks() -> Any:
        yield first
        async for chunk in rest:
            yield chunk

    streaming = StreamingHttpResponse(chunks(), status=response.status_code, content_type=answer.content_type)
    streaming.cookies = response.cookies
    for name, value in response.items():
        streaming.headers.setdefault(name, value)
    return streaming


def _jsonp_response(exchange: Exchange, codec: Codec, answer: Jsonp) -> HttpResponse:
    try:
        body = JSON.dumps(answer.result)
    except EncodeError:
        return _encoded(exchange, codec, {"result": answer.result})
    response: HttpResponse = exchange.response
    response.content = b"%s(%s)" % (answer.callback.encode(), body)
    response.headers["Content-Type"] = "text/javascript"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _without_body(response: HttpResponse) -> HttpResponse:
    response.content = b""
    response.headers.pop("Content-Type", None)
    return response


def _failure(exchange: Exchange, error: Exception) -> HttpResponse:
    """A request that is no call: JSON with an HTTP status (docs/protocol.md 1.6)."""
    if isinstance(error, BadRequest | SuspiciousOperation):  # Django's own, of a header that it refuses.
        error = RequestError("The request is malformed.")
    response = HttpResponse(status=error.status if isinstance(error, TotoException) else 200)
    if not isinstance(error, TotoException):
        logger.error("a request failed outside its method", exc_info=error)
    response.content = JSON.dumps(Result.of_exception(error).to_wire())
    response.headers["Content-Type"] = JSON.content_type
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ",".join(METHODS)
    return response
