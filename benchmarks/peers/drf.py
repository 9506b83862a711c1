"""Django REST framework, JSON only."""

from typing import Any

from django.urls import path
from rest_framework.authentication import TokenAuthentication
from rest_framework.authtoken.views import ObtainAuthToken
from rest_framework.parsers import JSONParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from benchmarks.queries import work_with_query
from benchmarks.work import done, work


class CallView(APIView):
    parser_classes = (JSONParser,)
    renderer_classes = (JSONRenderer,)
    methods = {"bench.add": work, "bench.query": work_with_query}  # noqa: RUF012

    def post(self, request: Request) -> Response:
        call: Any = request.data
        return Response({"result": self.methods[call["method"]](call["parameters"])})


class PublicView(CallView):
    authentication_classes = ()
    permission_classes = ()


class TokenView(CallView):
    authentication_classes = (TokenAuthentication,)
    permission_classes = (IsAuthenticated,)


class LoginView(ObtainAuthToken):
    def post(self, request: Request, *args: object, **kwargs: object) -> Response:
        response = super().post(request, *args, **kwargs)
        done.add()
        return response


urlpatterns = [
    path("public", PublicView.as_view()),
    path("token", TokenView.as_view()),
    path("login", LoginView.as_view()),
]
