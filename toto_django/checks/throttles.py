"""Rates, and the cache that counts."""

from collections.abc import Iterator
from typing import Any

from django.core.cache import InvalidCacheBackendError
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured

from toto_django.buckets import current_buckets
from toto_django.checks.types import Apps
from toto_django.conf import Settings, settings
from toto_django.registry import registry
from toto_django.throttling import Throttle

__all__ = ["check_throttle_deployment", "check_throttles", "throttle_risks"]

SAFE_ENTRIES = 10_000


def check_throttles(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """THROTTLE_CACHE names a cache that can be made (E008), throttles name rates of THROTTLES (E015)."""
    if Settings.invalid():
        return []
    messages: list[CheckMessage] = []
    try:
        current_buckets()
    except (InvalidCacheBackendError, ImproperlyConfigured, ImportError) as error:
        messages.append(Error(f"TOTO['THROTTLE_CACHE']: {error}", id="toto_django.E008"))
    for name, method in registry:
        for policy in method.policies:
            if isinstance(policy, Throttle) and policy.is_named and policy.rate not in settings.throttles:
                text = f"{name}: TOTO['THROTTLES'] has no rate '{policy.rate}'."
                messages.append(Error(text, id="toto_django.E015"))
    return messages


def check_throttle_deployment(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """A cache that counts for one process (W041), or forgets what it counted (W042)."""
    if Settings.invalid() or check_throttles(app_configs):
        return []
    buckets, alias = current_buckets(), settings.THROTTLE_CACHE
    if not buckets.is_shared:
        text = f"CACHES['{alias}'] does not count calls for all processes together, as throttles need it."
        hint = "Redis, memcached and Django's database cache do; name one in THROTTLE_CACHE."
        return [Warning(text, hint=hint, id="toto_django.W041")]
    if buckets.is_culled and buckets.cache._max_entries < SAFE_ENTRIES:
        text = f"CACHES['{alias}'] throws counts away beyond {buckets.cache._max_entries} entries."
        hint = f"Set OPTIONS['MAX_ENTRIES'] to {SAFE_ENTRIES} or more."
        return [Warning(text, hint=hint, id="toto_django.W042")]
    return []


def throttle_risks() -> Iterator[CheckMessage]:
    """Passwords that may be guessed: always (W043), or while a cache is down (W044)."""
    if not _checks_passwords():
        return
    rates = settings.throttles
    if rates["login.address"] is None:
        text = "THROTTLES['login.address'] is None: one address may try passwords on every account."
        hint = "Leave it out, or give it a rate above what many people behind one address need."
        yield Warning(text, hint=hint, id="toto_django.W043")
    if rates["login"] is None and rates["login.account"] is None:
        text = "THROTTLES['login'] and ['login.account'] are None: an account's password may be guessed from "
        hint = "Leave one of them out."
        yield Warning(f"{text}many addresses.", hint=hint, id="toto_django.W043")
    if settings.THROTTLE_FAIL_OPEN:
        text = (
            "THROTTLE_FAIL_OPEN: while the cache does not answer, passwords may be guessed without a limit."
        )
        hint = "Turn it off: logins are error 1104 then, and sessions go on."
        yield Warning(text, hint=hint, id="toto_django.W044")


def _checks_passwords() -> bool:
    return any(policy.name == "throttle_passwords" for _, method in registry for policy in method.policies)
