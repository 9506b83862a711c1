"""The stores that TOTO["STORES"] configures, by alias, loaded when first used."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from toto_django.conf import settings
from toto_django.stores.base import AccountRecord, Conflict, Gone, SessionRecord, Store

__all__ = [
    "AccountRecord",
    "Conflict",
    "Gone",
    "SessionRecord",
    "Store",
    "account_store",
    "get_store",
    "session_store",
]


_stores: dict[str, Store] = {}


def get_store(alias: str) -> Store:
    """The store of this alias. Raises ImproperlyConfigured."""
    store = _stores.get(alias)
    return store if store is not None else _stores.setdefault(alias, _make_store(alias))


def _make_store(alias: str) -> Store:
    try:
        configuration = settings.STORES[alias]
    except KeyError:
        raise ImproperlyConfigured(f"TOTO['STORES'] has no {alias!r}.") from None
    backend: type[Store] = import_string(configuration["BACKEND"])
    return backend(alias, configuration.get("OPTIONS", {}))


def account_store() -> Store:
    """The store that TOTO["ACCOUNTS"] names."""
    return get_store(settings.ACCOUNTS)


def session_store() -> Store:
    """The store that TOTO["SESSIONS"] names."""
    return get_store(settings.SESSIONS)


def _forget_stores(*, setting: str, **kwargs: Any) -> None:
    if setting == "TOTO":
        while _stores:
            _stores.popitem()[1].close()


setting_changed.connect(_forget_stores)
