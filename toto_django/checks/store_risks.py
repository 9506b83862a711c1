"""Sessions and accounts on the Internet: what is kept too long, too shortly, or as code."""

from collections.abc import Iterator
from typing import Any, cast

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Warning
from django.db import connections

from toto_django.checks.stores import used_stores
from toto_django.conf import settings
from toto_django.stores import Store

__all__ = ["store_risks"]

SAFE_REVOCATIONS = 100_000
CACHE_ENTRIES = 300
"""Django's default."""
CULLING_CACHES = {
    "django.core.cache.backends.db.DatabaseCache",
    "django.core.cache.backends.filebased.FileBasedCache",
}


def store_risks() -> Iterator[CheckMessage]:
    """States that run code (W013, W037), stores that lose or keep too much (W016, W035, W038, W039)."""
    stores, _ = used_stores()
    for store in stores:
        if store.alias == settings.SESSIONS:
            yield from _check_sessions(store)
    if any(store["BACKEND"].endswith(".MemoryStore") for store in settings.STORES.values()):
        yield Warning(
            "The memory store loses accounts and sessions with the process.",
            hint="Use the database: take STORES out.",
            id="toto_django.W016",
        )
    for alias, configuration in connections.settings.items():
        if configuration["ATOMIC_REQUESTS"]:
            yield Warning(
                f"DATABASES['{alias}'] has ATOMIC_REQUESTS: the events that plain methods send arrive before "
                "what they wrote can be read.",
                hint="Turn it off, put transaction.atomic() around what belongs together, in async def "
                "methods too, and send events in transaction.on_commit().",
                id="toto_django.W038",
            )


def _check_sessions(store: Store) -> Iterator[CheckMessage]:
    if settings.STATE_SERIALIZER == "pickle":
        hint = "Use 'msgpack' or 'json', and end the sessions there are: nothing else reads their states."
        if store.keeps_state:
            text = "STATE_SERIALIZER is 'pickle': whoever can write to the session store can run code here."
            yield Warning(text, hint=hint, id="toto_django.W013")
        else:
            text = (
                "STATE_SERIALIZER is 'pickle', and clients keep the states: SECRET_KEY is enough to run code."
            )
            yield Warning(text, hint=hint, id="toto_django.W037")
    if not store.supports_revocation:
        yield Warning(
            "Sessions open what they open until their time is up, whoever logs out or changes a password.",
            hint="Give the store a REVOCATION_CACHE, or shorten SESSION_TTL and silence this.",
            id="toto_django.W035",
        )
    yield from _check_revocations(store.alias)


def _check_revocations(alias: str) -> Iterator[CheckMessage]:
    name = settings.STORES[alias].get("OPTIONS", {}).get("REVOCATION_CACHE")
    cache: dict[str, Any] = cast("dict[str, Any]", django_settings.CACHES).get(name, {})
    entries = cache.get("OPTIONS", {}).get("MAX_ENTRIES", CACHE_ENTRIES)
    if cache.get("BACKEND") in CULLING_CACHES and entries < SAFE_REVOCATIONS:
        yield Warning(
            f"CACHES['{name}'] throws ended sessions away beyond {entries} entries: they are open again.",
            hint=f"Set OPTIONS['MAX_ENTRIES'] to {SAFE_REVOCATIONS} or more, or take Redis.",
            id="toto_django.W039",
        )
