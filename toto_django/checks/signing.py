"""Signatures: a scheme that protects as it stands in the settings, and a cache that remembers nonces."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings as django_settings
from django.core.cache import InvalidCacheBackendError
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured

from toto_django.buckets import Buckets, nonce_buckets
from toto_django.checks.types import Apps
from toto_django.conf import Settings, settings

__all__ = ["check_nonce_cache", "signing_risks"]

LONGEST_WINDOW = 60 * 60
"""Seconds."""
SAFE_NONCES = 100_000
SHARED_CACHES = "Redis, memcached and Django's database cache do; name one in NONCE_CACHE."


def check_nonce_cache(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """NONCE_CACHE names a cache that can be made (E009), where nonces are used."""
    if Settings.invalid() or not _uses_nonces():
        return []
    try:
        nonce_buckets()
    except (InvalidCacheBackendError, ImproperlyConfigured, ImportError) as error:
        return [Error(f"TOTO['NONCE_CACHE']: {error}", id="toto_django.E009")]
    return []


def signing_risks() -> Iterator[CheckMessage]:
    """Schemes that others can sign under, or that something turns off (W011, W012, W051 and up)."""
    if settings.HMAC == "user_id" and not django_settings.SECURE_SSL_REDIRECT:
        yield Warning(
            "Whoever knows a user id can forge signatures of the scheme 'user_id'. "
            "Serve over HTTPS only (SECURE_SSL_REDIRECT).",
            hint="Set SECURE_SSL_REDIRECT = True. Where the proxy in front redirects, silence this.",
            id="toto_django.W011",
        )
    if settings.HMAC == "user_id" and not settings.HMAC_REQUIRED:
        hint = "Turn it on once no client needs it: an unsigned call needs nothing but the session id."
        yield Warning("HMAC_REQUIRED is off.", hint=hint, id="toto_django.W012")
    if settings.HMAC is None:
        yield from _check_unused()
    elif settings.HMAC == "v2" or settings.HMAC_UPGRADE:
        yield from _check_v2()


def _check_unused() -> Iterator[CheckMessage]:
    for name in ("HMAC_VERIFY", "HMAC_UPGRADE"):
        if getattr(settings, name):
            text = f"HMAC is None, which turns {name} off: no request is verified."
            yield Warning(text, hint="Name a scheme in HMAC, or take the key out.", id="toto_django.W051")


def _check_v2() -> Iterator[CheckMessage]:
    if settings.HMAC_VERIFY is not None:
        text = "HMAC_VERIFY takes the place of v2: requests may be sent again, at any time."
        hint = "Take it out, or see to repetition in the hook and silence this."
        yield Warning(text, hint=hint, id="toto_django.W052")
        return
    if settings.HMAC_WINDOW > LONGEST_WINDOW:
        text = f"HMAC_WINDOW accepts requests that are {settings.HMAC_WINDOW} seconds old."
        hint = "Set it to 300, say: clients correct their clocks by the server's."
        yield Warning(text, hint=hint, id="toto_django.W053")
    if not check_nonce_cache(None):
        yield from _check_memory(nonce_buckets())


def _check_memory(buckets: Buckets) -> Iterator[CheckMessage]:
    cache = f"CACHES['{settings.NONCE_CACHE}']"
    if not buckets.is_shared:
        text = f"{cache} does not remember nonces for all processes together, nor beyond a restart."
        yield Warning(text, hint=SHARED_CACHES, id="toto_django.W054")
    elif buckets.is_culled and buckets.cache._max_entries < SAFE_NONCES:
        text = f"{cache} throws nonces away beyond {buckets.cache._max_entries} entries."
        hint = f"Set OPTIONS['MAX_ENTRIES'] to {SAFE_NONCES} or more, or name Redis in NONCE_CACHE."
        yield Warning(text, hint=hint, id="toto_django.W055")


def _uses_nonces() -> bool:
    if settings.HMAC is None or settings.HMAC_VERIFY is not None:
        return False
    return settings.HMAC == "v2" or settings.HMAC_UPGRADE
