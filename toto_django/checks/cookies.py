"""The session cookie, which browsers send by themselves."""

from collections.abc import Iterator

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Warning

from toto_django.conf import settings

__all__ = ["cookie_risks"]


def cookie_risks() -> Iterator[CheckMessage]:
    """Who else may use or read the cookie (W015, W017 to W019)."""
    if not settings.USE_COOKIES:
        return
    if settings.ALLOW_ORIGIN == "*":
        yield Warning(
            "USE_COOKIES with ALLOW_ORIGIN '*': name the origins.",
            hint="ALLOW_ORIGIN = ['https://www.example.com']; with none of them [].",
            id="toto_django.W015",
        )
    if not settings.COOKIE_GUARD and settings.HMAC in (None, "user_id"):
        yield Warning(
            "COOKIE_GUARD is off: pages elsewhere can make calls with the session cookie of their visitors.",
            hint="Turn it on, or sign with 'session_key' or 'v2', which pages elsewhere cannot.",
            id="toto_django.W017",
        )
    if not settings.SECURE_COOKIES:
        yield Warning(
            "SECURE_COOKIES is off: whoever learns a session id can make its cookie, which some views take "
            "without a signature.",
            hint="Turn it on. Browsers that have an unsigned cookie log in once more.",
            id="toto_django.W018",
        )
    if not django_settings.SECURE_SSL_REDIRECT and django_settings.SECURE_PROXY_SSL_HEADER is None:
        yield Warning(
            "Answers over HTTP set the session cookie too, and not Secure: whoever listens has the session.",
            hint="Set SECURE_SSL_REDIRECT = True, and behind a proxy SECURE_PROXY_SSL_HEADER.",
            id="toto_django.W019",
        )
