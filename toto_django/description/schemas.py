"""JSON Schemas of types, by pydantic. Loaded by its dotted path, where pydantic is installed."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import PydanticUserError, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from typing_extensions import TypedDict

from toto_django.registry import Method
from toto_django.typed.problems import OTHERS
from toto_django.typed.signatures import TypedFunction, result_type

__all__ = ["REFERENCE", "MethodSchemas", "method_schemas"]

DECIMAL = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)$"
REFERENCE = "#/components/schemas/{model}"

Schema = dict[str, Any]


class MethodSchemas(NamedTuple):
    """By method: the parameters with types, what ``**others`` takes, the result; and what these refer to."""

    parameters: dict[str, dict[str, Schema]]
    others: dict[str, Schema]
    results: dict[str, Schema]
    components: dict[str, Schema]


class _Generator(GenerateJsonSchema):
    """As values are on the wire in JSON, in draft 7 of JSON Schema, without titles."""

    def bytes_schema(self, schema: Any) -> JsonSchemaValue:
        return {"type": "string", "contentEncoding": "base64"}

    def decimal_schema(self, schema: Any) -> JsonSchemaValue:
        """pydantic's pattern takes the empty text for a number; it stays where it counts digits."""
        made = super().decimal_schema(schema)
        if schema.get("max_digits") is None and schema.get("decimal_places") is None:
            for each in made.get("anyOf", [made]):
                if each["type"] == "string":
                    each["pattern"] = DECIMAL
        return made

    def tuple_schema(self, schema: Any) -> JsonSchemaValue:
        made = super().tuple_schema(schema)
        if "prefixItems" in made:
            made["additionalItems"] = made.pop("items", False)
            made["items"] = made.pop("prefixItems")
        return made

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def field_is_required(self, field: Any, total: bool) -> bool:
        """All members of a result are there, whatever their defaults."""
        is_member = field["type"] != "typed-dict-field"
        return (is_member and self.mode == "serialization") or super().field_is_required(field, total)

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        """Anything, where there is no schema to tell."""
        return {}


def method_schemas(methods: Mapping[str, Method]) -> MethodSchemas:
    """Of the methods whose types are known."""
    inputs: list[Any] = []
    for name, method in methods.items():
        function = method.function
        if isinstance(function, TypedFunction) and function.problem() is None:
            binder: Any = function.binder
            inputs.append((name, "validation", binder.adapter))
        result = _result_adapter(function)
        if result is not None:
            inputs.append((name, "serialization", result))
    made, definitions = TypeAdapter.json_schemas(inputs, ref_template=REFERENCE, schema_generator=_Generator)
    components: dict[str, Schema] = definitions.get("$defs", {})
    wholes = {key: _resolved(schema, components) for key, schema in made.items()}
    for schema in made.values():
        components.pop(_component(schema), None)
    schemas = MethodSchemas({}, {}, {}, components)
    for (name, mode), whole in wholes.items():
        members = dict(whole.get("properties", {}))
        if mode == "serialization":
            schemas.results[str(name)] = members["result"]
            continue
        if OTHERS in members:
            schemas.others[str(name)] = members.pop(OTHERS).get("additionalProperties", {})
        schemas.parameters[str(name)] = members
    return schemas


def _result_adapter(function: Any) -> TypeAdapter[Any] | None:
    """None where the result is not annotated, or by what nothing is known of."""
    try:
        return TypeAdapter(_typed_dict("result", {"result": result_type(function)}))
    except (PydanticUserError, NameError, TypeError, LookupError):
        return None


def _resolved(schema: Mapping[str, Any], components: Mapping[str, Schema]) -> Schema:
    """The object around a method's parameters or result. Two may share it; nobody else does."""
    return components.get(_component(schema), dict(schema))


def _component(schema: Mapping[str, Any]) -> str:
    reference: str = schema.get("$ref", "")
    return reference.rpartition("/")[2]


_typed_dict: Any = TypedDict
