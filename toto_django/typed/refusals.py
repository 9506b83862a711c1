"""The errors of wrong parameters (docs/protocol.md 1.2)."""

from collections.abc import Sequence
from typing import Any

from toto_django.exceptions import InvalidParameters, MissingParameters

__all__ = ["MISSING", "UNKNOWN", "Fields", "path_of", "refused"]

MISSING = "Missing."
UNKNOWN = "Unknown."
MOST_TOLD = 5
"""Paths in the text; all are in ``fields``."""
LONGEST_NAME = 255

Fields = dict[str, list[str]]
"""Messages by path: ``page.size``, ``kinds.0``."""


def refused(fields: Fields, missing: Sequence[str]) -> InvalidParameters | MissingParameters:
    """MissingParameters if any are missing, else InvalidParameters; either with all that is wrong."""
    if missing:
        error = MissingParameters(missing)
        error.fields = fields  # type: ignore[attr-defined]
        return error
    told = [f"{path}: {' '.join(messages)}" for path, messages in list(fields.items())[:MOST_TOLD]]
    more = len(fields) - len(told)
    return InvalidParameters(" ".join([*told, f"And {more} more."] if more else told), fields)


def path_of(parts: Sequence[Any]) -> str:
    """``("kinds", 0)`` as ``kinds.0``; long names, which clients made, are cut."""
    return ".".join(_shortened(str(part)) for part in parts)


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME] + "…"
