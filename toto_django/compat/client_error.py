"""``toto.methods.client_error``."""

from toto_django.compat.builtin import client_error as invoke

__all__ = ["invoke"]
