"""Which functions have types, what is wrong with some, and life without pydantic."""

import functools
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pydantic import Field

from toto_django.checks import check_methods
from toto_django.invocation import authenticated, default_parameters, requires
from toto_django.registry import Method, MethodRegistry
from toto_django.typed.signatures import Signature, TypedFunction

if TYPE_CHECKING:
    from decimal import Decimal

Register = Callable[..., Method]


def one(handler, parameters): ...
def two(handler: Any, parameters: dict[str, Any]) -> Any: ...
def three(handler, anything): ...
def four(handler, anything=5): ...
def five(*arguments): ...
def six(handler, *arguments): ...
def seven(**named): ...


class Callable_:
    def __call__(self, handler: Any, parameters: Any) -> Any: ...


@pytest.mark.parametrize(
    "function",
    [
        *(one, two, three, four, five, six, seven, Callable_(), print, dict),
        lambda handler, parameters: None,
        functools.partial(lambda bound, handler, parameters: None, 1),
    ],
)
def test_function_of_a_handler_and_parameters_stays_itself(function: Any) -> None:
    assert Signature.of(function) is None
    assert Method.of(function).function is function


def typed_one(handler: Any) -> None: ...
def typed_two(handler: Any, a: int) -> None: ...
def typed_three(handler, *, a): ...
def typed_four(handler, parameters, extra): ...
def typed_five(handler, **others): ...
async def typed_six(handler: Any, a: int) -> None: ...


class Typed:
    def __call__(self, handler: Any, a: int) -> None: ...


@pytest.mark.parametrize(
    "function", [typed_one, typed_two, typed_three, typed_four, typed_five, typed_six, Typed()]
)
def test_any_other_function_is_typed(function: Any) -> None:
    method = Method.of(function)
    assert isinstance(method.function, TypedFunction)
    assert method.function.problem() is None
    assert method.is_coroutine is (function is typed_six)
    assert Method.of(authenticated(method)).function is method.function


def test_typed_method_looks_like_its_function() -> None:
    method = Method.of(typed_two)
    assert (method.__name__, method.source) == ("typed_two", f"{__name__}.typed_two")


def test_same_typed_function_again_is_no_duplicate() -> None:
    registry = MethodRegistry()
    registry.register("x", typed_two)
    registry.register("x", typed_two)
    assert registry.problems == []


# Problems


def no_handler() -> None: ...
def keyword_handler(*, handler: Any) -> None: ...
def positional(handler: Any, a: int, /) -> None: ...
def unknown(handler: Any, a: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821
def hidden(handler: Any, a: "Decimal") -> None: ...
def no_type(handler: Any, a: 5) -> None: ...  # type: ignore[valid-type]
def no_schema(handler: Any, a: int, b: Callable_) -> None: ...
def a_field(handler: Any, a: int = Field(5)) -> None: ...
def alias(handler: Any, a: Annotated[int, Field(validation_alias="b")] = 5, *, c: Iterator) -> None: ...  # type: ignore[type-arg]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_handler, "does not take a handler"),
        (keyword_handler, "does not take a handler"),
        (positional, "'a' stands before the '/'"),
        (unknown, "the type of 'a' is unknown (name 'Nowhere' is not defined)"),
        (hidden, "the type of 'a' is unknown (name 'Decimal' is not defined)"),
        (no_type, "the type of 'a' cannot be checked (Unable to generate pydantic-core schema for 5)"),
        (no_schema, "the type of 'b' cannot be checked"),
        (a_field, "write 'a' as Annotated[type, Field(...)] = default"),
    ],
)
def test_signature_that_cannot_be_bound_is_a_problem_of_the_check_and_of_each_call(
    function: Any, message: str, register: Register
) -> None:
    method = register("test.x", function)
    [error] = [error for error in check_methods(None) if error.id == "toto_django.E014"]
    assert error.msg.startswith(f"test.x: {__name__}.{function.__name__}")
    assert message in error.msg
    assert "http" not in error.msg
    with pytest.raises(ImproperlyConfigured):
        method(None, {})


def test_types_of_the_handler_and_the_result_need_not_be_known() -> None:
    def function(handler: "Nowhere", a: int) -> "Nowhere":  # type: ignore[name-defined]  # noqa: F821
        return a

    assert Method.of(function)(None, {"a": 5}) == 5


@pytest.mark.parametrize("decorator", [requires("z"), default_parameters({"z": 1})])
def test_decorator_that_names_what_the_function_does_not_take_is_a_problem(
    decorator: Any, register: Register
) -> None:
    register("test.x", decorator(typed_two))
    register("test.y", decorator(typed_five))
    [error] = [error for error in check_methods(None) if error.id == "toto_django.E014"]
    assert "typed_two takes no 'z'" in error.msg


# Without pydantic


def test_typed_method_without_pydantic_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, register: Register
) -> None:
    monkeypatch.setitem(sys.modules, "pydantic", None)
    method = register("test.x", typed_two)
    [error] = [error for error in check_methods(None) if error.id == "toto_django.E014"]
    assert "pip install 'toto-django[typed]'" in error.msg
    with pytest.raises(ImproperlyConfigured, match="need pydantic"):
        method(None, {"a": 1})


def test_everything_else_works_without_pydantic() -> None:
    code = """
import sys
sys.modules["pydantic"] = sys.modules["pydantic_core"] = None
import django
django.setup()
from django.core.management import call_command
from toto_django.registry import registry
assert registry.find("echo")(None, {"a": 1})["parameters"] == {"a": 1}
assert not [problem for problem in registry.problems + registry.signature_problems()]
call_command("check")
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr


def test_pydantic_is_not_imported_before_it_is_needed() -> None:
    code = """
import sys, django
django.setup()
from toto_django import method
@method("test.x")
def x(handler, a: int): ...
assert "pydantic" not in sys.modules
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
