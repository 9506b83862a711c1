"""Plain values out of Python 2 pickles, without unpickling.

A small stack machine of its own reads the opcodes of plain values, protocols 0 to 2.
Nothing is imported and nothing is called by name: a class in a pickle is looked up in a
short table. Byte strings become text where they are UTF-8.
"""

import datetime
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

__all__ = ["MAX_BYTES", "MAX_LEVELS", "MAX_STEPS", "MAX_VALUE_BYTES", "PickleRefused", "loads"]

MAX_BYTES: Final = 16 * 1024 * 1024
"""Of a pickle."""
MAX_STEPS: Final = 500_000
"""Opcodes of a pickle, and values in what it stands for."""
MAX_VALUE_BYTES: Final = 16 * 1024 * 1024
"""Of all texts and numbers in what a pickle stands for, those counted again that occur again."""
MAX_LEVELS: Final = 100
MAX_DIGITS: Final = 4300
"""Of a number; Python's own limit for converting text."""


class PickleRefused(ValueError):
    """No pickle of plain values, or too large."""


def loads(data: bytes) -> Any:
    """The value of a pickle. Raises PickleRefused."""
    if len(data) > MAX_BYTES:
        raise PickleRefused(f"it is larger than {MAX_BYTES} bytes")
    try:
        value = _Machine(data).run()
    except (ValueError, TypeError, IndexError, OverflowError, InvalidOperation, struct.error) as error:
        if isinstance(error, PickleRefused):
            raise
        raise PickleRefused("it is damaged") from error
    _check(value)
    return value


@dataclass(frozen=True, slots=True)
class _Class:
    """A class that a pickle names; calling it makes a plain value."""

    make: Callable[..., Any]


class _Machine:
    """Reads one pickle; ``marks`` keep the stacks below the opcode MARK."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.steps = 0
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        while (opcode := self.take(1)) != b".":
            self.count(1)
            operation = _OPERATIONS.get(opcode)
            if operation is None:
                raise PickleRefused(f"it holds an object (opcode {opcode!r})")
            operation(self)
        return self.stack.pop()

    def count(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise PickleRefused(f"it has more than {MAX_STEPS} values")

    def take(self, length: int) -> bytes:
        taken = self.data[self.position : self.position + length]
        if len(taken) != length or length < 0:
            raise PickleRefused("it is cut off")
        self.position += length
        return taken

    def line(self) -> bytes:
        end = self.data.find(b"\n", self.position)
        if end < 0:
            raise PickleRefused("it is cut off")
        line = self.data[self.position : end]
        self.position = end + 1
        return line

    def digits(self) -> str:
        line = self.line()
        if len(line) > MAX_DIGITS:
            raise PickleRefused("a number in it is too long")
        return line.decode("ascii")

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list[Any]:
        items = self.stack
        self.stack = self.marks.pop()
        return items

    def top(self, kind: type) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise PickleRefused("it is damaged")
        return self.stack[-1]

    # Containers

    def push_tuple(self, length: int) -> None:
        items = [self.stack.pop() for _ in range(length)]
        self.push(tuple(reversed(items)))

    def append(self, items: list[Any]) -> None:
        self.top(list).extend(items)

    def set_items(self, items: list[Any]) -> None:
        self.top(dict).update(_pairs(items))

    def set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.set_items([key, value])

    # Classes

    def push_class(self) -> None:
        name = (self.line().decode("ascii"), self.line().decode("ascii"))
        if name not in _CLASSES:
            raise PickleRefused(f"it holds an object ({'.'.join(name)[:80]!a})")
        self.push(_Class(_CLASSES[name]))

    def reduce(self) -> None:
        arguments = self.stack.pop()
        made = self.stack.pop()
        if not isinstance(made, _Class) or not isinstance(arguments, tuple):
            raise PickleRefused("it is damaged")
        self.count(sum(len(argument) for argument in arguments if isinstance(argument, list | tuple)))
        self.push(made.make(*arguments))

    # Scalars

    def push_int(self) -> None:
        text = self.digits()
        self.push({"00": False, "01": True}[text] if text in ("00", "01") else int(text))

    def push_binary_long(self, form: str) -> None:
        self.push(int.from_bytes(self.take(self.number(form)), "little", signed=True))

    def push_quoted(self) -> None:
        line = self.line().strip()
        if len(line) < 2 or line[:1] not in (b"'", b'"') or line[-1:] != line[:1]:
            raise PickleRefused("it is damaged")
        self.push(_as_text(_ESCAPE.sub(_unescaped, line[1:-1])))

    def remember(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise PickleRefused("it is damaged")
        self.push(self.memo[index])


_ESCAPE: Final = re.compile(rb"\\(x[0-9a-fA-F]{2}|.?)", re.S)
_ESCAPED: Final = {b"\\": b"\\", b"'": b"'", b'"': b'"', b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def _unescaped(match: re.Match[bytes]) -> bytes:
    """What Python 2's ``repr`` of a byte string writes with a backslash."""
    escape = match[1]
    if escape[:1] == b"x" and len(escape) == 3:
        return bytes([int(escape[1:], 16)])
    if escape not in _ESCAPED:
        raise PickleRefused("it is damaged")
    return _ESCAPED[escape]


def _as_text(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _as_bytes(value: Any) -> bytes:
    if not isinstance(value, str | bytes):
        raise PickleRefused("it is damaged")
    return value.encode() if isinstance(value, str) else value


def _pairs(items: list[Any]) -> Iterator[tuple[Any, Any]]:
    if len(items) % 2:
        raise PickleRefused("it is damaged")
    for key, value in zip(items[::2], items[1::2], strict=True):
        yield _key(key), value


def _key(value: Any) -> Any:
    """What may be hashed: a hash of deeply nested or of crafted large values would never end."""
    for part in value if isinstance(value, tuple) else (value,):
        if isinstance(part, int) and part.bit_length() > 64:
            raise PickleRefused("a key in it is too large")
        if not isinstance(part, str | bytes | int | float | datetime.date | datetime.time | None):
            raise PickleRefused("a key in it is no plain value")
    return value


# The classes that may occur, by the names that Python 2 gives them.


def _make_datetime(state: Any) -> datetime.datetime:
    """From the ten bytes that Python pickles: year, month, day, hours, minutes, seconds, microseconds."""
    year, month, day, hour, minute, second, high, low = struct.unpack(">HBBBBBBH", _as_bytes(state))
    return datetime.datetime(year, month, day, hour, minute, second, (high << 16) + low)


def _make_date(state: Any) -> datetime.date:
    return datetime.date(*struct.unpack(">HBB", _as_bytes(state)))


def _make_time(state: Any) -> datetime.time:
    hour, minute, second, high, low = struct.unpack(">BBBBH", _as_bytes(state))
    return datetime.time(hour, minute, second, (high << 16) + low)


def _make_decimal(text: Any) -> Decimal:
    if not isinstance(text, str) or len(text) > MAX_DIGITS:
        raise PickleRefused("a number in it is too long")
    return Decimal(text)


def _items(values: Any) -> Iterable[Any]:
    if not isinstance(values, list | tuple):
        raise PickleRefused("it is damaged")
    return map(_key, values)


def _make_set(values: Any = ()) -> set[Any]:
    return set(_items(values))


def _make_frozenset(values: Any = ()) -> frozenset[Any]:
    return frozenset(_items(values))


_CLASSES: Final[dict[tuple[str, str], Callable[..., Any]]] = {
    ("__builtin__", "set"): _make_set,
    ("__builtin__", "frozenset"): _make_frozenset,
    ("datetime", "datetime"): _make_datetime,
    ("datetime", "date"): _make_date,
    ("datetime", "time"): _make_time,
    ("decimal", "Decimal"): _make_decimal,
}

_OPERATIONS: Final[dict[bytes, Callable[[_Machine], Any]]] = {
    # Protocol 0
    b"(": _Machine.mark,
    b"0": lambda machine: machine.stack.pop(),
    b"1": _Machine.pop_mark,
    b"2": lambda machine: machine.push(machine.stack[-1]),
    b"N": lambda machine: machine.push(None),
    b"I": _Machine.push_int,
    b"L": lambda machine: machine.push(int(machine.digits().removesuffix("L"))),
    b"F": lambda machine: machine.push(float(machine.digits())),
    b"S": _Machine.push_quoted,
    b"V": lambda machine: machine.push(machine.line().decode("raw-unicode-escape")),
    b"l": lambda machine: machine.push(machine.pop_mark()),
    b"t": lambda machine: machine.push(tuple(machine.pop_mark())),
    b"d": lambda machine: machine.push(dict(_pairs(machine.pop_mark()))),
    b"a": lambda machine: machine.append([machine.stack.pop()]),
    b"s": _Machine.set_item,
    b"p": lambda machine: machine.remember(int(machine.digits())),
    b"g": lambda machine: machine.recall(int(machine.digits())),
    b"c": _Machine.push_class,
    b"R": _Machine.reduce,
    # Protocol 1
    b"]": lambda machine: machine.push([]),
    b")": lambda machine: machine.push(()),
    b"}": lambda machine: machine.push({}),
    b"e": lambda machine: machine.append(machine.pop_mark()),
    b"u": lambda machine: machine.set_items(machine.pop_mark()),
    b"J": lambda machine: machine.push(machine.number("<i")),
    b"K": lambda machine: machine.push(machine.number("<B")),
    b"M": lambda machine: machine.push(machine.number("<H")),
    b"G": lambda machine: machine.push(machine.number(">d")),
    b"T": lambda machine: machine.push(_as_text(machine.take(machine.number("<i")))),
    b"U": lambda machine: machine.push(_as_text(machine.take(machine.number("<B")))),
    b"X": lambda machine: machine.push(machine.take(machine.number("<I")).decode("utf-8", "surrogatepass")),
    b"q": lambda machine: machine.remember(machine.number("<B")),
    b"r": lambda machine: machine.remember(machine.number("<I")),
    b"h": lambda machine: machine.recall(machine.number("<B")),
    b"j": lambda machine: machine.recall(machine.number("<I")),
    # Protocol 2
    b"\x80": lambda machine: machine.take(1),
    b"\x85": lambda machine: machine.push_tuple(1),
    b"\x86": lambda machine: machine.push_tuple(2),
    b"\x87": lambda machine: machine.push_tuple(3),
    b"\x88": lambda machine: machine.push(True),
    b"\x89": lambda machine: machine.push(False),
    b"\x8a": lambda machine: machine.push_binary_long("<B"),
    b"\x8b": lambda machine: machine.push_binary_long("<i"),
}


# What came out


def _check(value: Any) -> None:
    """Refuse values that hold themselves, that grow by repetition, or are nested deeply."""
    pending = [(value, 1)]
    values = size = 0
    while pending:
        item, level = pending.pop()
        children = _children(item)
        values += 1 + len(children)
        size += _size(item)
        if level > MAX_LEVELS:
            raise PickleRefused(f"it has more than {MAX_LEVELS} levels")
        if values > 2 * MAX_STEPS or size > MAX_VALUE_BYTES:
            _refuse_size()
        pending.extend((child, level + 1) for child in children)


def _refuse_size() -> NoReturn:
    raise PickleRefused(f"it grows to more than {MAX_STEPS} values or {MAX_VALUE_BYTES} bytes")


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return list(value) if isinstance(value, list | tuple | set | frozenset) else []


def _size(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, int):
        return value.bit_length() // 8
    if isinstance(value, _Class):
        raise PickleRefused("it holds a class")
    return 0
