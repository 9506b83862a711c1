"""One Django project with the same small work done by this app and by its peers.

Settings, URLs and views in one module; BENCH_SETTINGS is a JSON object of the settings
that differ: DATABASES, CACHES, TOTO.
"""

import json
import os
import time
from threading import Lock
from typing import Any

from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "rest_framework",
        "rest_framework.authtoken",
        "toto_django",
    ],
    MIDDLEWARE=["toto_django.middleware.TotoMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="a constant for benchmarks",
    USE_TZ=True,
    **{"TOTO": {}, **json.loads(os.environ["BENCH_SETTINGS"])},
)

from django.core.wsgi import get_wsgi_application  # noqa: E402

from toto_django.asgi import get_asgi_application  # noqa: E402

asgi = get_asgi_application()
wsgi = get_wsgi_application()

from django.db import transaction  # noqa: E402
from django.db.backends.signals import connection_created  # noqa: E402
from django.http import HttpRequest, JsonResponse  # noqa: E402
from django.urls import include, path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402
from rest_framework.authentication import TokenAuthentication  # noqa: E402
from rest_framework.permissions import IsAuthenticated  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from toto_django import method  # noqa: E402
from toto_django.invocation import authenticated  # noqa: E402
from toto_django.sessions import create_session  # noqa: E402


class Tally:
    """Counts in any thread."""

    def __init__(self) -> None:
        self.total = 0
        self._lock = Lock()

    def add(self) -> None:
        with self._lock:
            self.total += 1


done, statements = Tally(), Tally()


def _count_statements(connection: Any, **kwargs: Any) -> None:
    """SQLite is in this process; the servers of the other databases count for themselves."""
    if connection.vendor == "sqlite":
        connection.execute_wrappers.append(_counted)


def _counted(execute: Any, *args: Any) -> Any:
    statements.add()
    return execute(*args)


connection_created.connect(_count_statements)


def work(parameters: Any) -> dict[str, Any]:
    """What every peer computes."""
    done.add()
    return {"sum": parameters["a"] + parameters["b"]}


@method("bench.plain")
def plain(handler: Any, parameters: Any) -> dict[str, Any]:
    return work(parameters)


@method("bench.coroutine")
async def coroutine(handler: Any, parameters: Any) -> dict[str, Any]:
    return work(parameters)


@method("bench.signed")
@authenticated
def signed(handler: Any, parameters: Any) -> dict[str, Any]:
    return work(parameters)


@method("bench.signed_coroutine")
@authenticated
async def signed_coroutine(handler: Any, parameters: Any) -> dict[str, Any]:
    return work(parameters)


@method("bench.figures")
def figures(handler: Any, parameters: Any) -> dict[str, Any]:
    """Of this process: how often it has worked, the seconds of CPU it took, its statements on SQLite."""
    return {"done": done.total, "cpu": time.process_time(), "statements": statements.total}


@method("bench.sessions")
def make_sessions(handler: Any, parameters: Any) -> list[str]:
    """The ids of new sessions of a user."""
    with transaction.atomic():
        return [create_session(parameters["user_id"]).session_id for _ in range(parameters["count"])]


@csrf_exempt
def plain_view(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"result": work(json.loads(request.body)["parameters"])})


@csrf_exempt
async def coroutine_view(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"result": work(json.loads(request.body)["parameters"])})


class PublicView(APIView):
    authentication_classes = ()

    def post(self, request: Request) -> Response:
        return Response({"result": work(request.data["parameters"])})


class TokenView(PublicView):
    authentication_classes = (TokenAuthentication,)
    permission_classes = (IsAuthenticated,)


urlpatterns = [
    path("toto/", include("toto_django.urls")),
    path("django/plain", plain_view),
    path("django/coroutine", coroutine_view),
    path("drf/public", PublicView.as_view()),
    path("drf/token", TokenView.as_view()),
]
