"""What a type accepts from the wire, as changes of pydantic's core schemas.

Left alone, pydantic takes "5" for a whole number, true for 1 and 5 for a date. From JSON, BSON
and MessagePack, scalars are taken as what they are, and text only for what these formats
have no form of: dates, UUIDs, decimals, bytes (base64). From queries and forms, where all is text, "5"
is a number. Models of pydantic keep their own configuration.
"""

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any

from pydantic_core import PydanticCustomError, core_schema

__all__ = ["strict", "textual"]

Schema = dict[str, Any]
Rule = Callable[[Schema], Schema]

CHILDREN = (
    "schema",
    "items_schema",
    "values_schema",
    "extras_schema",
    "choices",
    "fields",
    "definitions",
    "steps",
    "python_schema",
    "lax_schema",
)
"""Keys of core schemas with schemas below them, except those of a mapping's keys: these are text in JSON."""
OBJECTS = ("dataclass", "model", "typed-dict", "dict")
LISTS = ("list", "tuple", "set", "frozenset")
TIMES = ("datetime", "date", "time", "timedelta")
MOST_MEMBERS = 1000
"""Of an object that a dataclass describes; more are a mistake at the first glance."""
PLAIN = {bool, int, float, str}
SCALARS = ("int", "float", "bool", "str", "bytes", *TIMES, "decimal", "uuid", "enum", "literal", "url")


def strict(schema: Schema, *, is_complete: bool) -> Schema:
    """For JSON, BSON and MessagePack. Unless ``is_complete``, a container ends with its first mistake."""
    rules: dict[str, Rule] = {
        "int": lambda schema: {"strict": True, **schema},
        "float": lambda schema: {"strict": True, **schema},
        "bool": lambda schema: {"strict": True, **schema},
        "str": lambda schema: {"strict": True, **_encodable(schema)},
        "bytes": lambda schema: _before(_from_base64, {"strict": True, **schema}),
        "enum": lambda schema: _exactly(schema, [member.value for member in schema["members"]]),
        "literal": lambda schema: _exactly(schema, schema["expected"]),
        **dict.fromkeys(TIMES, lambda schema: _before(_refuse_numbers, schema)),
    }
    if not is_complete:
        rules |= dict.fromkeys((*LISTS, "dict"), lambda schema: {**schema, "fail_fast": True})
        rules |= dict.fromkeys(("dataclass", "typed-dict"), lambda schema: _before(_refuse_floods, schema))
    return _changed(schema, rules)


def textual(schema: Schema) -> Schema:
    """For queries and forms: every value is a list of texts, of files in forms."""
    rules: dict[str, Rule] = {
        "str": _encodable,
        "bytes": lambda schema: _before(_from_base64, schema),
        "enum": lambda schema: _by_text(schema, [member.value for member in schema["members"]]),
        "literal": lambda schema: _by_text(schema, schema["expected"]),
        **dict.fromkeys(TIMES, lambda schema: _before(_refuse_numbers, schema)),
    }
    single = {kind: _then_single(rules.get(kind, _same)) for kind in SCALARS}
    objects = dict.fromkeys(
        ("dataclass", "model", "typed-dict", "dict"), lambda schema: _before(_single, schema)
    )
    return _changed(schema, {**single, **objects, "nullable": _blank_is_null})


def _changed(schema: Schema, rules: dict[str, Rule]) -> Schema:
    """A copy in which each schema went through the rule for its type, the innermost first."""
    kind = schema["type"]
    if kind == "model" or (kind == "dataclass" and hasattr(schema["cls"], "__pydantic_validator__")):
        return rules.get("model", _same)(schema)
    copy = dict(schema)
    for key in CHILDREN:
        if key in copy:
            copy[key] = _changed_below(copy[key], rules)
    return rules.get(kind, _same)(copy)


def _changed_below(value: Any, rules: dict[str, Rule]) -> Any:
    if isinstance(value, list):
        return [_changed_below(item, rules) for item in value]
    if isinstance(value, tuple):
        return (_changed_below(value[0], rules), *value[1:])
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("type"), str):
        return _changed(value, rules)
    return {name: _changed_below(item, rules) for name, item in value.items()}


def _same(schema: Schema) -> Schema:
    return schema


def _before(function: Callable[[Any], Any], schema: Schema) -> Schema:
    """Others refer to the outermost schema."""
    inner = dict(schema)
    ref = inner.pop("ref", None)
    return {**core_schema.no_info_before_validator_function(function, inner, ref=ref)}


def _encodable(schema: Schema) -> Schema:
    """Any limit makes pydantic look at the text: half of a surrogate pair is none."""
    return {"min_length": 0, **schema}


def _from_base64(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise PydanticCustomError("base64", "Must be base64 text.") from None


def _refuse_numbers(value: Any) -> Any:
    """pydantic takes numbers, as text too, for seconds since 1970."""
    is_number = isinstance(value, int | float) or (isinstance(value, str) and _is_number(value))
    return None if is_number else value


def _refuse_floods(value: Any) -> Any:
    """Each unknown member would be a mistake of its own."""
    if isinstance(value, dict) and len(value) > MOST_MEMBERS:
        raise PydanticCustomError("too_many_members", "Has too many members.")
    return value


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).lstrip("+-").isdigit()


def _exactly(schema: Schema, values: Iterable[Any]) -> Schema:
    """true and 1.0 equal 1."""
    types = {type(value) for value in values}
    if not types & {int, float, bool}:
        return schema

    def refuse_others(value: Any) -> Any:
        return _OTHER if type(value) in PLAIN - types else value

    return _before(refuse_others, schema)


_OTHER = object()
"""A value that no enumeration has."""


def _by_text(schema: Schema, values: Iterable[Any]) -> Schema:
    by_text = {str(value): value for value in values if not isinstance(value, str)}
    if not by_text:
        return schema
    return _before(lambda value: by_text.get(value, value) if isinstance(value, str) else value, schema)


def _then_single(rule: Rule) -> Rule:
    return lambda schema: _before(_single, rule(schema))


def _single(value: Any) -> Any:
    return value[0] if type(value) is list and len(value) == 1 else value


def _blank_is_null(schema: Schema) -> Schema:
    """An empty field of a form, unless its text is wanted."""
    if "str" in _kinds(schema):
        return schema
    return _before(lambda value: None if value in ("", [""]) else value, schema)


def _kinds(schema: Schema) -> set[str]:
    """The types of a schema and of those that only wrap others, at its top."""
    choices = schema.get("choices", [])
    below = [schema.get("schema"), *(choices if isinstance(choices, list) else choices.values())]
    schemas = [item[0] if isinstance(item, tuple) else item for item in below]
    return {schema["type"]}.union(*(_kinds(item) for item in schemas if isinstance(item, dict)))
