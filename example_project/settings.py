"""Settings of the demonstration: SQLite, everything in one process, nothing to configure.

For development; production.py is for the Internet. Environment variables change the little that one may want
to change: EXAMPLE_DEBUG=0, EXAMPLE_SECRET_KEY, EXAMPLE_HOSTS (separated by commas), EXAMPLE_SQLITE (a file),
EXAMPLE_REDIS (a URL, for several processes), EXAMPLE_HMAC (session_key or v2).
"""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
PROJECT_DIR = BASE_DIR / "example_project"

DEBUG = os.environ.get("EXAMPLE_DEBUG", "1") == "1"
# Known to everybody who reads this: for development only.
SECRET_KEY = os.environ.get("EXAMPLE_SECRET_KEY", "django-insecure-for-development-only")
ALLOWED_HOSTS = [host for host in os.environ.get("EXAMPLE_HOSTS", "").split(",") if host]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "toto_django",
    "example_project.chat",
    "example_project.counter",
    "example_project.notes",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # Last: it signs each answer's body as the client will read it.
    "toto_django.middleware.TotoMiddleware",
]

ROOT_URLCONF = "example_project.urls"
ASGI_APPLICATION = "example_project.asgi.application"
WSGI_APPLICATION = "example_project.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PROJECT_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("EXAMPLE_SQLITE", BASE_DIR / "db.sqlite3"),
        # Writers wait for each other instead of failing.
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Toto's accounts obey these too.
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

STATIC_URL = "static/"
STATICFILES_DIRS = [PROJECT_DIR / "static"]

# Events stay inside this process, unless several processes share a Redis server.
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
if redis_url := os.environ.get("EXAMPLE_REDIS"):
    CHANNEL_LAYERS["default"] = {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        # No time limit: the layer waits for events as long as it takes.
        "CONFIG": {"hosts": [{"address": redis_url, "socket_timeout": None}], "capacity": 1000},
    }

TOTO = {
    # Beside every app's methods.py: packages of modules with invoke(), named by their paths.
    "METHOD_MODULES": ["example_project.ported"],
    # Calls have no use for the rest of MIDDLEWARE, and it takes many times as long as they do.
    "MIDDLEWARE": ["toto_django.middleware.TotoMiddleware"],
    # Seconds. A session is renewed whenever it is used.
    "SESSION_TTL": 30 * 24 * 60 * 60,
    # Requests of logged-in sessions and answers are signed: key = user id, message = body.
    "HMAC": os.environ.get("EXAMPLE_HMAC", "user_id"),
    # The browsable API knows its visitors by the session cookie: links and forms send no headers.
    "USE_COOKIES": True,
    # Beside the limits that are there by default.
    "THROTTLES": {"notes": "60/min"},
}
