"""The service below /service."""

from django.urls import include, path

urlpatterns = [path("service/", include("toto_django.urls"))]
