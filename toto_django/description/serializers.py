"""JSON Schemas of the serializers of `toto_django.parameters`, as far as their fields tell."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

__all__ = ["serializer_schema"]

Schema = dict[str, Any]

TYPES: Mapping[type[serializers.Field[Any, Any, Any, Any]], Schema] = {
    serializers.BooleanField: {"type": "boolean"},
    serializers.CharField: {"type": "string"},
    serializers.IntegerField: {"type": "integer"},
    serializers.FloatField: {"type": "number"},
    serializers.DecimalField: {"type": ["number", "string"]},
    serializers.DateTimeField: {"type": "string", "format": "date-time"},
    serializers.DateField: {"type": "string", "format": "date"},
    serializers.TimeField: {"type": "string", "format": "time"},
    serializers.DurationField: {"type": "string"},
    serializers.UUIDField: {"type": "string", "format": "uuid"},
    serializers.DictField: {"type": "object"},
}
"""The most general classes of fields; what is not here may be anything."""
LIMITS = {
    "max_length": "maxLength",
    "min_length": "minLength",
    "max_value": "maximum",
    "min_value": "minimum",
}


def serializer_schema(serializer: Any) -> Schema:
    """An object's, of a serializer or its class."""
    fields = (serializer() if isinstance(serializer, type) else serializer).fields
    writable = {name: field for name, field in fields.items() if not field.read_only}
    return {
        "type": "object",
        "properties": {name: _field_schema(field) for name, field in writable.items()},
        "required": [name for name, field in writable.items() if field.required],
    }


def _field_schema(field: Any) -> Schema:
    schema = _plain_schema(field)
    for attribute, keyword in LIMITS.items():
        limit = getattr(field, attribute, None)
        if limit is not None and "type" in schema:
            schema[keyword] = limit
    if field.help_text:
        schema["description"] = str(field.help_text)
    if field.default is not empty and not callable(field.default):
        schema["default"] = field.default
    return {"anyOf": [schema, {"type": "null"}]} if field.allow_null else schema


def _plain_schema(field: Any) -> Schema:
    if isinstance(field, serializers.ListSerializer | serializers.ListField):
        return {"type": "array", "items": _field_schema(field.child)}
    if isinstance(field, serializers.BaseSerializer):
        return serializer_schema(field)
    if isinstance(field, serializers.ChoiceField):
        return {"enum": list(field.choices)}
    return next((dict(schema) for kind, schema in TYPES.items() if isinstance(field, kind)), {})
