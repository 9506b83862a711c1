"""Views of Django REST framework, for the schema that drf-spectacular makes of them."""

from typing import Any, ClassVar

from django.urls import path
from rest_framework.generics import CreateAPIView
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.serializers import CharField, Serializer

from toto_django.drf import (
    MessagePackParser,
    MessagePackRenderer,
    TotoAuthentication,
    TotoCookieAuthentication,
)


class Text(Serializer[Any]):
    text = CharField()


class Private(CreateAPIView[Any]):
    serializer_class = Text
    authentication_classes: ClassVar[list[Any]] = [TotoAuthentication]
    permission_classes: ClassVar[list[Any]] = [IsAuthenticated]
    parser_classes: ClassVar[list[Any]] = [MessagePackParser]
    renderer_classes: ClassVar[list[Any]] = [MessagePackRenderer]


class Browsed(Private):
    authentication_classes: ClassVar[list[Any]] = [TotoCookieAuthentication, TotoAuthentication]


class Public(Private):
    permission_classes: ClassVar[list[Any]] = [AllowAny]


urlpatterns = [
    path("private", Private.as_view()),
    path("browsed", Browsed.as_view()),
    path("public", Public.as_view()),
]
