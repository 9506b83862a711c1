"""Whether a document is OpenRPC."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

META_SCHEMA = json.loads(Path(__file__).with_name("meta_schema.json").read_text())
JSON_SCHEMA = {
    **Draft7Validator.META_SCHEMA,
    # Where the OpenRPC meta-schema looks for the form of a reference.
    "definitions": {
        **Draft7Validator.META_SCHEMA["definitions"],
        "JSONSchemaObject": {"properties": {"$ref": {"type": "string", "format": "uri-reference"}}},
    },
}


def validate(document: dict[str, Any]) -> None:
    """Raises jsonschema.ValidationError."""
    resource = Resource.from_contents({**JSON_SCHEMA, "$id": "https://meta.json-schema.tools/"}, DRAFT7)
    registry = Registry().with_resources(
        [("https://meta.json-schema.tools", resource), ("https://meta.json-schema.tools/", resource)]
    )
    schema = {**META_SCHEMA, "$schema": "http://json-schema.org/draft-07/schema#"}
    Draft7Validator(schema, registry=registry).validate(document)


def references(value: Any) -> set[str]:
    """All that a document refers to."""
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(item) for item in value.values()))
    return set().union(*(references(item) for item in value)) if isinstance(value, list) else set()


def found(document: dict[str, Any], reference: str) -> Any:
    """What a reference refers to; raises KeyError."""
    at: Any = document
    for part in reference.removeprefix("#/").split("/"):
        at = at[part]
    return at
