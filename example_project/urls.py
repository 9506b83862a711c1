"""The service, the admin and the start page."""

from django.contrib import admin
from django.urls import include, path

from example_project.views import start

urlpatterns = [
    path("", start, name="start"),
    path("admin/", admin.site.urls),
    path("service/", include("toto_django.urls")),
]
