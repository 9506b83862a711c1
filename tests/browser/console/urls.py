"""The service is mounted where nobody would guess it."""

from django.urls import include, path

urlpatterns = [
    path("console/", include("toto_django.console.urls")),
    path("mounted/here/", include("toto_django.urls")),
]
