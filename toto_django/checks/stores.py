"""The stores that ACCOUNTS and SESSIONS name."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.utils.connection import ConnectionDoesNotExist

from toto_django.checks.types import Apps
from toto_django.conf import Settings, settings
from toto_django.stores import Store, get_store

__all__ = ["check_stores", "database_of", "used_stores"]


def check_stores(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """ACCOUNTS and SESSIONS name stores that can be made (E004), and each store has nothing to object to.

    ACCOUNTS names one that keeps accounts (E007); the account model fits (E005, E006).
    """
    stores, messages = used_stores()
    for store in stores:
        messages += store.check()
        if store.alias == settings.ACCOUNTS:
            messages += _check_accounts(store)
    return messages


def used_stores() -> tuple[list[Store], list[CheckMessage]]:
    """Those that can be made, and the errors of the others."""
    stores: list[Store] = []
    messages: list[CheckMessage] = []
    if Settings.invalid():
        return stores, messages
    for alias in dict.fromkeys([settings.ACCOUNTS, settings.SESSIONS]):
        try:
            stores.append(get_store(alias))
        except (ImproperlyConfigured, ImportError, TypeError, ValueError) as error:
            messages.append(Error(f"The store {alias!r} cannot be made: {error}", id="toto_django.E004"))
    return stores, messages


def _check_accounts(store: Store) -> Iterator[CheckMessage]:
    if not store.keeps_accounts:
        text = f"TOTO['ACCOUNTS']: the store {store.alias!r} keeps sessions only."
        yield Error(text, hint="Name another store.", id="toto_django.E007")
    if store.uses_account_model:
        yield from _check_account_model()


def _check_account_model() -> Iterator[CheckMessage]:
    from toto_django.stores.database import (
        account_model,
        username_field,
    )  # Loads models, which not every store needs.

    try:
        model = account_model()
    except ImproperlyConfigured as error:
        yield Error(str(error), id="toto_django.E005")
        return
    for name in settings.ACCOUNT_FIELDS:
        try:
            field = model._meta.get_field(name)
        except FieldDoesNotExist:
            yield Error(
                f"TOTO['ACCOUNT_FIELDS']: {model._meta.label} has no field '{name}'.", id="toto_django.E006"
            )
            continue
        if field.is_relation or name in _PRIVILEGES or name == username_field(model):
            yield Error(
                f"TOTO['ACCOUNT_FIELDS'] may not name '{name}': clients could write it.",
                id="toto_django.E006",
            )


_PRIVILEGES = {"password", "is_staff", "is_superuser", "is_active", "id", "pk"}


def database_of(store: Store) -> str | None:
    """The alias of Django's database that the store is in, None where there is no such database."""
    try:
        return str(store.db.alias)
    except ConnectionDoesNotExist:
        return None
