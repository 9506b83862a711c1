"""TypeScript types for the JavaScript client: ``const service: Service = new Toto(url)``."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from toto_django.description.names import TypeNames, printable, quoted
from toto_django.description.shapes import (
    AllOf,
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

__all__ = ["typescript"]

IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*", re.ASCII)
SCALARS = {"null": "null", "boolean": "boolean", "integer": "number", "number": "number", "string": "string"}
ANYTHING = "unknown"

HEAD = """\
// Written by `manage.py toto_schema --format typescript`: change the methods, not this file.

import type { CallOptions, PollOptions, SocketOptions, Toto, TotoError, TotoSocket } from "toto-django";
"""
SERVICE = """\
export type MethodName = keyof Methods;
export type ParametersOf<Name extends MethodName> = Methods[Name]["parameters"];
export type ResultOf<Name extends MethodName> = Methods[Name]["result"];
/** Methods that can be called without parameters. */
export type BareName = { [Name in MethodName]: {} extends ParametersOf<Name> ? Name : never }[MethodName];
export type PollParametersOf<Name extends MethodName> =
  | ParametersOf<Name>
  | ((last: ResultOf<Name> | undefined) => ParametersOf<Name>);
export type BatchMemberOf =
  | { [Name in MethodName]: readonly [method: Name, parameters: ParametersOf<Name>] }[MethodName]
  | readonly [method: BareName];

export interface Calls {
  call<Name extends MethodName>(
    method: Name,
    parameters: ParametersOf<Name>,
    options?: CallOptions,
  ): Promise<ResultOf<Name>>;
  call<Name extends BareName>(
    method: Name,
    parameters?: undefined,
    options?: CallOptions,
  ): Promise<ResultOf<Name>>;
}

export interface ServiceSocket extends Omit<TotoSocket, "call" | "send">, Calls {
  send<Name extends MethodName>(method: Name, parameters: ParametersOf<Name>): void;
  send<Name extends BareName>(method: Name): void;
}

/** A client that knows the methods: `const service: Service = new Toto(url)`. */
export interface Service extends Omit<Toto, "call" | "batch" | "messages" | "poll" | "socket">, Calls {
  batch<Members extends { readonly [id: string]: BatchMemberOf }>(
    members: Members,
    options?: CallOptions,
  ): Promise<{ -readonly [Id in keyof Members]: ResultOf<Members[Id][0]> | TotoError }>;
  messages<Name extends MethodName>(
    method: Name,
    parameters: PollParametersOf<Name>,
    options?: PollOptions,
  ): AsyncGenerator<ResultOf<Name>, void, undefined>;
  messages<Name extends BareName>(
    method: Name,
    parameters?: undefined,
    options?: PollOptions,
  ): AsyncGenerator<ResultOf<Name>, void, undefined>;
  poll<Name extends MethodName>(
    method: Name,
    parameters: PollParametersOf<Name>,
    options: PollOptions & { onMessage: (message: ResultOf<Name>) => unknown },
  ): Promise<void>;
  socket(options?: SocketOptions): ServiceSocket;
}
"""
RESERVED = {"Array", *re.findall(r"[A-Z]\w*", HEAD + SERVICE)}


def typescript(document: Mapping[str, Any]) -> str:
    """Of an OpenRPC document: the text of a module."""
    schemas = dict(sorted(document["components"]["schemas"].items()))
    names = TypeNames(RESERVED)
    writer = _Writer({name: names.claim(name) for name in schemas})
    parts = [HEAD]
    parts += [writer.component(name, schema) for name, schema in schemas.items()]
    parts += [_block("export interface Methods", map(writer.method, method_shapes(document))), SERVICE]
    return "\n".join(parts)


class _Writer:
    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def component(self, name: str, schema: Any) -> str:
        shape, own_name = shape_of(schema), self._names[name]
        if isinstance(shape, Record) and shape.members:
            lines = (f"{_comment(member.text)}{self._member(member)}" for member in shape.members)
            declared = _block(f"export interface {own_name}", [*lines, *self._others(shape)])
        else:
            declared = f"export type {own_name} = {self.type(shape)};\n"
        return f"{_comment(description_of(schema))}{declared}"

    def method(self, method: MethodShape) -> str:
        text = method.text
        if method.deprecated is not None:
            text += f"\n\n@deprecated {method.deprecated}"
        parts = f"parameters: {self.type(method.parameters)}; result: {self.type(method.result)}"
        return f"{_comment(text)}{quoted(method.name)}: {{ {parts} }};"

    def type(self, shape: Shape) -> str:
        match shape:
            case Scalar(kind):
                return SCALARS[kind]
            case Literals(values):
                return _union(map(_literal, values))
            case Reference(name):
                return self._names.get(name, ANYTHING)
            case Items(below):
                return f"Array<{self.type(below)}>"
            case Row():
                return self._row(shape)
            case Record():
                return self._record(shape)
            case OneOf(shapes):
                return _union(map(self.type, shapes))
            case AllOf(shapes):
                return " & ".join(f"({self.type(each)})" for each in shapes)
        return ANYTHING

    def _row(self, row: Row) -> str:
        types = [
            self.type(shape) if index < row.least else f"({self.type(shape)})?"
            for index, shape in enumerate(row.shapes)
        ]
        if row.others is not None:
            types.append(f"...({self.type(row.others)})[]")
        return f"[{', '.join(types)}]"

    def _record(self, record: Record) -> str:
        if not record.members and record.others is None:
            return "{ [name: string]: never }"
        return f"{{ {' '.join([*map(self._member, record.members), *self._others(record)])} }}"

    def _member(self, member: Member) -> str:
        name = member.name if IDENTIFIER.fullmatch(member.name) else quoted(member.name)
        return f"{name}{'' if member.is_required else '?'}: {self.type(member.shape)};"

    def _others(self, record: Record) -> list[str]:
        """The named ones have to fit as well."""
        if record.others is None:
            return []
        return [f"[name: string]: {ANYTHING if record.members else self.type(record.others)};"]


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if value is None or isinstance(value, int):
        return json.dumps(value)
    return "number" if isinstance(value, float) else ANYTHING


def _union(types: Iterable[str]) -> str:
    unique = list(dict.fromkeys(types))
    if ANYTHING in unique:
        return ANYTHING
    return " | ".join(unique) or "never"


def _block(head: str, parts: Iterable[str]) -> str:
    lines = "\n".join(parts).split("\n")
    return "\n".join([f"{head} {{", *(f"  {line}" if line else line for line in lines), "}\n"])


def _comment(text: str) -> str:
    lines = printable(text).replace("*/", "*\\/").split("\n")
    if len(lines) == 1:
        return f"/** {lines[0]} */\n" if lines[0] else ""
    return "\n".join(["/**", *(f" * {line}".rstrip() for line in lines), " */\n"])
