"""Settings of the example project on the Internet: behind a proxy that ends HTTPS, with PostgreSQL and Redis.

What is missing in the environment is named when a process starts:

EXAMPLE_SECRET_KEY      50 random characters or more, nobody else's
EXAMPLE_HOSTS           the names of the site, separated by commas
EXAMPLE_DATABASE_URL    postgresql://user:password@host:5432/name
EXAMPLE_REDIS           redis://:password@host:6379/0, or rediss:// for TLS
EXAMPLE_PROXIES         the addresses of the proxies in front, separated by commas; "unix" for a Unix socket
EXAMPLE_STATIC          the folder that the proxy serves at /static/, for collectstatic

EXAMPLE_OLD_SECRET_KEYS may name keys of before, separated by commas, while their sessions live.
"""

import os
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from example_project.settings import (  # noqa: F401
    ASGI_APPLICATION,
    AUTH_PASSWORD_VALIDATORS,
    DEFAULT_AUTO_FIELD,
    INSTALLED_APPS,
    MIDDLEWARE,
    ROOT_URLCONF,
    STATIC_URL,
    STATICFILES_DIRS,
    TEMPLATES,
    WSGI_APPLICATION,
)
from example_project.settings import TOTO as DEVELOPMENT


def given(name: str) -> str:
    """A variable of the environment. Raises ImproperlyConfigured."""
    value = os.environ.get(name, "")
    if not value:
        raise ImproperlyConfigured(f"{name} is missing in the environment: see {__name__}.")
    return value


def several(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def postgresql(url: str) -> dict[str, Any]:
    """Django's settings of a database at a URL. Raises ImproperlyConfigured."""
    parts = urlsplit(url)
    if parts.scheme != "postgresql" or not parts.path.strip("/"):
        raise ImproperlyConfigured(
            "EXAMPLE_DATABASE_URL is not of the form postgresql://user:password@host:5432/name"
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        # The admin and the browsable API run in threads of Django's own, which would leave theirs behind.
        # Where psycopg[pool] is installed, OPTIONS["pool"] keeps connections for all threads together.
        "CONN_MAX_AGE": 0,
        # A server that says nothing is error 1104 after seconds.
        "OPTIONS": {
            "connect_timeout": 5,
            "tcp_user_timeout": 5000,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
        },
    }


DEBUG = False
TIME_ZONE = "UTC"
SECRET_KEY = given("EXAMPLE_SECRET_KEY")
SECRET_KEY_FALLBACKS = several(os.environ.get("EXAMPLE_OLD_SECRET_KEYS", ""))
ALLOWED_HOSTS = several(given("EXAMPLE_HOSTS"))
STATIC_ROOT = given("EXAMPLE_STATIC")

# HTTPS only. The proxy sets the header, or takes it out of what clients send.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
# For a year browsers go to the site and all its subdomains by HTTPS only, and nobody can tell them otherwise.
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True

DATABASES = {"default": postgresql(given("EXAMPLE_DATABASE_URL"))}

# Counts calls and knows used nonces, for all processes together.
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": given("EXAMPLE_REDIS"),
        "KEY_PREFIX": "example",
        "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 5, "SOCKET_TIMEOUT": 5},
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            # Above the 5 seconds that a read of the layer takes.
            "hosts": [{"address": given("EXAMPLE_REDIS"), "socket_timeout": 10}],
            "prefix": "example",
            "capacity": 10_000,
            # Twice the time between two renewals, and more.
            "group_expiry": 300,
        },
    }
}

TOTO = {
    **DEVELOPMENT,
    "MIDDLEWARE": [
        # Redirects to HTTPS. Where the proxy does, calls are quicker without.
        "django.middleware.security.SecurityMiddleware",
        "toto_django.middleware.TotoMiddleware",
    ],
    # A key for each session, and each request once. Published Toto clients need "user_id".
    "HMAC": "v2",
    "HMAC_LEGACY_BYTES": False,
    "ALLOW_ORIGIN": [f"https://{host}" for host in ALLOWED_HOSTS],
    "TRUSTED_PROXIES": several(given("EXAMPLE_PROXIES")),
    # Seconds, below what the proxy allows. Calls whose clients have vanished end too.
    "METHOD_TIMEOUT": 50,
    "SLOW_CALL": 2,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"call": {"()": "toto_django.logs.CallFilter"}},
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} {request_id} {method} {message}", "style": "{"}
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "filters": ["call"], "formatter": "line"},
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        # INFO is what happens to accounts and sessions: toto_django.audit.
        "toto_django": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}
