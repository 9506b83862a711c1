"""Django's admin below /admin, the service everywhere else."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("admin/", admin.site.urls), path("", include("toto_django.urls"))]
