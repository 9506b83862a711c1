"""The codec contract: body bytes ↔ plain values."""

import base64
import dataclasses
import datetime
import decimal
import enum
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from django.utils.duration import duration_iso_string
from django.utils.functional import Promise

from toto_django.conf import settings
from toto_django.exceptions import RequestError

__all__ = [
    "Codec",
    "EncodeError",
    "Malformed",
    "Path",
    "as_base64",
    "as_plain",
    "as_text",
    "check_depth",
    "items_of",
    "key_text",
    "path_text",
    "too_many_containers",
]

Path = tuple[Any, ...]

LONGEST_REASON = 200
"""Characters."""


class Malformed(RequestError):
    """A body that its codec cannot read. The text is cut: libraries repeat what they do not understand."""

    def __init__(self, value: str) -> None:
        super().__init__(value if len(value) <= LONGEST_REASON else f"{value[:LONGEST_REASON]}…")


class EncodeError(ValueError):
    """A value that a codec cannot carry; ``path`` leads to it from the top."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"Cannot encode {path_text(path)}: {reason}")
        self.path = path
        self.reason = reason


class Codec:
    """One format. ``media_types`` are those it is asked for by, ``content_type`` the one it answers with."""

    name: ClassVar[str]
    media_types: ClassVar[tuple[str, ...]]
    content_type: ClassVar[str]
    max_depth: int | None = None
    """Levels a body may have; None for TOTO["MAX_DEPTH"] of the moment, and its MAX_CONTAINERS."""

    @property
    def depth_limit(self) -> int:
        return settings.MAX_DEPTH if self.max_depth is None else self.max_depth

    @property
    def container_limit(self) -> int:
        """Objects and lists a body may have, which take many times its size in memory."""
        return settings.MAX_CONTAINERS if self.max_depth is None else sys.maxsize

    def loads(self, body: bytes, content_type: str = "") -> Any:
        """The value in a body; ``content_type`` is the whole header. Raises Malformed."""
        raise NotImplementedError

    def dumps(self, value: Any) -> bytes:
        """Raises EncodeError with the path of the first value it cannot carry."""
        raise NotImplementedError

    def as_plain(self, value: Any, leaf: Callable[[Any], Any], key: Callable[[Any], Any]) -> Any:
        """See the function; values may be twice as deep as bodies."""
        return as_plain(value, leaf, key, 2 * self.depth_limit)

    def check_depth(self, value: Any) -> None:
        """See the function."""
        check_depth(value, self.depth_limit)


def as_text(value: Any) -> Any:
    """The plain form of what formats have no type of their own for (docs/protocol.md 5.4).

    Raises TypeError for any other type.
    """
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, uuid.UUID | decimal.Decimal | Promise):
        return str(value)
    if isinstance(value, set | frozenset):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime.timedelta):
        return duration_iso_string(value)
    members = _members(value)
    if members is not None:
        return members
    raise TypeError(f"a value of type {type(value).__name__} has no form on the wire")


def _members(value: Any) -> Any:
    """Of a dataclass or a model of pydantic, None for anything else; they may need a plain form too."""
    if hasattr(type(value), "__pydantic_serializer__"):
        return value.__pydantic_serializer__.to_python(value, by_alias=True)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def as_base64(value: Any) -> Any:
    """`as_text` for a format without bytes: they become base64 text."""
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    return as_text(value)


def as_plain(
    value: Any, leaf: Callable[[Any], Any], key: Callable[[Any], Any], max_depth: int, path: Path = ()
) -> Any:
    """A copy of a value in which each scalar went through ``leaf`` and each mapping key through ``key``.

    Both raise TypeError, ValueError or OverflowError for what they refuse; that becomes
    an EncodeError with the path.
    """
    if len(path) > max_depth:
        raise EncodeError(path[:8], "it is nested too deeply")
    if isinstance(value, Mapping):
        return {
            _tried(key, name, (*path, name)): as_plain(item, leaf, key, max_depth, (*path, name))
            for name, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [as_plain(item, leaf, key, max_depth, (*path, index)) for index, item in enumerate(value)]
    members = _members(value)
    if members is not None:
        return as_plain(members, leaf, key, max_depth, path)
    return _tried(leaf, value, path)


def _tried(function: Callable[[Any], Any], value: Any, path: Path) -> Any:
    try:
        return function(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise EncodeError(path, str(error)) from error


def key_text(key: Any) -> str:
    """A mapping key as text, as JSON writes it."""
    if isinstance(key, str):
        return key
    if isinstance(key, enum.Enum):
        return key_text(key.value)
    if key is None or key is True or key is False:
        return {None: "null", True: "true", False: "false"}[key]
    if isinstance(key, int | float):
        return repr(key)
    raise TypeError(f"a key of type {type(key).__name__} has no form on the wire")


def path_text(path: Path) -> str:
    """``("result", "items", 3, "when")`` as ``result.items[3].when``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def items_of(container: Any) -> Iterable[Any]:
    """What is directly inside of a dict or list."""
    return container.values() if isinstance(container, dict) else container


def too_many_containers(most: int) -> Malformed:
    """The error of a body with more than ``most`` objects and lists."""
    return Malformed(f"The body has more than {most} objects and lists.")


def check_depth(value: Any, max_depth: int, inside: Callable[[Any], Iterable[Any]] = items_of) -> None:
    """Refuse a value of more than ``max_depth`` levels, empty ones included. Raises Malformed."""
    containers = [value] if isinstance(value, dict | list) else []
    depth = 0
    while containers:
        depth += 1
        if depth > max_depth:
            raise Malformed(f"The body has more than {max_depth} levels.")
        containers = [
            item for container in containers for item in inside(container) if isinstance(item, dict | list)
        ]
