"""Which requests are calls, and which middleware is theirs: for the handlers under ASGI and WSGI."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import lru_cache

from django.conf import settings as django_settings
from django.urls import Resolver404, ResolverMatch, URLResolver, get_resolver

from toto_django.conf import settings

__all__ = ["CallMiddleware", "call_match", "call_middleware"]

KNOWN_PATHS = 1024
LONGEST_KNOWN_PATH = 255
"""Characters; clients choose the paths, and a thousand long ones would be much to remember."""


def call_match(path_info: str, *, is_async: bool) -> ResolverMatch | None:
    """The dispatch view, found for a path; None for a path that is no call's.

    It is the coroutine function on an event loop, which ``is_async`` has to tell.
    """
    found = _call_match if len(path_info) <= LONGEST_KNOWN_PATH else _call_match.__wrapped__
    return found(get_resolver(django_settings.ROOT_URLCONF), path_info, is_async)


@lru_cache(maxsize=KNOWN_PATHS)
def _call_match(resolver: URLResolver, path_info: str, is_async: bool) -> ResolverMatch | None:
    with suppress(Resolver404):
        match = resolver.resolve(path_info)
        if match.url_name == "dispatch" and match.app_names[-1:] == ["toto_django"]:
            return match
    return None


class CallMiddleware:
    """A handler of Django's with TOTO["MIDDLEWARE"], or the project's where that is not given."""

    def load_middleware(self, is_async: bool = False) -> None:
        given = settings.MIDDLEWARE
        with nullcontext() if given is None else _middleware_setting(given):
            super().load_middleware(is_async)  # type: ignore[misc]


def call_middleware() -> Sequence[str]:
    """The dotted paths."""
    given = settings.MIDDLEWARE
    project: Sequence[str] = django_settings.MIDDLEWARE
    return project if given is None else given


@contextmanager
def _middleware_setting(middleware: Sequence[str]) -> Iterator[None]:
    """MIDDLEWARE for who reads it within; the application is made before any thread is."""
    project = django_settings.MIDDLEWARE
    django_settings.MIDDLEWARE = list(middleware)
    try:
        yield
    finally:
        django_settings.MIDDLEWARE = project
