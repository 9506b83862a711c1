"""The service, the admin, the start page and the chat."""

from django.contrib import admin
from django.urls import include, path

from example_project.views import chat, start

urlpatterns = [
    path("", start, name="start"),
    path("chat/", chat, name="chat"),
    path("admin/", admin.site.urls),
    path("service/", include("toto_django.urls")),
]
