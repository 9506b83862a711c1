"""Parameters that a serializer of Django REST framework checks. Signatures with types need no decorator."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import ImproperlyConfigured
from django.utils.datastructures import MultiValueDict

from toto_django.exceptions import InvalidParameters, TotoException
from toto_django.registry import Function, Method
from toto_django.typed.arguments import text_arguments
from toto_django.typed.refusals import MISSING, Fields, path_of, refused
from toto_django.typed.signatures import AdaptedFunction
from toto_django.workers import run_in_worker

__all__ = ["SerializedFunction", "parameters"]


def parameters(serializer: type[Any]) -> Callable[[Function | Method], Method]:
    """The method is given the serializer's ``validated_data``; its errors are 1003 and 1100.

    Stands anywhere among the decorators; the policies come first. The serializer's
    context holds ``handler`` and ``request``. Raises ImproperlyConfigured on a function that
    does not take ``(handler, parameters)``.
    """

    def decorate(function: Function | Method) -> Method:
        method = Method.of(function)
        if isinstance(method.function, AdaptedFunction):
            raise ImproperlyConfigured(f"{method.source} has types or a serializer already.")
        return method.changed(function=SerializedFunction(method.function, serializer))

    return decorate


class SerializedFunction(AdaptedFunction):
    """A function behind a serializer, which may ask the database: in a worker thread, for coroutines."""

    def __init__(self, function: Function, serializer: type[Any]) -> None:
        super().__init__(function)
        self.serializer = serializer
        self.is_coroutine = iscoroutinefunction(function)

    def __call__(self, handler: Any, parameters: Any) -> Any:
        if self.is_coroutine:
            return self._acalled(handler, parameters)
        return self.function(handler, self._checked(handler, parameters))

    async def _acalled(self, handler: Any, parameters: Any) -> Any:
        return await self.function(handler, await run_in_worker(self._checked, handler, parameters))

    def _checked(self, handler: Any, parameters: Any) -> Any:
        if not isinstance(parameters, Mapping):
            raise InvalidParameters("The parameters are not an object.")
        texts = text_arguments(handler, parameters)
        context = {"handler": handler, "request": getattr(handler, "request", None)}
        data = parameters if texts is None else MultiValueDict(texts)
        given = self.serializer(data=data, context=context)
        if not given.is_valid():
            raise _refusal(given.errors)
        return given.validated_data


def _refusal(errors: Mapping[str, Any]) -> TotoException:
    missing = [name for name, below in errors.items() if any(_is_missing(each) for each in _listed(below))]
    fields: Fields = {}
    for path, message in _messages(errors, ()):
        fields.setdefault(path_of(path), []).append(message)
    return refused(fields, missing)


def _messages(errors: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Serializers nest their errors as the data is nested."""
    if isinstance(errors, Mapping):
        for name, below in errors.items():
            yield from _messages(below, (*path, name))
        return
    for index, each in enumerate(_listed(errors)):
        if isinstance(each, Mapping):
            yield from _messages(each, (*path, index))
        else:
            yield path, MISSING if _is_missing(each) else str(each)


def _listed(errors: Any) -> list[Any]:
    return errors if isinstance(errors, list) else [errors]


def _is_missing(error: Any) -> bool:
    return getattr(error, "code", None) == "required"
