"""Django's own views: bare, with a signed session from its cache, and one that waits."""

import asyncio
import hmac
import json

from django.contrib.sessions.backends.cache import SessionStore
from django.http import HttpRequest, HttpResponseForbidden, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from benchmarks.users import signature
from benchmarks.work import waiting, work

METHODS = {"bench.add": work, "bench.wait": work, "bench.wake": work}

arrived = asyncio.Event()


def _answer(request: HttpRequest) -> JsonResponse:
    call = json.loads(request.body)
    return JsonResponse({"result": METHODS[call["method"]](call["parameters"])})


@csrf_exempt
def plain(request: HttpRequest) -> HttpResponseBase:
    return _answer(request)


@csrf_exempt
async def coroutine(request: HttpRequest) -> HttpResponseBase:
    return _answer(request)


@csrf_exempt
async def signed(request: HttpRequest) -> HttpResponseBase:
    user_id = await SessionStore(request.headers["x-toto-session-id"]).aget("user_id")
    if user_id is None or not _is_signed(request, user_id):
        return HttpResponseForbidden()
    response = _answer(request)
    response.headers["x-toto-hmac"] = signature(response.content, user_id)
    return response


def _is_signed(request: HttpRequest, user_id: str) -> bool:
    return hmac.compare_digest(request.headers["x-toto-hmac"], signature(request.body, user_id))


@csrf_exempt
async def wait(request: HttpRequest) -> HttpResponseBase:
    waiting.add()
    await arrived.wait()
    return _answer(request)


@csrf_exempt
async def wake(request: HttpRequest) -> HttpResponseBase:
    arrived.set()
    arrived.clear()
    return _answer(request)


urlpatterns = [
    path("plain", plain),
    path("coroutine", coroutine),
    path("signed", signed),
    path("wait", wait),
    path("wake", wake),
]
