"""``toto.session``: Toto's names of sessions and accounts."""

from toto_django.accounts import Account as TotoAccount
from toto_django.sessions import Session as TotoSession

__all__ = ["TotoAccount", "TotoSession"]
