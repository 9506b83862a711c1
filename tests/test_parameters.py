"""@parameters: what serializers accept, refuse and look up, among the other decorators."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from rest_framework import serializers

from tests.calls import Service
from toto_django.exceptions import InvalidParameters, MissingParameters, TotoException
from toto_django.invocation import authenticated, default_parameters, requires
from toto_django.models import Account
from toto_django.parameters import parameters
from toto_django.registry import Method, MethodRegistry

Register = Callable[..., Method]


class Tag(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=3)


class Note(serializers.Serializer[Any]):
    text = serializers.CharField()
    size = serializers.IntegerField(default=1, min_value=0)
    tags = Tag(many=True, required=False)

    def validate(self, attrs: Any) -> Any:
        if attrs["text"] == "forbidden":
            raise serializers.ValidationError("Not that text.")
        return attrs


class Named(serializers.Serializer[Any]):
    """Asks the database, and knows its handler."""

    name = serializers.CharField()

    def validate_name(self, name: str) -> str:
        if Account.objects.filter(user_id=name).exists():
            raise serializers.ValidationError("Taken.")
        return f"{name} by {self.context['handler'].method_name}"


def whole(handler: Any, parameters: Any) -> Any:
    return dict(parameters)


async def awhole(handler: Any, parameters: Any) -> Any:
    return dict(parameters)


each_function = pytest.mark.parametrize("function", [whole, awhole])


def refused(given: Any) -> TotoException:
    with pytest.raises((InvalidParameters, MissingParameters)) as error:
        parameters(Note)(whole)(None, given)
    return error.value


@each_function
def test_method_gets_the_validated_data(service: Service, register: Register, function: Any) -> None:
    register("test.x", parameters(Note)(function))
    assert service.call("test.x", {"text": " a ", "unknown": 5}) == {"result": {"text": "a", "size": 1}}
    assert service.send("GET", "/test.x?text=a&size=5").json() == {"result": {"text": "a", "size": 5}}


def test_errors_are_told_by_path() -> None:
    error = refused({"text": "", "size": -1, "tags": [{"name": "abc"}, {"name": "abcd"}, {}]})
    assert error.code == 1100
    assert error.fields == {  # type: ignore[attr-defined]
        "text": ["This field may not be blank."],
        "size": ["Ensure this value is greater than or equal to 0."],
        "tags.1.name": ["Ensure this field has no more than 3 characters."],
        "tags.2.name": ["Missing."],
    }
    assert refused({"text": "forbidden"}).fields == {"non_field_errors": ["Not that text."]}  # type: ignore[attr-defined]


def test_missing_fields_are_1003() -> None:
    error = refused({"size": "x"})
    assert (error.code, error.value) == (1003, "Missing parameters: text")
    assert error.fields == {"text": ["Missing."], "size": ["A valid integer is required."]}  # type: ignore[attr-defined]


@pytest.mark.parametrize("given", [[], "x", None, 5])
def test_parameters_that_are_no_object_are_1100(given: Any) -> None:
    assert refused(given).code == 1100


@each_function
def test_serializer_may_ask_the_database(service: Service, register: Register, function: Any) -> None:
    register("test.x", parameters(Named)(function))
    service.create("anna")
    assert service.call("test.x", {"name": "anna"})["error"]["fields"] == {"name": ["Taken."]}
    assert service.call("test.x", {"name": "bob"}) == {"result": {"name": "bob by test.x"}}


@pytest.mark.parametrize("is_innermost", [True, False])
@each_function
def test_policies_come_first_wherever_the_serializer_stands(
    service: Service, register: Register, function: Any, is_innermost: bool
) -> None:
    checked = parameters(Note)
    method = authenticated(default_parameters({"size": 3})(requires("size")(function)))
    if is_innermost:
        method = authenticated(default_parameters({"size": 3})(requires("size")(checked(function))))
    register("test.x", method if is_innermost else checked(method))
    assert service.call("test.x", {})["error"]["code"] == 1004
    assert service.call("test.x", {"text": "a"}, service.create())["result"] == {"text": "a", "size": 3}


def test_direct_calls_are_checked_too() -> None:
    assert parameters(Note)(whole)(None, text="a") == {"text": "a", "size": 1}
    assert asyncio.run(parameters(Note)(awhole)(None, {"text": "a"})) == {"text": "a", "size": 1}


def test_two_ways_to_check_the_same_parameters_are_refused() -> None:
    def typed(handler: Any, a: int) -> None: ...

    for function in (typed, parameters(Note)(whole)):
        with pytest.raises(ImproperlyConfigured, match="has types or a serializer already"):
            parameters(Note)(function)


def test_method_with_a_serializer_keeps_its_name_and_is_no_duplicate_of_itself() -> None:
    checked = parameters(Note)(whole)
    assert checked.source == f"{__name__}.whole"
    registry = MethodRegistry()
    registry.register("x", whole)
    registry.register("x", checked)
    assert registry.problems == []
