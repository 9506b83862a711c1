"""Python values ↔ bytes for what the app keeps: session states.

MessagePack carries what a method may hold in a session: the plain values, and as
extension types datetime, date, time, UUID, Decimal, set, frozenset, tuple and integers
of any size. JSON is for states that other programs read. Pickle is for states that
hold objects; whoever can write to the store then runs code here.
"""

import datetime
import decimal
import json
import pickle
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import msgpack

__all__ = ["SERIALIZERS", "Serializer", "pack", "unpack"]


class Serializer(NamedTuple):
    """``dumps`` raises TypeError, ValueError or OverflowError for what it cannot keep."""

    dumps: Callable[[Any], bytes]
    loads: Callable[[bytes], Any]


class _Extension(NamedTuple):
    code: int
    to_plain: Callable[[Any], Any]
    from_plain: Callable[[Any], Any]


_EXTENSIONS: Final[dict[type, _Extension]] = {
    tuple: _Extension(1, list, tuple),
    set: _Extension(2, list, set),
    frozenset: _Extension(3, list, frozenset),
    datetime.datetime: _Extension(4, datetime.datetime.isoformat, datetime.datetime.fromisoformat),
    datetime.date: _Extension(5, datetime.date.isoformat, datetime.date.fromisoformat),
    datetime.time: _Extension(6, datetime.time.isoformat, datetime.time.fromisoformat),
    uuid.UUID: _Extension(7, lambda value: value.bytes, lambda data: uuid.UUID(bytes=data)),
    decimal.Decimal: _Extension(8, str, decimal.Decimal),
    int: _Extension(9, hex, lambda text: int(text, 16)),
}
_PLAIN: Final[tuple[Any, ...]] = (str, int, float, bytes, list, dict)
MOST_LEVELS: Final = 32
"""Each takes 50 KB of the C stack, which ends the process when there is no more."""
_BY_CODE: Final = {extension.code: extension for extension in _EXTENSIONS.values()}


def pack(value: Any) -> bytes:
    """MessagePack with the extension types above, MOST_LEVELS of them in one another."""
    return _packed(value, 0)


def unpack(data: bytes) -> Any:
    """What `pack` was given. Only plain values and the types above: reading runs no code."""
    return _unpacked(data, 0)


def _packed(value: Any, level: int) -> bytes:
    _check_level(level)
    data: bytes = msgpack.packb(value, default=partial(_pack_extension, level), strict_types=True)
    return data


def _unpacked(data: bytes, level: int) -> Any:
    _check_level(level)
    hook = partial(_unpack_extension, level)
    return msgpack.unpackb(data, ext_hook=hook, strict_map_key=False, use_list=True)


def _check_level(level: int) -> None:
    if level > MOST_LEVELS:
        raise ValueError(f"more than {MOST_LEVELS} tuples, sets and the like are nested in one another")


def _pack_extension(level: int, value: Any) -> Any:
    extension = _EXTENSIONS.get(type(value))
    if extension is not None:
        return msgpack.ExtType(extension.code, _packed(extension.to_plain(value), level + 1))
    if isinstance(value, tuple):
        return _pack_extension(level, tuple(value))
    for plain in _PLAIN:
        if isinstance(value, plain):
            return plain(value)
    raise TypeError(f"a value of type {type(value).__name__} cannot be kept")


def _unpack_extension(level: int, code: int, data: bytes) -> Any:
    extension = _BY_CODE.get(code)
    if extension is None:
        return msgpack.ExtType(code, data)
    return extension.from_plain(_unpacked(data, level + 1))


def _dump_pickle(value: Any) -> bytes:
    try:
        return pickle.dumps(value)
    except (pickle.PicklingError, AttributeError) as error:
        raise TypeError(str(error)) from error


def _dump_json(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


SERIALIZERS: Final = {
    "msgpack": Serializer(pack, unpack),
    "json": Serializer(_dump_json, json.loads),
    "pickle": Serializer(_dump_pickle, pickle.loads),
}
