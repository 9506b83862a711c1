"""What Django gives to each system check."""

from collections.abc import Sequence

from django.apps import AppConfig

__all__ = ["Apps"]

Apps = Sequence[AppConfig] | None
"""The apps to check, None for all."""
