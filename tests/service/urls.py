"""The service at the root."""

from django.urls import include, path

urlpatterns = [path("", include("toto_django.urls"))]
