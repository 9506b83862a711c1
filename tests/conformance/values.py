"""Comparison of decoded values with expected ones, wildcards included."""

import base64
import datetime
import math
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bson import ObjectId

NUMBER = (int, float)


def _is_number(value: Any) -> bool:
    return isinstance(value, NUMBER) and not isinstance(value, bool)


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False


KINDS: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "uuid": _is_uuid,
}


def kind_of(value: Any) -> str:
    """The name of ``value``'s kind for ``$any``."""
    for kind in ("boolean", "number", "string"):
        if KINDS[kind](value):
            return kind
    raise TypeError(f"no $any kind for {value!r}")


def _contains(wanted: str, value: Any) -> bool:
    return isinstance(value, str | list) and wanted in value


def _includes(wanted: list[Any], value: Any) -> bool:
    return isinstance(value, list) and all(any(equal(entry, item) for item in value) for entry in wanted)


def _excludes(unwanted: list[Any], value: Any) -> bool:
    return isinstance(value, list) and not any(equal(entry, item) for entry in unwanted for item in value)


def _is_map(pairs: list[tuple[Any, Any]], value: Any) -> bool:
    keys = [key for key, _ in pairs]
    return (
        isinstance(value, dict)
        and len(value) == len(pairs)
        and all(any(key is own or (key == own and type(key) is type(own)) for own in value) for key in keys)
        and all(equal(expected, value[key]) for key, expected in pairs)
    )


WILDCARDS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$any": lambda kind, value: KINDS[kind](value),
    "$contains": _contains,
    "$re": lambda pattern, value: isinstance(value, str) and re.search(pattern, value) is not None,
    "$in": lambda choices, value: any(equal(choice, value) for choice in choices),
    "$includes": _includes,
    "$excludes": _excludes,
    "$bytes": lambda text, value: isinstance(value, bytes) and value == base64.b64decode(text),
    "$int64": lambda number, value: _is_number(value) and value == number,
    "$date": lambda text, value: (
        isinstance(value, datetime.datetime) and value == datetime.datetime.fromisoformat(text)
    ),
    "$oid": lambda text, value: isinstance(value, ObjectId) and value == ObjectId(text),
    "$float": lambda text, value: (
        isinstance(value, float) and (value == float(text) or (math.isnan(value) and math.isnan(float(text))))
    ),
    "$map": _is_map,
}


def equal(expected: Any, value: Any) -> bool:
    """Whether ``value`` is what was expected; numbers by value, but a boolean is no number."""
    return next(differences(expected, value), None) is None


def differences(expected: Any, value: Any, path: str = "$", subset: bool = False) -> Iterator[str]:
    """Where and how ``value`` differs; with ``subset`` objects may have more members than expected."""
    if isinstance(expected, dict) and expected and all(key in WILDCARDS for key in expected):
        if not all(WILDCARDS[key](argument, value) for key, argument in expected.items()):
            yield f"{path}: expected {expected!r}, got {_short(value)}"
    elif isinstance(expected, dict) and isinstance(value, dict):
        yield from _object_differences(expected, value, path, subset)
    elif isinstance(expected, list) and isinstance(value, list) and len(expected) == len(value):
        for index, (item, other) in enumerate(zip(expected, value, strict=True)):
            yield from differences(item, other, f"{path}[{index}]", subset)
    elif not _plainly_equal(expected, value):
        yield f"{path}: expected {_short(expected)}, got {_short(value)}"


def _object_differences(
    expected: dict[str, Any], value: dict[Any, Any], path: str, subset: bool
) -> Iterator[str]:
    for key, item in expected.items():
        if key in value:
            yield from differences(item, value[key], f"{path}.{key}", subset)
        else:
            yield f"{path}.{key}: expected {_short(item)}, got nothing"
    if not subset:
        for key in value.keys() - expected.keys():
            yield f"{path}.{key}: expected nothing, got {_short(value[key])}"


def _plainly_equal(expected: Any, value: Any) -> bool:
    if _is_number(expected):
        return _is_number(value) and expected == value
    return type(expected) is type(value) and expected == value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text)} characters)"
