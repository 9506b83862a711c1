"""JSON Schemas as programming languages see them: types, without limits and patterns.

Where a schema says more than a type can, the shape takes more than the schema.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "AllOf",
    "Anything",
    "Items",
    "Literals",
    "Member",
    "MethodShape",
    "OneOf",
    "Record",
    "Reference",
    "Row",
    "Scalar",
    "Shape",
    "description_of",
    "method_shapes",
    "shape_of",
]

PREFIX = "#/components/schemas/"
SCALARS = {"null", "boolean", "integer", "number", "string"}

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Anything:
    """What no schema tells."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """``kind`` is a type of JSON Schema that has no parts."""

    kind: str


@dataclass(frozen=True, slots=True)
class Literals:
    """One of these values."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """The component of this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list of any length."""

    shape: "Shape"


@dataclass(frozen=True, slots=True)
class Row:
    """A list whose items have shapes of their own; the first ``least`` are always there."""

    shapes: tuple["Shape", ...]
    least: int
    others: "Shape | None"
    """Of the items behind them; None where there are none."""


@dataclass(frozen=True, slots=True)
class Member:
    """Of an object, or a parameter of a method."""

    name: str
    shape: "Shape"
    is_required: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """An object."""

    members: tuple[Member, ...]
    others: "Shape | None"
    """Of members with other names; None where none are known of."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """Any of these; none, if there are none."""

    shapes: tuple["Shape", ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of these at once."""

    shapes: tuple["Shape", ...]


Shape = Anything | Scalar | Literals | Reference | Items | Row | Record | OneOf | AllOf


@dataclass(frozen=True, slots=True)
class MethodShape:
    """What a client may send, and what it is answered."""

    name: str
    text: str
    deprecated: str | None
    """What to call instead, or ""; None where it is not deprecated."""
    parameters: Shape
    is_bare: bool
    """Whether it can be called without parameters."""
    result: Shape


def method_shapes(document: Json) -> list[MethodShape]:
    """By name. Raw methods are left out: clients do not read their answers."""
    methods = sorted(document["methods"], key=lambda each: str(each["name"]))
    return [_method(each) for each in methods if not each.get("x-toto-raw")]


def _method(described: Json) -> MethodShape:
    text = f"{described.get('summary', '')}\n\n{described.get('description', '')}".strip()
    deprecated = described.get("x-toto-deprecated", "") if described.get("deprecated") else None
    params = described["params"]
    return MethodShape(
        described["name"],
        text,
        deprecated,
        _parameters(params, described.get("x-toto-other-parameters", False)),
        is_bare=not any(each.get("required") for each in params),
        result=shape_of(described["result"]["schema"]),
    )


def _parameters(params: list[Json], others: Any) -> Shape:
    """Where nothing is known of them they may be no object either."""
    if not params and others is True:
        return Anything()
    members = tuple(
        Member(
            each["name"],
            shape_of(each["schema"]),
            bool(each.get("required")),
            each.get("summary") or description_of(each["schema"]),
        )
        for each in params
    )
    return Record(members, None if others is False else shape_of(others))


def shape_of(schema: Any) -> Shape:
    """Of one schema; unknown keywords and types take anything."""
    if schema is False:
        return OneOf(())
    if not isinstance(schema, Mapping):
        return Anything()
    if "$ref" in schema:
        return _reference(schema["$ref"])
    for keyword, kind in (("anyOf", OneOf), ("oneOf", OneOf), ("allOf", AllOf)):
        if schema.get(keyword):
            shapes = tuple(map(shape_of, schema[keyword]))
            return shapes[0] if len(shapes) == 1 else kind(shapes)
    if "const" in schema:
        return Literals((schema["const"],))
    if "enum" in schema:
        return Literals(tuple(schema["enum"]))
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return OneOf(tuple(_typed(kind, schema) for kind in kinds))
    return _typed(kinds, schema)


def _reference(reference: Any) -> Shape:
    is_component = isinstance(reference, str) and reference.startswith(PREFIX)
    return Reference(reference.removeprefix(PREFIX)) if is_component else Anything()


def _typed(kind: Any, schema: Json) -> Shape:
    if kind == "object":
        return _record(schema)
    if kind == "array":
        return _list(schema)
    return Scalar(kind) if kind in SCALARS else Anything()


def _record(schema: Json) -> Record:
    required = schema.get("required", ())
    members = tuple(
        Member(name, shape_of(below), name in required, description_of(below))
        for name, below in schema.get("properties", {}).items()
    )
    # Where names are listed, those that may come besides are no concern of who reads the type.
    others = schema.get("additionalProperties", not members)
    return Record(members, None if others is False else shape_of(others))


def _list(schema: Json) -> Shape:
    items = schema.get("items", True)
    if not isinstance(items, list):
        return Items(shape_of(items))
    others = schema.get("additionalItems", True)
    is_closed = others is False or schema.get("maxItems") == len(items)
    least = min(schema.get("minItems", 0), len(items))
    return Row(tuple(map(shape_of, items)), least, None if is_closed else shape_of(others))


def description_of(schema: Any) -> str:
    """What people are told; nothing is ""."""
    text = schema.get("description", "") if isinstance(schema, Mapping) else ""
    return str(text)
