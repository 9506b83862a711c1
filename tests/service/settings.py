"""Settings of the whole test suite and of the servers it starts, which read theirs from the environment."""

import json
import os
import tempfile

SECRET_KEY = "a constant for tests"
ALLOWED_HOSTS = ["*"]
USE_TZ = True

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "toto_django",
    "tests.service",
]
MIDDLEWARE = ["toto_django.middleware.TotoMiddleware"]
ROOT_URLCONF = os.environ.get("TOTO_TEST_URLCONF", "tests.service.urls")
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AUTH_PASSWORD_VALIDATORS: list[dict[str, str]] = []
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Tests get passwords wrong, and make accounts, as often as they like.
_unlimited = dict.fromkeys(("login", "login.address", "login.account", "create"))
TOTO = {"METHOD_MODULES": ["tests.service.tree"], "THROTTLES": _unlimited} | json.loads(
    os.environ.get("TOTO_TEST_TOTO", "{}")
)

if _redis := os.environ.get("TOTO_TEST_REDIS"):
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {"hosts": [{"address": _redis, "socket_timeout": None}]},
        }
    }

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "redis": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": os.environ.get("TOTO_TEST_REDIS_URL", "redis://127.0.0.1:6379/1"),
        "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 5, "SOCKET_TIMEOUT": 5},
    },
}

_name = os.environ.get("TOTO_TEST_NAME", "")
_sqlite = os.environ.get("TOTO_TEST_SQLITE") or _name
DATABASES = {
    "default": {
        "sqlite": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": _sqlite or ":memory:",
            "OPTIONS": {"timeout": 20},
            # A file, because the servers that tests start open it too.
            "TEST": {
                "NAME": _sqlite or os.path.join(tempfile.gettempdir(), f"toto_test_{os.getpid()}.sqlite3")
            },
        },
        "postgresql": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _name or "toto",
            "USER": "postgres",
            "HOST": "127.0.0.1",
            "PORT": "5432",
        },
        "mariadb": {
            "ENGINE": "django.db.backends.mysql",
            "NAME": _name or "toto",
            "USER": "root",
            "HOST": "127.0.0.1",
            "PORT": "3306",
            "OPTIONS": {"charset": "utf8mb4"},
        },
    }[os.environ.get("TOTO_TEST_DATABASE", "sqlite")]
}
