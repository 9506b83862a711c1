"""``path("service/", include("toto_django.description.urls"))``, above the service itself: openrpc.json."""

from django.urls import path

from toto_django.description.views import openrpc

__all__ = ["app_name", "urlpatterns"]

app_name = "toto_django_description"
urlpatterns = [path("openrpc.json", openrpc, name="openrpc")]
