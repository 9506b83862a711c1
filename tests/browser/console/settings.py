"""Everything is kept in memory: there is no database."""

from tests.service.settings import *  # noqa: F403
from tests.service.settings import TOTO

DEBUG = True
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.staticfiles",
    "toto_django",
    "tests.browser.console",
]
ROOT_URLCONF = "tests.browser.console.urls"
STATIC_URL = "/static/"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {}}]
TOTO = {
    "STORES": {"default": {"BACKEND": "toto_django.stores.memory.MemoryStore"}},
    **TOTO,
    "METHOD_MODULES": [],
}
