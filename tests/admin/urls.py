"""The service, and Django's admin below /admin."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("admin/", admin.site.urls), path("service/", include("toto_django.urls"))]
