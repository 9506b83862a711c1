"""The service, its console, the admin, the start page, the chat, and the notes in Django REST framework."""

from django.contrib import admin
from django.urls import include, path

from example_project.notes.api import Notes
from example_project.views import chat, start

urlpatterns = [
    path("", start, name="start"),
    path("chat/", chat, name="chat"),
    path("api/notes/", Notes.as_view(), name="api-notes"),
    path("admin/", admin.site.urls),
    path("console/", include("toto_django.console.urls")),
    path("service/", include("toto_django.urls")),
]
