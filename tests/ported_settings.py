"""The settings of servers that serve the ported tree; TOTO_TEST_APPS is the order of their apps."""

import os

from tests.service.realtime_settings import *  # noqa: F403

INSTALLED_APPS = os.environ.get(
    "TOTO_TEST_APPS",
    "django.contrib.contenttypes django.contrib.auth toto_django toto_django.compat",
).split()
