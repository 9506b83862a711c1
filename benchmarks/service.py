"""One Django project with the same small work done by this app and by its peers.

Settings, URLs and views in one module: BENCH_DATABASE is the path of the SQLite file.
"""

import json
import os
from typing import Any

from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["BENCH_DATABASE"],
            "CONN_MAX_AGE": None,
        }
    },
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
    TOTO={},
    USE_TZ=True,
)

from django.core.wsgi import get_wsgi_application  # noqa: E402

from toto_django.asgi import get_asgi_application  # noqa: E402

asgi = get_asgi_application()
wsgi = get_wsgi_application()

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


def work(parameters: Any) -> dict[str, Any]:
    """What every peer computes."""
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
