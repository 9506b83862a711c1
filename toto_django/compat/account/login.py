"""``toto.methods.account.login``."""

from toto_django.compat.builtin import account_login as invoke

__all__ = ["invoke"]
