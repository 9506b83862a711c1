"""``err.*``: exceptions."""

from collections.abc import Callable, Mapping
from typing import Any

from django.http import Http404

from toto_django import method
from toto_django.exceptions import TotoException


class Subclass(TotoException):
    """A project's own error."""

    def __init__(self) -> None:
        super().__init__(4248, "subclass")


def _with_hint() -> TotoException:
    error = TotoException(4247, "with extra attribute")
    error.hint = "look here"  # type: ignore[attr-defined]
    return error


EXCEPTIONS: Mapping[str, Callable[[], BaseException]] = {
    "generic": lambda: Exception("boom"),
    "empty": Exception,
    "two_args": lambda: Exception("a", 2),
    "unicode_": lambda: Exception("café"),
    "bytes_utf8": lambda: Exception("café".encode()),
    "bytes_latin1": lambda: Exception("café".encode("latin-1")),
    "keyerror": lambda: KeyError("x"),
    "zerodiv": lambda: ZeroDivisionError("division by zero"),
    "http404": lambda: Http404("nope"),
    "base_exception": GeneratorExit,
    "toto": lambda: TotoException(4242, "custom value"),
    "toto_unicode": lambda: TotoException(4242, "café"),
    "toto_dict": lambda: TotoException(4243, {"field": "name", "reasons": ["short", "ugly"]}),
    "toto_list": lambda: TotoException(4244, [1, 2]),
    "toto_none": lambda: TotoException(4245, None),
    "toto_zero": lambda: TotoException(0, ""),
    "toto_strcode": lambda: TotoException("E_CODE", "string code"),
    "toto_unserialisable": lambda: TotoException(4246, object()),
    "toto_extra": _with_hint,
    "toto_subclass": Subclass,
}


def _raising(make: Callable[[], BaseException]) -> Callable[[Any, Any], Any]:
    def call(handler: Any, parameters: Any) -> Any:
        raise make()

    return call


for _name, _make in EXCEPTIONS.items():
    method(f"err.{_name}")(_raising(_make))
