"""Values that a description allows, and values that it forbids."""

import base64
import datetime
import re
from typing import Any

from hypothesis import strategies as st

FORMATS = {
    "date-time": st.datetimes(timezones=st.just(datetime.UTC)).map(lambda value: value.isoformat()),
    "date": st.dates().map(lambda value: value.isoformat()),
    "time": st.times().map(lambda value: value.isoformat()),
    "uuid": st.uuids().map(str),
    "duration": st.integers(0, 10**6).map(lambda seconds: f"PT{seconds}S"),
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.text(max_size=3), below, max_size=2),
    max_leaves=4,
)


class Values:
    """Strategies for the schemas of one document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.components = document["components"]["schemas"]

    def parameters(self, method: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
        """Those that a method takes."""
        return self._object(
            {each["name"]: each["schema"] for each in method["params"]},
            [each["name"] for each in method["params"] if each["required"]],
        )

    @st.composite
    def _broken(draw: Any, self: "Values", method: dict[str, Any]) -> dict[str, Any]:
        given: dict[str, Any] = draw(self.parameters(method))
        ways: list[Any] = [
            *(("missing", each) for each in method["params"] if each["required"]),
            *(("wrong", each) for each in method["params"] if self._can_be_wrong(each["schema"])),
        ]
        if not method.get("x-toto-other-parameters"):
            ways.append(("unknown", None))
        way, descriptor = draw(st.sampled_from(ways))
        if way == "missing":
            given.pop(descriptor["name"])
        elif way == "wrong":
            given[descriptor["name"]] = draw(self.invalid(descriptor["schema"]))
        else:
            given["surely unknown"] = 5
        return given

    def broken_parameters(self, method: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
        """Those with one mistake."""
        return Values._broken(self, method)

    def valid(self, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
        alternatives = self._alternatives(schema)
        return st.one_of([self._valid(each) for each in alternatives]) if alternatives else ANYTHING

    def invalid(self, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
        """Of another type, out of bounds, or wrong inside."""
        alternatives = self._alternatives(schema)
        if len(alternatives) == 1 and (wrong := self._wrong_inside(alternatives[0])) is not None:
            return wrong | self._of_another_type(alternatives)
        return self._of_another_type(alternatives)

    def _can_be_wrong(self, schema: dict[str, Any]) -> bool:
        return bool(self._alternatives(schema))

    def _alternatives(self, schema: Any) -> list[dict[str, Any]]:
        """None where anything will do."""
        if schema in (True, {}) or not schema:
            return []
        if "$ref" in schema:
            return self._alternatives(self.components[schema["$ref"].rpartition("/")[2]])
        for keyword in ("anyOf", "oneOf", "allOf"):
            if keyword in schema:
                return [each for below in schema[keyword] for each in self._alternatives(below)]
        return [schema] if {"type", "enum", "const"} & schema.keys() else []

    def _valid(self, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
        if "enum" in schema or "const" in schema:
            return st.sampled_from(schema.get("enum", [schema.get("const")]))
        match schema["type"]:
            case "null":
                return st.none()
            case "boolean":
                return st.booleans()
            case "integer":
                return st.integers(
                    schema.get("minimum", schema.get("exclusiveMinimum", -(10**30)) + 1),
                    schema.get("maximum", schema.get("exclusiveMaximum", 10**30) - 1),
                )
            case "number":
                return st.floats(
                    schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False
                )
            case "string":
                return self._text(schema)
            case "array":
                return self._array(schema)
            case _:
                return self._object(schema.get("properties", {}), schema.get("required", []))

    def _text(self, schema: dict[str, Any]) -> st.SearchStrategy[str]:
        if "contentEncoding" in schema:
            return st.binary(max_size=20).map(lambda data: base64.b64encode(data).decode())
        if "format" in schema:
            return FORMATS[schema["format"]]
        shortest, longest = schema.get("minLength", 0), schema.get("maxLength", 1000)
        texts = st.text(max_size=min(longest, 20), min_size=shortest)
        if "pattern" in schema:
            texts = st.from_regex(re.compile(schema["pattern"], re.ASCII), fullmatch=True)
        # Types may strip what they are given, which JSON Schema has no word for.
        return texts.filter(lambda text: shortest <= len(text.strip()) and len(text) <= longest)

    def _array(self, schema: dict[str, Any]) -> st.SearchStrategy[list[Any]]:
        # At most one item, unless more are asked for: trees would not end.
        items = schema.get("items", {})
        if isinstance(items, list):
            return st.tuples(*map(self.valid, items)).map(list)
        return st.lists(
            self.valid(items), min_size=schema.get("minItems", 0), max_size=schema.get("maxItems", 1)
        )

    def _object(self, properties: dict[str, Any], required: list[str]) -> st.SearchStrategy[dict[str, Any]]:
        members = {
            name: st.deferred(lambda below=below: self.valid(below)) for name, below in properties.items()
        }
        return st.fixed_dictionaries(
            {name: members[name] for name in members if name in required},
            optional={name: members[name] for name in members if name not in required},
        )

    def _of_another_type(self, alternatives: list[dict[str, Any]]) -> st.SearchStrategy[Any]:
        kinds = {each.get("type", "scalar") for each in alternatives}
        wrong: list[Any] = []
        if not kinds & {"null"}:
            wrong.append(st.none())
        if "array" not in kinds:
            wrong.append(st.just([[]]))
        if "object" not in kinds:
            wrong.append(st.just({"surely unknown": 5}))
        if not kinds & {"boolean", "scalar"}:
            wrong.append(st.booleans())
        if not kinds & {"integer", "number", "scalar"}:
            wrong.append(st.integers())
        if not kinds & {"string", "scalar"}:
            wrong.append(st.text(alphabet="abc"))
        return st.one_of(wrong)

    def _wrong_inside(self, schema: dict[str, Any]) -> st.SearchStrategy[Any] | None:
        kind = schema.get("type")
        if kind == "integer" and "maximum" in schema:
            return st.integers(schema["maximum"] + 1)
        if kind == "string" and "maxLength" in schema:
            return st.just("x" * (schema["maxLength"] + 1))
        if kind == "string" and "format" in schema:
            return st.sampled_from(["", "x", "5", "2020-13-01"])
        if kind == "string" and schema.get("minLength"):
            return st.just("")
        if kind == "array" and isinstance(schema.get("items"), dict) and self._can_be_wrong(schema["items"]):
            return st.lists(self.invalid(schema["items"]), min_size=1, max_size=2)
        if kind == "object" and schema.get("additionalProperties") is False:
            return self._valid(schema).map(lambda value: {**value, "surely unknown": 5})
        return None


def leads_into(path: str, given: Any) -> bool:
    """Whether a path of ``fields`` is one of these parameters, or of what is missing there."""
    *above, _ = path.split(".")
    for part in above:
        if isinstance(given, list) and part.isdigit() and int(part) < len(given):
            given = given[int(part)]
        elif isinstance(given, dict) and part in given:
            given = given[part]
        else:
            return False
    return isinstance(given, dict | list)
