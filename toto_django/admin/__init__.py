"""Accounts and sessions in Django's admin, as far as they are kept in this app's own models."""

from collections.abc import Callable

from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured

from toto_django.admin.accounts import AccountAdmin
from toto_django.admin.sessions import SessionAdmin
from toto_django.conf import Settings
from toto_django.models import Account, Session
from toto_django.stores import Store, account_store, session_store
from toto_django.stores.database import DatabaseStore, account_model

__all__ = ["AccountAdmin", "SessionAdmin", "register"]


def register(site: admin.AdminSite) -> None:
    """Add to a site what TOTO keeps in this app's own models."""
    if Settings.invalid():
        return  # A system check reports it.
    if _is_in_database(account_store) and account_model() is Account:
        site.register(Account, AccountAdmin)
    if _is_in_database(session_store):
        site.register(Session, SessionAdmin)


def _is_in_database(store: Callable[[], Store]) -> bool:
    try:
        return isinstance(store(), DatabaseStore)
    except (ImproperlyConfigured, ImportError):
        return False  # A system check reports it.


register(admin.site)
