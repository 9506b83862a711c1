"""``toto.methods.account.logout``."""

from toto_django.compat.builtin import account_logout as invoke

__all__ = ["invoke"]
