"""The project's middleware, and that of calls, which TOTO["MIDDLEWARE"] may give a list of their own."""

from typing import Any

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Warning

from toto_django.checks.types import Apps
from toto_django.conf import Settings, settings
from toto_django.middleware import TotoMiddleware

__all__ = ["MIDDLEWARE", "check_middleware", "middleware_of_calls"]

MIDDLEWARE = f"{TotoMiddleware.__module__}.{TotoMiddleware.__qualname__}"
ENCODING_MIDDLEWARE = "django.middleware.gzip.GZipMiddleware"


def check_middleware(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """TotoMiddleware is there (W001) and below what encodes bodies (W002)."""
    middleware = list(django_settings.MIDDLEWARE)
    own = [] if Settings.invalid() else middleware_of_calls()
    if MIDDLEWARE not in middleware:
        return [
            Warning(
                f"'{MIDDLEWARE}' is not in MIDDLEWARE.",
                hint="Put it at the end. Without it the project's own views have no request.toto, and calls "
                "are not answered at their prefix without its slash.",
                id="toto_django.W001",
            )
        ]
    if any(
        MIDDLEWARE in each and ENCODING_MIDDLEWARE in each[each.index(MIDDLEWARE) :]
        for each in (middleware, own)
    ):
        return [
            Warning(
                f"'{ENCODING_MIDDLEWARE}' stands below '{MIDDLEWARE}', which then signs compressed bytes.",
                hint="Move it above.",
                id="toto_django.W002",
            )
        ]
    return []


def middleware_of_calls() -> list[str]:
    """What a call passes."""
    return list(django_settings.MIDDLEWARE if settings.MIDDLEWARE is None else settings.MIDDLEWARE)
