"""The settings of the tests, with databases and caches from the environment, as JSON."""

import json
import os

from tests.service.settings import *  # noqa: F403

DATABASES = {**DATABASES, **json.loads(os.environ.get("TOTO_TEST_DATABASES", "{}"))}  # noqa: F405
CACHES = {**CACHES, **json.loads(os.environ.get("TOTO_TEST_CACHES", "{}"))}  # noqa: F405
