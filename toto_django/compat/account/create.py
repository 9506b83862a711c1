"""``toto.methods.account.create``."""

from toto_django.compat.builtin import account_create as invoke

__all__ = ["invoke"]
