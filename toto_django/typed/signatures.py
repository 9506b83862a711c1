"""How a function takes its parameters, decided once, when it becomes a method."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial, update_wrapper
from importlib.util import find_spec
from typing import Any, Protocol, get_type_hints

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

__all__ = ["AdaptedFunction", "Binder", "Signature", "TypedFunction", "adapted", "original", "result_type"]

BINDER = "toto_django.typed.binding.PydanticBinder"
INSTALL = "Methods with types need pydantic: python -m pip install 'toto-django[typed]'."

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

Function = Callable[..., Any]


class Binder(Protocol):
    """Checks parameters against a signature."""

    names: frozenset[str]
    """Of the parameters on the wire, without those that only ``**others`` takes."""

    def bind(self, handler: Any, parameters: Any) -> dict[str, Any]:
        """The arguments of a call. Raises MissingParameters, InvalidParameters."""


@dataclass(frozen=True)
class Signature:
    """What a function takes beside the handler, by name."""

    function: Function
    handler_name: str
    parameters: Mapping[str, inspect.Parameter]
    others: inspect.Parameter | None
    """``**others``: takes what has no name here."""

    @classmethod
    def of(cls, function: Function) -> "Signature | None":
        """None for a function of ``(handler, parameters)``, or one that does not tell what it takes."""
        try:
            given = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):
            return None
        kinds = [parameter.kind for parameter in given]
        if inspect.Parameter.VAR_POSITIONAL in kinds or kinds[:1] == [inspect.Parameter.VAR_KEYWORD]:
            return None
        if len(given) == 2 and _takes_parameters_whole(given[1]):
            return None
        others = next((each for each in given if each.kind is inspect.Parameter.VAR_KEYWORD), None)
        named = {each.name: each for each in given[1:] if each is not others}
        return cls(function, given[0].name if given and kinds[0] in POSITIONAL else "", named, others)

    def types(self) -> dict[str, Any]:
        """The annotations of the parameters, Any without one. Raises ImproperlyConfigured for one that is
        no type."""
        return {name: self._type(name, parameter.annotation) for name, parameter in self._all.items()}

    empty = inspect.Parameter.empty

    @property
    def _all(self) -> dict[str, inspect.Parameter]:
        others = {} if self.others is None else {self.others.name: self.others}
        return {**self.parameters, **others}

    def _type(self, name: str, annotation: Any) -> Any:
        if annotation is self.empty:
            return Any
        try:
            return _evaluated(annotation, self.function)
        except Exception as error:
            text = f"{self.where}: the type of {name!r} is unknown ({error})."
            raise ImproperlyConfigured(text) from error

    @property
    def where(self) -> str:
        """The dotted path of the function."""
        plain = _plain_function(self.function)
        return f"{plain.__module__}.{plain.__qualname__}"

    def problem(self) -> str | None:
        """Why nothing can be bound to this signature, whatever its types."""
        if not self.handler_name:
            return f"{self.where} does not take a handler."
        for name, parameter in self.parameters.items():
            if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
                return f"{self.where}: {name!r} stands before the '/', and parameters have names."
        return None


def result_type(function: Function) -> Any:
    """The annotation of what a function returns. Raises LookupError without one, NameError and others for
    one that is unknown."""
    annotation = inspect.signature(original(function)).return_annotation
    if annotation is Signature.empty:
        raise LookupError("return")
    return _evaluated(annotation, original(function))


def _evaluated(annotation: Any, function: Function) -> Any:
    """Alone: what is imported for type checkers only must not spoil the other annotations."""
    holder = type("holder", (), {"__annotations__": {"it": annotation}})
    names = getattr(_plain_function(function), "__globals__", {})
    return get_type_hints(holder, names, include_extras=True)["it"]


def _takes_parameters_whole(parameter: inspect.Parameter) -> bool:
    is_positional = parameter.kind in POSITIONAL
    return is_positional and (parameter.name == "parameters" or parameter.annotation is parameter.empty)


def _plain_function(function: Any) -> Any:
    """The function behind partials, wrappers and objects that can be called."""
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(function)
    return function if hasattr(function, "__qualname__") else type(function).__call__


class AdaptedFunction:
    """A function that takes something else than ``(handler, parameters)``, called with these."""

    def __init__(self, function: Function) -> None:
        update_wrapper(self, function)
        self.function = function
        if iscoroutinefunction(function):
            markcoroutinefunction(self)

    def __call__(self, handler: Any, parameters: Any) -> Any:
        """What the function returns, a coroutine of coroutine functions."""
        raise NotImplementedError


class TypedFunction(AdaptedFunction):
    """Parameters are bound and checked first; what the function itself raises then is its own."""

    def __init__(self, signature: Signature) -> None:
        super().__init__(signature.function)
        self.signature = signature

    def __call__(self, handler: Any, parameters: Any) -> Any:
        return self.function(handler, **self.binder.bind(handler, parameters))

    @cached_property
    def binder(self) -> Binder:
        """Made at the first call. Raises ImproperlyConfigured."""
        problem = self.signature.problem()
        if problem is None and find_spec("pydantic") is None:
            problem = f"{self.signature.where}: {INSTALL}"
        if problem is not None:
            raise ImproperlyConfigured(problem)
        made: Binder = import_string(BINDER)(self.signature)
        return made

    def takes(self, name: str) -> bool:
        """Whether a parameter of this name on the wire reaches the function."""
        return name in self.binder.names or self.signature.others is not None

    def problem(self) -> str | None:
        """Why it cannot be called."""
        try:
            self.binder  # noqa: B018
        except ImproperlyConfigured as error:
            return str(error)
        return None


def adapted(function: Function) -> Function:
    """The function itself, or a TypedFunction where it has a signature of its own."""
    if isinstance(function, AdaptedFunction):
        return function
    signature = Signature.of(function)
    return function if signature is None else TypedFunction(signature)


def original(function: Function) -> Function:
    """The function as it was written."""
    return function.function if isinstance(function, AdaptedFunction) else function
