"""What values an option takes: as text on the command line, and as they are elsewhere."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["COUNT", "FLAG", "NAMES", "PORT", "SECONDS", "TEXT", "Kind", "choice"]

TRUE = {"true", "t", "1", "yes", "on"}
FALSE = {"false", "f", "0", "no", "off"}


@dataclass(frozen=True, slots=True)
class Kind:
    """``read`` makes a value of a text of the command line, ``is_valid`` judges values from anywhere.

    ``expects`` says in words what is valid. ``read`` may raise ValueError.
    """

    expects: str
    is_valid: Callable[[Any], bool]
    read: Callable[[str], Any] = str


def _flag(text: str) -> bool:
    if text.lower() not in TRUE | FALSE:
        raise ValueError(text)
    return text.lower() in TRUE


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_seconds(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value >= 0


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _are_names(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)
    )


def choice(*values: str) -> Kind:
    """One of these texts."""
    return Kind(" or ".join(map(repr, values)), lambda value: value in values)


FLAG = Kind("true or false", lambda value: isinstance(value, bool), _flag)
PORT = Kind("a port from 0 to 65535", lambda value: _is_int(value) and 0 <= value <= 65535, int)
COUNT = Kind("a whole number, 0 or above", lambda value: _is_int(value) and value >= -1, int)
"""-1 is an alias of 0."""
SECONDS = Kind("a number of seconds, 0 or above", _is_seconds, _number)
TEXT = Kind("a text", lambda value: isinstance(value, str))
NAMES = Kind("a text, or a list of texts (with commas on the command line)", _are_names, _names)
