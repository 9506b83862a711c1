"""The built-in methods for ported modules; importing them offers none that BUILTIN_METHODS leaves out."""

from toto_django.conf import settings
from toto_django.methods.account import create as account_create
from toto_django.methods.account import login as account_login
from toto_django.methods.account import logout as account_logout
from toto_django.methods.account import update as account_update
from toto_django.methods.client_error import client_error
from toto_django.registry import registry

__all__ = ["account_create", "account_login", "account_logout", "account_update", "client_error"]


def _leave_out() -> None:
    for method in (account_create, account_login, account_logout, account_update, client_error):
        for name in method.names:
            if registry.get(name) is method:
                registry.unregister(name)


if not settings.BUILTIN_METHODS:
    _leave_out()
