"""``toto.methods.account.update``."""

from toto_django.compat.builtin import account_update as invoke

__all__ = ["invoke"]
