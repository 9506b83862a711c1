"""Binding by pydantic. Loaded by its dotted path, when the first method with types is called or checked."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NotRequired, Required

from django.core.exceptions import ImproperlyConfigured
from pydantic import ConfigDict, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import SchemaValidator, ValidationError
from typing_extensions import TypedDict

from toto_django.exceptions import InvalidParameters
from toto_django.typed.arguments import text_arguments
from toto_django.typed.problems import OTHERS, refusal
from toto_django.typed.signatures import Signature
from toto_django.typed.strictness import strict, textual

__all__ = ["PydanticBinder"]

MOST_VALUES = 10_000
"""In parameters with more values than this, a container's first wrong item is the only one that is told."""
MOST_NAMES = 1000

BLANK = [""]
"""An empty field of a form."""

_typed_dict: Any = TypedDict
CONFIG = ConfigDict(extra="forbid", allow_inf_nan=False)


class PydanticBinder:
    """The arguments of one signature.

    The fast validator stops at the first wrong item of a container, so that a large body
    cannot have a large answer made of its mistakes. What it refuses goes through a second
    one, which tells all, or reads texts.
    """

    def __init__(self, signature: Signature) -> None:
        """Raises ImproperlyConfigured for types that are not understood."""
        self.signature = signature
        self.adapter = _adapter(signature)
        schema: Any = self.adapter.core_schema
        self._schema = schema
        self.wire_names = dict(_wire_names(signature, schema))
        self.names = frozenset(self.wire_names.values())
        self._fast = SchemaValidator(strict(schema, is_complete=False))
        self._validate = self._fast.validate_python

    @cached_property
    def _complete(self) -> SchemaValidator:
        return SchemaValidator(strict(self._schema, is_complete=True))

    @cached_property
    def _textual(self) -> SchemaValidator:
        return SchemaValidator(textual(self._schema))

    def bind(self, handler: Any, parameters: Any) -> dict[str, Any]:
        """The arguments by name, without those that are absent: their defaults are the function's."""
        if isinstance(parameters, dict) and parameters.keys() <= self.names:
            try:
                arguments: dict[str, Any] = self._validate(parameters)
            except ValidationError:
                return self._bind_slowly(handler, parameters)
            return arguments
        return self._bind_slowly(handler, parameters)

    def accepts(self, name: str, value: Any) -> bool:
        """Whether a value will do for one parameter."""
        try:
            self._fast.validate_python({name: value})
        except ValidationError as error:
            return all(each["loc"][0] != name for each in error.errors(include_url=False))
        return True

    def _bind_slowly(self, handler: Any, parameters: Any) -> dict[str, Any]:
        """With all that may be wrong, ignored, or text."""
        if not isinstance(parameters, Mapping):
            raise InvalidParameters("The parameters are not an object.")
        texts = text_arguments(handler, parameters)
        given = dict(parameters if texts is None else texts)
        unknown = self._take_unknown(given)
        validator = self._validator_for(given) if texts is None else self._textual
        try:
            arguments: dict[str, Any] = validator.validate_python(given)
        except ValidationError as error:
            raise refusal(error, given, unknown) from None
        if unknown:
            raise refusal(None, given, unknown)
        arguments.update(arguments.pop(OTHERS, {}))
        return arguments

    def _take_unknown(self, given: dict[str, Any]) -> list[str]:
        """The names that nothing takes; the values of ``**others`` are put together."""
        extra = {name: given.pop(name) for name in list(given) if name not in self.names}
        extra = {name: value for name, value in extra.items() if not _is_ignored(name, value)}
        if self.signature.others is None:
            return [name for name, value in extra.items() if value != BLANK][:MOST_NAMES]
        given[OTHERS] = {name: value for name, value in extra.items() if self._is_free(name)}
        return [name for name in extra if not self._is_free(name)][:MOST_NAMES]

    def _is_free(self, name: Any) -> bool:
        """Nothing of the function has this name."""
        return isinstance(name, str) and name not in {self.signature.handler_name, *self.signature.parameters}

    def _validator_for(self, given: dict[str, Any]) -> SchemaValidator:
        return self._complete if _holds_at_most(MOST_VALUES, given) else self._fast


def _adapter(signature: Signature) -> TypeAdapter[Any]:
    """Of an object with the parameters as its members; those with defaults need not be there."""
    types = signature.types()
    fields: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        if isinstance(parameter.default, FieldInfo):
            text = f"{signature.where}: write {name!r} as Annotated[type, Field(...)] = default."
            raise ImproperlyConfigured(text)
        presence: Any = Required if parameter.default is signature.empty else NotRequired
        fields[name] = presence[types[name]]
    if signature.others is not None:
        others: Any = types[signature.others.name]
        fields[OTHERS] = NotRequired[dict[str, others]]
    members = _typed_dict(signature.where.replace(".", "_"), fields)
    members.__pydantic_config__ = CONFIG
    try:
        return TypeAdapter(members)
    except Exception as error:
        raise ImproperlyConfigured(
            f"{signature.where}: {_culprit(types)} ({_first_sentence(error)})."
        ) from error


def _culprit(types: Mapping[str, Any]) -> str:
    for name, each in types.items():
        try:
            TypeAdapter(each)
        except Exception:
            return f"the type of {name!r} cannot be checked"
    return "the types cannot be checked"


def _first_sentence(error: Exception) -> str:
    """The rest is advice on pydantic's own models."""
    return str(error).partition("\n")[0].partition(". ")[0].rstrip(".")


def _wire_names(signature: Signature, schema: Any) -> Iterator[tuple[str, str]]:
    """Names of parameters, and what clients call them."""
    fields = schema["schema"]["fields"] if schema["type"] == "definitions" else schema["fields"]
    for name, field in fields.items():
        wire_name = field.get("validation_alias", name)
        if not isinstance(wire_name, str):
            raise ImproperlyConfigured(f"{signature.where}: the alias of {name!r} is no name.")
        if name != OTHERS:
            yield name, wire_name


def _holds_at_most(limit: int, value: Any) -> bool:
    """Whether a value has no more values inside."""
    containers = [value]
    for container in containers:
        limit -= len(container)
        if limit < 0:
            return False
        items = container.values() if isinstance(container, dict) else container
        containers.extend(item for item in items if isinstance(item, dict | list))
    return True


def _is_ignored(name: Any, value: Any) -> bool:
    """Whole bodies as parameters hold the method's name, and clients of JSONP add ``_``."""
    return name in ("method", "_") or (name == "parameters" and value is None)
