"""What Django's own receivers of its request signals do, and whether anybody else listens to those."""

from typing import Any

from django.core.cache import close_caches
from django.core.handlers.base import reset_urlconf
from django.db import close_old_connections, connections, reset_queries
from django.dispatch import Signal

__all__ = ["has_other_receivers", "keep_house"]

_HOUSEKEEPERS = {id(own) for own in (reset_queries, close_old_connections, close_caches, reset_urlconf)}
_found: dict[Signal, tuple[list[Any], bool]] = {}
"""What was found out for which receivers."""


def has_other_receivers(signal: Signal) -> bool:
    """Than Django's own, which clean up after what a thread did for a request."""
    receivers, has_others = _found.get(signal, (None, True))
    if receivers != signal.receivers:
        has_others = any(key[0] not in _HOUSEKEEPERS for key, *_ in signal.receivers)
        _found[signal] = [*signal.receivers], has_others
    return has_others


def keep_house() -> None:
    """Before and after a request, in its thread: as Django's receivers do, but for caches and URLconf."""
    for connection in connections.all(initialized_only=True):
        connection.queries_log.clear()
        connection.close_if_unusable_or_obsolete()
