"""The OpenRPC document (https://spec.open-rpc.org, version 1.3.2) of the registered methods.

What OpenRPC has no words for are members whose names begin with ``x-toto-``;
docs/describing.md lists them.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.utils.module_loading import import_string

from toto_django.codecs import JSON, EncodeError
from toto_django.conf import settings
from toto_django.description.documenting import Documentation
from toto_django.description.serializers import serializer_schema
from toto_django.exceptions import (
    InvalidHMAC,
    InvalidParameters,
    MissingParameters,
    ServerError,
    TimedOut,
    TotoException,
    Unavailable,
)
from toto_django.parameters import SerializedFunction
from toto_django.registry import Method, Policy, registry
from toto_django.typed.signatures import TypedFunction, original

__all__ = ["VERSION", "document"]

VERSION = "1.3.2"
"""Of OpenRPC."""
SCHEMAS = "toto_django.description.schemas.method_schemas"

SESSIONS = {
    "authenticated": "account",
    "authenticated_with_parameter": "parameter",
    "anonymous_session": "anonymous",
    "optionally_authenticated": "optional",
}
"""By the names of policies: what session a method asks for. The first of these that it has counts."""

Json = dict[str, Any]


@dataclass
class _Parameters:
    """Of one method: content descriptors by name, and what other names may hold."""

    known: dict[str, Json] = field(default_factory=dict)
    others: Any = False

    def add(self, name: str, schema: Any, *, required: bool) -> None:
        self.known[name] = {"name": name, "required": required, "schema": _plain(schema)}

    def require(self, name: str) -> None:
        self.known.setdefault(name, {"name": name, "schema": {}})["required"] = True

    def give_default(self, name: str, default: Any, *, is_accepted: bool) -> None:
        known = self.known.setdefault(name, {"name": name, "schema": {}})
        known["required"] = not is_accepted
        plain = _encoded(default)
        if is_accepted and plain is not None:
            known["schema"] = _with_default(known["schema"], plain[0])

    def sorted(self) -> list[Json]:
        """The required ones first, as OpenRPC wants them."""
        return sorted(self.known.values(), key=lambda each: not each["required"])


def document(url: str | None = None) -> Json:
    """Of all registered methods; ``url`` is the service's, absolute."""
    methods = dict(registry)
    typed = import_string(SCHEMAS)(methods) if find_spec("pydantic") else None
    errors: dict[str, Json] = {}
    made: Json = {
        "openrpc": VERSION,
        "info": {"title": django_settings.ROOT_URLCONF.partition(".")[0], "version": "0"}
        | dict(settings.DESCRIPTION_INFO),
        "methods": [_method(name, method, typed, errors) for name, method in methods.items()],
        "components": {"schemas": typed.components if typed else {}, "errors": errors},
    }
    if url is not None:
        made["servers"] = [{"name": "service", "url": url}]
    return made


def _method(name: str, method: Method, typed: Any, errors: dict[str, Json]) -> Json:
    summary, _, description = inspect.cleandoc(original(method.function).__doc__ or "").partition("\n")
    documentation: Documentation = method.documentation or Documentation()
    parameters = _parameters(name, method, typed, documentation)
    made: Json = {
        "name": name,
        "tags": [{"name": _tag(name, method)}],
        "summary": summary,
        "description": description.strip(),
        "paramStructure": "by-name",
        "params": parameters.sorted(),
        "result": {"name": "result", "schema": _plain(_result(name, typed, documentation))},
        "errors": [_reference(error, errors) for error in _errors(method, parameters, documentation)],
        "deprecated": _deprecation(method, documentation) is not None,
        **_extensions(method, parameters, documentation),
    }
    return {key: value for key, value in made.items() if value or key in ("params", "result")}


def _tag(name: str, method: Method) -> str:
    """The app that a method is in; the first part of its name outside of apps and for built-in methods."""
    config = apps.get_containing_app_config(getattr(original(method.function), "__module__", None) or "")
    return name.partition(".")[0] if config is None or method.is_builtin else config.label


# Parameters


def _parameters(name: str, method: Method, typed: Any, documentation: Documentation) -> _Parameters:
    made = _Parameters()
    function = method.function
    if isinstance(function, TypedFunction):
        _add_types(made, name, function, typed)
    elif isinstance(function, SerializedFunction):
        schema = serializer_schema(function.serializer)
        for each, below in schema["properties"].items():
            made.add(each, below, required=each in schema["required"])
        made.others = True
    elif documentation.parameters is not None:
        for each, below in documentation.parameters.items():
            made.add(each, below, required=False)
        made.others = documentation.others
    else:
        made.others = True
    for policy in reversed(method.policies):
        _add_policy(made, policy, function)
    return made


def _add_types(made: _Parameters, name: str, function: TypedFunction, typed: Any) -> None:
    if typed is None or name not in typed.parameters:
        made.others = True
        return
    binder: Any = function.binder
    for field_name, parameter in function.signature.parameters.items():
        wire_name = binder.wire_names[field_name]
        has_default = parameter.default is not function.signature.empty
        made.add(wire_name, typed.parameters[name][wire_name], required=not has_default)
        if has_default and binder.accepts(wire_name, parameter.default):
            made.give_default(wire_name, parameter.default, is_accepted=True)
    made.others = typed.others.get(name, False)
    if made.others == {}:
        made.others = True


def _add_policy(made: _Parameters, policy: Policy, function: Any) -> None:
    """What the innermost decorators say stands, unless those around them say more."""
    for name in policy.required_parameters:
        made.require(name)
    for name, default in policy.added_parameters.items():
        accepts = not isinstance(function, TypedFunction) or function.binder.accepts(name, default)  # type: ignore[attr-defined]
        made.give_default(name, default, is_accepted=accepts)
    for name, descriptor in policy.own_parameters.items():
        made.known[name] = {"required": False, **descriptor, "name": name}


def _with_default(schema: Json, default: Any) -> Json:
    """Beside a reference nothing else counts."""
    return {"allOf": [schema], "default": default} if "$ref" in schema else {**schema, "default": default}


# Results, errors and the rest


def _result(name: str, typed: Any, documentation: Documentation) -> Any:
    if documentation.result is not None:
        return documentation.result
    return typed.results.get(name, {}) if typed else {}


def _errors(method: Method, parameters: _Parameters, documentation: Documentation) -> Iterator[TotoException]:
    yield ServerError()
    if isinstance(method.function, TypedFunction | SerializedFunction):
        if any(each["required"] for each in parameters.known.values()):
            yield MissingParameters(["..."])
        yield InvalidParameters("Invalid parameters.")
    for policy in method.policies:
        yield from policy.errors
    if settings.HMAC and any(policy.name in SESSIONS for policy in method.policies):
        yield InvalidHMAC()
    if any(policy.uses_session for policy in method.policies):
        yield Unavailable()
    if method.timeout is not None or settings.METHOD_TIMEOUT is not None:
        yield TimedOut()
    yield from documentation.errors


def _reference(error: TotoException, errors: dict[str, Json]) -> Json:
    """Each is kept once, by the name of its class; where two have one name, by its code too."""
    described = {"code": error.code, "message": str(error.value)}
    key = type(error).__name__
    if key in errors and errors[key]["code"] != error.code:
        key = f"{key}{error.code}"
    errors.setdefault(key, described)
    return {"$ref": f"#/components/errors/{key}"}


def _deprecation(method: Method, documentation: Documentation) -> str | None:
    return documentation.deprecated or getattr(original(method.function), "__deprecated__", None)


def _extensions(method: Method, parameters: _Parameters, documentation: Documentation) -> Json:
    names = [policy.name for policy in method.policies]
    return {
        "x-toto-session": next((kind for name, kind in SESSIONS.items() if name in names), None),
        "x-toto-asynchronous": method.is_asynchronous,
        "x-toto-raw": "raw_response" in names,
        "x-toto-jsonp": "jsonp" in names,
        "x-toto-other-parameters": parameters.others,
        "x-toto-decorators": [policy.describe() for policy in method.policies],
        "x-toto-deprecated": _deprecation(method, documentation),
    }


# Values


def _encoded(value: Any) -> list[Any] | None:
    """A value in a list, as JSON has it; None for what has no form there."""
    try:
        plain: list[Any] = JSON.loads(JSON.dumps([value]))
    except EncodeError:
        return None
    return plain


def _plain(schema: Any) -> Any:
    """A schema as JSON has it: defaults of types may be objects of any kind."""
    encoded = _encoded(schema)
    return {} if encoded is None else encoded[0]
