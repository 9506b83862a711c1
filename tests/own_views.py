"""A project's own views beside the service, plain, coroutine and of Django REST framework."""

from typing import Any, ClassVar

from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import include, path
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from toto_django.decorators import session_required
from toto_django.drf import (
    BSONParser,
    BSONRenderer,
    MessagePackParser,
    MessagePackRenderer,
    TotoAuthentication,
    TotoCookieAuthentication,
    TotoThrottle,
)


def plain(request: Any) -> Any:
    session = request.toto.retrieve_session()
    return JsonResponse({"user_id": None if session is None else session.user_id})


async def coroutine(request: Any) -> Any:
    session = await request.toto.aretrieve_session()
    return JsonResponse({"user_id": None if session is None else session.user_id})


def streaming(request: Any) -> Any:
    request.toto.retrieve_session()
    return StreamingHttpResponse([b"a", b"b"])


def untouched(request: Any) -> Any:
    return HttpResponse("no session was asked for")


def logout(request: Any) -> Any:
    request.toto.retrieve_session()
    request.toto.logout()
    return HttpResponse("bye")


@session_required
def guarded(request: Any, name: str = "") -> Any:
    """For session_required."""
    return JsonResponse({"user_id": request.toto.session.user_id, "name": name})


@session_required
async def aguarded(request: Any, name: str = "") -> Any:
    """For session_required."""
    return JsonResponse({"user_id": request.toto.session.user_id, "name": name})


class Echo(APIView):
    """What it was sent, in the format that is accepted."""

    authentication_classes: ClassVar[list[Any]] = [TotoAuthentication]
    parser_classes: ClassVar[list[Any]] = [BSONParser, MessagePackParser]
    renderer_classes: ClassVar[list[Any]] = [BSONRenderer, MessagePackRenderer]

    def get(self, request: Any) -> Response:
        return Response([1, "é"])

    def post(self, request: Any) -> Response:
        return Response({"user": str(request.user), "data": request.data})

    def delete(self, request: Any) -> Response:
        return Response(status=204)


class Private(Echo):
    permission_classes: ClassVar[list[Any]] = [IsAuthenticated]


class Browsed(Private):
    authentication_classes: ClassVar[list[Any]] = [TotoCookieAuthentication, TotoAuthentication]


class Limited(Echo):
    throttle_classes: ClassVar[list[Any]] = [TotoThrottle]
    throttle_scope = "uploads"


class Unlimited(Echo):
    """It names no rate."""

    throttle_classes: ClassVar[list[Any]] = [TotoThrottle]


urlpatterns = [
    path("own/plain", plain),
    path("own/coroutine", coroutine),
    path("own/streaming", streaming),
    path("own/untouched", untouched),
    path("own/logout", logout),
    path("own/guarded", guarded),
    path("own/guarded/<name>", guarded),
    path("own/aguarded", aguarded),
    path("own/aguarded/<name>", aguarded),
    path("drf/echo", Echo.as_view()),
    path("drf/private", Private.as_view()),
    path("drf/browsed", Browsed.as_view()),
    path("drf/limited", Limited.as_view()),
    path("drf/unlimited", Unlimited.as_view()),
    path("service/", include("toto_django.urls")),
]
