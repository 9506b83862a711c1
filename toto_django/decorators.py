"""Toto sessions for a project's own views."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from toto_django.codecs import JSON
from toto_django.exceptions import NotAuthorized, TotoException, Unavailable
from toto_django.messages import Result

__all__ = ["session_required"]

View = Callable[..., Any]


def session_required(view: View) -> View:
    """Let only requests with a verified session of an account through; it is then ``request.toto.session``.

    Others are answered 401 with the wire's error (1004 or 1008) as JSON, 503 where the
    store does not answer. Needs TotoMiddleware; works on plain and coroutine views.
    """
    if iscoroutinefunction(view):

        @wraps(view)
        async def aguarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                _check(await request.toto.aretrieve_session())  # type: ignore[attr-defined]
            except TotoException as error:
                return _refusal(error)
            return await cast("Awaitable[HttpResponseBase]", view(request, *args, **kwargs))

        return aguarded

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            _check(request.toto.retrieve_session())  # type: ignore[attr-defined]
        except TotoException as error:
            return _refusal(error)
        return cast(HttpResponseBase, view(request, *args, **kwargs))

    return guarded


def _check(session: Any) -> None:
    if session is None or not session.user_id:
        raise NotAuthorized


def _refusal(error: TotoException) -> HttpResponse:
    body = JSON.dumps(Result.of_exception(error).to_wire())
    return HttpResponse(
        body, status=503 if isinstance(error, Unavailable) else 401, content_type="application/json"
    )
