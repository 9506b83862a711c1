"""What a method's signature does not tell."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from toto_django.exceptions import TotoException
from toto_django.registry import Function, Method

__all__ = ["Documentation", "documented"]

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Documentation:
    """JSON Schemas and errors; None where nothing is known."""

    parameters: Mapping[str, Schema] | None = None
    others: Schema | bool = False
    """What parameters of other names are."""
    result: Schema | None = None
    errors: tuple[TotoException, ...] = field(default=())
    deprecated: str | None = None


def documented(
    *,
    parameters: Mapping[str, Schema] | None = None,
    others: Schema | bool = False,
    result: Schema | None = None,
    errors: tuple[TotoException, ...] = (),
    deprecated: str | None = None,
) -> Callable[[Function | Method], Method]:
    """Add to the method's description; nothing is checked.

    ``parameters`` and ``others`` are for methods that take them as one object. ``errors`` are
    exceptions as the method raises them. ``deprecated`` says what to call instead.
    """
    documentation = Documentation(parameters, others, result, errors, deprecated)
    return lambda function: Method.of(function).changed(documentation=documentation)
