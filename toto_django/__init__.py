"""The Toto wire protocol as a Django app: methods, accounts, sessions, signing, batches."""

from toto_django.registry import method

__all__ = ["method"]
__version__ = "0.1.0"
