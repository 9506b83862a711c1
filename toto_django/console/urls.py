"""``path("console/", include("toto_django.console.urls"))``: the page, and the description it reads."""

from django.urls import path

from toto_django.console.views import console, description

__all__ = ["app_name", "urlpatterns"]

app_name = "toto_django_console"
urlpatterns = [
    path("", console, name="console"),
    path("openrpc.json", description, name="description"),
]
