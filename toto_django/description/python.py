"""Python types for the Python client: ``service: Service = Client(url)``."""

import keyword
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from textwrap import indent
from typing import Any, NamedTuple

from toto_django.description.names import TypeNames, printable, quoted
from toto_django.description.shapes import (
    Items,
    Literals,
    Member,
    MethodShape,
    OneOf,
    Record,
    Reference,
    Row,
    Scalar,
    Shape,
    description_of,
    method_shapes,
    shape_of,
)

__all__ = ["python"]

SCALARS = {"null": "None", "boolean": "bool", "integer": "int", "number": "float", "string": "str"}
ANYTHING = "typing.Any"
RESERVED = {"None", "True", "False", "Service", "AsyncService"}
MEMBER = re.compile(r"[a-z][A-Za-z0-9_]*", re.ASCII)
"""Names of members that a class can have, and that hide no type."""
LARGE = 2**63
"""Numbers from here on are no literals to mypy where types stand in texts."""
HIDING = {"bool", "dict", "float", "int", "list", "object", "str", "typing"}

HEAD = '''\
# Written by `manage.py toto_schema --format python`: change the methods, not this file.
"""Types of the methods, for the Python client."""

from __future__ import annotations

import typing
'''
PROTOCOLS = {
    "": ("Service", "A client that knows the methods: ``service: Service = Client(url)``."),
    "async ": ("AsyncService", "``service: AsyncService = AsyncClient(url)``."),
}


def python(document: Mapping[str, Any]) -> str:
    """Of an OpenRPC document: the text of a module, for Python 3.11 and later."""
    schemas = dict(sorted(document["components"]["schemas"].items()))
    names = TypeNames(RESERVED)
    writer = _Writer(names, {name: names.claim(name) for name in schemas})
    for name, schema in schemas.items():
        writer.component(name, schema)
    calls = [writer.call(method) for method in method_shapes(document)]
    protocols = [_protocol(prefix, calls) for prefix in PROTOCOLS]
    return "\n\n".join([HEAD, *writer.declared, *protocols])


class _Call(NamedTuple):
    """A method as it stands in a signature."""

    method: str
    parameters: str
    result: str
    text: str


class _Writer:
    """Objects get names on the way: their declarations are collected."""

    def __init__(self, names: TypeNames, components: Mapping[str, str]) -> None:
        self._names = names
        self._components = components
        self.declared: list[str] = []

    def component(self, name: str, schema: Any) -> None:
        own_name, shape = self._components[name], shape_of(schema)
        text = description_of(schema)
        if isinstance(shape, Record) and shape.others is None:
            self._declare(own_name, shape, text)
        else:
            alias = self.type(shape, own_name)
            self.declared.append(f"{own_name}: typing.TypeAlias = {quoted(alias)}\n{_docstring(text)}")

    def call(self, method: MethodShape) -> _Call:
        parameters = self._parameters(method)
        if method.is_bare:
            parameters = f"{_union([parameters, 'None'])} = ..."
        text = method.text
        if method.deprecated is not None:
            text += f"\n\nDeprecated. {method.deprecated}"
        return _Call(method.name, parameters, self.type(method.result, f"{method.name} result"), text)

    def _parameters(self, method: MethodShape) -> str:
        match method.parameters:
            case Record(_, others) if others is not None:
                return "typing.Mapping[str, object]"
        return self.type(method.parameters, f"{method.name} parameters")

    def type(self, shape: Shape, name: str) -> str:
        """``name`` is what objects inside are called after."""
        match shape:
            case Scalar(kind):
                return SCALARS[kind]
            case Literals(values):
                return _union(map(_literal, values))
            case Reference(component):
                return self._components.get(component, ANYTHING)
            case Items(below):
                return f"list[{self.type(below, name)}]"
            case Row(shapes, _, others):
                return f"list[{self._any_of((*shapes, *([] if others is None else [others])), name)}]"
            case Record():
                return self._record(shape, name)
            case OneOf(shapes):
                return self._any_of(shapes, name)
        return ANYTHING

    def _any_of(self, shapes: Iterable[Shape], name: str) -> str:
        return _union([self.type(each, name) for each in shapes])

    def _record(self, record: Record, name: str) -> str:
        """A TypedDict knows all of its members, so one with others is a dictionary."""
        if record.others is not None:
            others = ANYTHING if record.members else self.type(record.others, name)
            return f"dict[str, {others}]"
        own_name = self._names.claim(name)
        self._declare(own_name, record)
        return own_name

    def _declare(self, name: str, record: Record, text: str = "") -> None:
        types = [self.type(member.shape, f"{name} {member.name}") for member in record.members]
        members = list(zip(record.members, types, strict=True))
        if all(_fits_class(member.name) for member in record.members):
            self.declared.append(_class(name, members, text))
        else:
            self.declared.append(_functional(name, members, text))


Members = list[tuple[Member, str]]


def _fits_class(name: str) -> bool:
    is_identifier = MEMBER.fullmatch(name) is not None
    return is_identifier and not keyword.iskeyword(name) and name not in HIDING


def _class(name: str, members: Members, text: str) -> str:
    parts: Iterator[str] = chain.from_iterable(
        (f"{member.name}: {_presence(member, type_)}\n", _docstring(member.text)) for member, type_ in members
    )
    body = _docstring(text) + "".join(parts) or "pass\n"
    return f"class {name}(typing.TypedDict):\n{indent(body, '    ')}"


def _functional(name: str, members: Members, text: str) -> str:
    lines = [f"    {quoted(member.name)}: {_presence(member, quoted(type_))},\n" for member, type_ in members]
    return f"{name} = typing.TypedDict({quoted(name)}, {{\n{''.join(lines)}}})\n{_docstring(text)}"


def _presence(member: Member, type_: str) -> str:
    return type_ if member.is_required else f"typing.NotRequired[{type_}]"


def _protocol(prefix: str, calls: list[_Call]) -> str:
    name, text = PROTOCOLS[prefix]
    if not calls:
        calls = [_Call("", ANYTHING, "typing.Never", "")]
    decorator = "@typing.overload\n" if len(calls) > 1 else ""
    methods = "\n".join(decorator + _signature(prefix, call) for call in calls)
    body = f"{_docstring(text)}\n{methods}"
    return f"class {name}(typing.Protocol):\n{indent(body, '    ')}"


def _signature(prefix: str, call: _Call) -> str:
    return (
        f"{prefix}def call(\n"
        f"    self,\n"
        f"    method: typing.Literal[{quoted(call.method)}],\n"
        f"    parameters: {call.parameters},\n"
        f"    *,\n"
        f"    timeout: float | None = ...,\n"
        f"    retry: bool = ...,\n"
        f") -> {call.result}:\n{indent(_docstring(call.text), '    ')}    ...\n"
    )


def _literal(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, str):
        return f"typing.Literal[{quoted(value)}]"
    if isinstance(value, int):
        return f"typing.Literal[{value}]" if abs(value) < LARGE else "int"
    return "float" if isinstance(value, float) else ANYTHING


def _union(types: Iterable[str]) -> str:
    unique = list(dict.fromkeys(types))
    if ANYTHING in unique:
        return ANYTHING
    return " | ".join(unique) or "typing.Never"


def _docstring(text: str) -> str:
    """A line or more that ends in one; nothing for no text."""
    lines = printable(text).replace("\\", "\\\\")
    if '"""' in lines or lines.endswith('"'):
        lines = lines.replace('"', '\\"')
    end = "\n" if "\n" in lines else ""
    return f'"""{lines}{end}"""\n' if lines else ""
