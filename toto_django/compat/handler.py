"""``toto.handler``: Toto's name of the handler."""

from toto_django.handler import Handler as TotoHandler

__all__ = ["TotoHandler"]
