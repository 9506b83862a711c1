"""Settings of the peers that are Django projects, without what would slow them down.

BENCH_SETTINGS is a JSON object of what each needs: ROOT_URLCONF, INSTALLED_APPS, DATABASES, CACHES.
"""

import json
import os

_given = json.loads(os.environ["BENCH_SETTINGS"])

ALLOWED_HOSTS = ["127.0.0.1"]
DEBUG = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", *_given.pop("INSTALLED_APPS", [])]
# No line for each request: nobody else here writes one.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"django.server": {"level": "WARNING"}},
}
MIDDLEWARE: list[str] = []
SECRET_KEY = "a constant for benchmarks"
SESSION_ENGINE = "django.contrib.sessions.backends.cache"
USE_TZ = True

globals().update(_given)
