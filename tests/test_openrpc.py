"""The description: valid OpenRPC, complete, and in agreement with what the service does."""

import dataclasses
import datetime
import json
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from rest_framework import serializers
from typing_extensions import TypedDict

from tests.calls import Service
from tests.enums import Kind, Level
from tests.openrpc.documents import found, references, validate
from tests.openrpc.values import Values, leads_into
from toto_django.description.documenting import documented
from toto_django.description.openrpc import document
from toto_django.exceptions import TotoException
from toto_django.invocation import (
    anonymous_session,
    asynchronous,
    authenticated,
    authenticated_with_parameter,
    default_parameters,
    jsonp,
    raw_response,
    requires,
)
from toto_django.parameters import parameters
from toto_django.registry import Method, method, registry

Register = Callable[..., Method]
Toto = Callable[..., None]


@dataclasses.dataclass
class Page:
    size: Annotated[int, Field(ge=1, le=100)] = 10
    after: datetime.datetime | None = None


@dataclasses.dataclass
class Tree:
    name: Annotated[str, Field(max_length=5)]
    children: "list[Tree]" = dataclasses.field(default_factory=list)


class Options(TypedDict, total=False):
    deep: bool
    level: Level


class Model(BaseModel):
    count: int


class Gone(TotoException):
    def __init__(self) -> None:
        super().__init__(4010, "It is gone.")


def search(
    handler: Any,
    text: Annotated[str, Field(min_length=1, max_length=20, description="What to look for.")],
    *,
    since: datetime.datetime | None = None,
    kinds: list[Kind] = [],  # noqa: B006
    page: Page = Page(),  # noqa: B008
) -> list[Tree]:
    """Find something.

    And tell where.
    """
    return []


def scalars(
    handler: Any,
    whole: int,
    flag: bool = False,
    number: float = 0.5,
    data: bytes = b"",
    day: datetime.date | None = None,
    id: uuid.UUID | None = None,
    price: Decimal | None = None,
    level: Level = Level.low,
    word: Literal["a", 5] = "a",
    either: int | list[Kind] | None = None,
) -> None: ...


def nested(
    handler: Any, tree: Tree, options: Options, pair: tuple[int, str], by_name: dict[str, Page], model: Model
) -> Any: ...


def open_(handler: Any, a: int = 1, **others: Kind) -> dict[str, Kind]:
    return others


def nothing(handler: Any) -> Page:
    return Page()


TYPED = {
    "typed.search": authenticated(search),
    "typed.scalars": scalars,
    "typed.nested": nested,
    "typed.open": open_,
    "typed.nothing": nothing,
    "typed.defaults": default_parameters({"page": {"size": 3}})(search),
}


@pytest.fixture(scope="module", autouse=True)
def typed_methods() -> Iterator[None]:
    for name, function in TYPED.items():
        registry.register(name, function)
    yield
    for name in TYPED:
        registry.unregister(name)


def described(name: str) -> dict[str, Any]:
    return method_of(document(), name)


def method_of(made: dict[str, Any], name: str) -> dict[str, Any]:
    found_: dict[str, Any] = next(each for each in made["methods"] if each["name"] == name)
    return found_


def codes(name: str) -> set[int]:
    made = document()
    method = next(each for each in made["methods"] if each["name"] == name)
    return {found(made, error["$ref"])["code"] for error in method["errors"]}


# The document


@pytest.mark.parametrize("url", [None, "https://a.test/service/"])
def test_description_is_openrpc(url: str | None) -> None:
    made = json.loads(json.dumps(document(url)))
    validate(made)
    for reference in references(made):
        assert found(made, reference)
    assert made.get("servers") == (None if url is None else [{"name": "service", "url": url}])


def test_every_method_is_described() -> None:
    assert [each["name"] for each in document()["methods"]] == registry.names()


def test_typed_method_is_described_by_its_signature() -> None:
    made = described("typed.search")
    assert (made["summary"], made["description"]) == ("Find something.", "And tell where.")
    assert [(each["name"], each["required"]) for each in made["params"]] == [
        ("text", True),
        ("since", False),
        ("kinds", False),
        ("page", False),
    ]
    text, since, kinds, page = (each["schema"] for each in made["params"])
    assert text == {"type": "string", "minLength": 1, "maxLength": 20, "description": "What to look for."}
    assert since == {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}], "default": None}
    assert kinds == {"type": "array", "items": {"$ref": "#/components/schemas/Kind"}, "default": []}
    assert page["allOf"][0]["$ref"] in references(made)
    assert page["default"] == {"size": 10, "after": None}
    assert made["result"]["schema"] == {
        "type": "array",
        "items": {"$ref": "#/components/schemas/Tree-Output"},
    }
    assert made["x-toto-session"] == "account"
    assert made["x-toto-decorators"] == ["authenticated"]
    assert codes("typed.search") == {1000, 1003, 1004, 1008, 1100, 1104}


def test_objects_are_closed_going_in_and_open_coming_out() -> None:
    schemas = document()["components"]["schemas"]
    assert schemas["Tree-Input"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["Tree-Output"]
    assert schemas["Tree-Output"]["required"] == ["name", "children"]


def test_wire_forms_are_told() -> None:
    schemas = {each["name"]: each["schema"] for each in described("typed.scalars")["params"]}
    assert schemas["data"] == {"type": "string", "contentEncoding": "base64", "default": ""}
    assert schemas["level"] == {"allOf": [{"$ref": "#/components/schemas/Level"}], "default": 1}
    assert described("typed.open")["x-toto-other-parameters"] == {"$ref": "#/components/schemas/Kind"}
    assert described("typed.nothing")["params"] == []


def test_decorators_of_untyped_methods_tell_what_they_know(register: Register) -> None:
    def untyped(handler: Any, parameters: Any) -> int:
        return 1

    decorated = requires("a")(default_parameters({"b": [1]})(authenticated_with_parameter(untyped)))
    register("test.x", jsonp("cb")(asynchronous(timeout=5)(decorated)))
    made = described("test.x")
    assert made["params"] == [
        {"name": "session_id", "required": True, "schema": {"type": "string"}},
        {"name": "a", "required": True, "schema": {}},
        {"name": "b", "required": False, "schema": {"default": [1]}},
        {
            "name": "cb",
            "required": False,
            "summary": "A JavaScript function to call with the result.",
            "schema": {"type": "string"},
        },
    ]
    assert made["result"]["schema"] == {"type": "integer"}
    extensions = {name: value for name, value in made.items() if name.startswith("x-")}
    assert extensions == {
        "x-toto-session": "parameter",
        "x-toto-asynchronous": True,
        "x-toto-jsonp": True,
        "x-toto-other-parameters": True,
        "x-toto-decorators": [
            "jsonp(cb)",
            "requires(a)",
            "default_parameters(b)",
            "authenticated_with_parameter",
        ],
    }
    assert codes("test.x") == {1000, 1003, 1004, 1008, 1100, 1102, 1104}


def test_default_that_the_type_refuses_makes_no_parameter_optional(register: Register) -> None:
    register("test.x", default_parameters({"text": ""})(search))
    text = described("test.x")["params"][0]
    assert (text["name"], text["required"], "default" in text["schema"]) == ("text", True, False)


def test_serializers_are_described(register: Register) -> None:
    class Line(serializers.Serializer[Any]):
        count = serializers.IntegerField(min_value=1, max_value=9)

    class Order(serializers.Serializer[Any]):
        article = serializers.SlugField(max_length=5, help_text="Its name.")
        kind = serializers.ChoiceField(["a", "b"], default="a")
        lines = Line(many=True, required=False)
        tags = serializers.ListField(child=serializers.CharField(), allow_null=True, required=False)
        made = serializers.DateTimeField(read_only=True)

    @parameters(Order)
    def order(handler: Any, parameters: Any) -> None: ...

    register("test.x", order)
    made = described("test.x")
    assert {each["name"]: each["required"] for each in made["params"]} == {
        "article": True,
        "kind": False,
        "lines": False,
        "tags": False,
    }
    schemas = {each["name"]: each["schema"] for each in made["params"]}
    assert schemas["article"] == {"type": "string", "maxLength": 5, "description": "Its name."}
    assert schemas["kind"] == {"enum": ["a", "b"], "default": "a"}
    assert schemas["lines"]["items"]["properties"] == {
        "count": {"type": "integer", "minimum": 1, "maximum": 9}
    }
    assert schemas["tags"]["anyOf"][1] == {"type": "null"}
    assert made["x-toto-other-parameters"] is True
    validate(json.loads(json.dumps(document())))


def test_documentation_adds_what_signatures_do_not_tell(register: Register) -> None:
    @documented(
        parameters={"a": {"type": "integer"}},
        result={"type": "string"},
        errors=(Gone(),),
        deprecated="Call test.y.",
    )
    @requires("a")
    @raw_response
    @anonymous_session
    def old(handler: Any, parameters: Any) -> Any: ...

    register("test.x", old)
    made = described("test.x")
    assert made["params"] == [{"name": "a", "required": True, "schema": {"type": "integer"}}]
    assert made["result"]["schema"] == {"type": "string"}
    assert made["deprecated"] is True
    assert made["x-toto-deprecated"] == "Call test.y."
    assert (made["x-toto-session"], made["x-toto-raw"]) == ("anonymous", True)
    assert "x-toto-other-parameters" not in made
    assert 4010 in codes("test.x")


def test_two_errors_of_one_name_are_both_described(register: Register) -> None:
    class Gone(TotoException):
        def __init__(self) -> None:
            super().__init__(4011, "Quite gone.")

    register("test.x", documented(errors=(globals()["Gone"](), Gone()))(nothing))
    assert {4010, 4011} <= codes("test.x")


def test_methods_are_tagged_by_their_apps() -> None:
    assert described("misc.status")["tags"] == [{"name": "service"}]
    assert described("account.login")["tags"] == [{"name": "account"}]
    assert described("client_error")["tags"] == [{"name": "client_error"}]


def test_method_whose_types_are_unknown_is_described_without_them(register: Register) -> None:
    def unknown(handler: Any, a: "Nowhere") -> "Nowhere":  # type: ignore[name-defined]  # noqa: F821
        ...

    register("test.x", unknown)
    made = described("test.x")
    assert (made["params"], made["result"]["schema"]) == ([], {})
    assert made["x-toto-other-parameters"] is True


def test_info_can_be_set(toto: Toto) -> None:
    toto(DESCRIPTION_INFO={"title": "Notes", "version": "2.1"})
    assert document()["info"] == {"title": "Notes", "version": "2.1"}


def test_without_pydantic_everything_else_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pydantic", None)
    made = document()
    validate(made)
    by_name = {each["name"]: each for each in made["methods"]}
    assert {each["name"] for each in by_name["account.create"]["params"]} == {"user_id", "password"}
    assert by_name["typed.search"]["params"] == []


# The built-in methods


@pytest.mark.parametrize(
    "name", ["account.create", "account.login", "account.logout", "account.update", "client_error"]
)
def test_built_in_method_is_described_fully(name: str) -> None:
    made = described(name)
    assert made["summary"]
    assert made["result"]["schema"]["properties"]
    assert (1101 in codes(name)) is (name not in ("account.logout", "client_error"))
    assert all(each["schema"] or each["name"] == "client_error" for each in made["params"])


def test_built_in_methods_answer_as_described(wsgi: Service) -> None:
    from jsonschema import validate as check

    schemas = {name: described(name)["result"]["schema"] for name in registry.names() if "account" in name}
    login = wsgi.create()
    check(
        wsgi.call("account.login", {"user_id": "anna", "password": "correct horse battery"})["result"],
        schemas["account.login"],
    )
    changed = {"password": "correct horse battery", "new_password": "another long walk", "colour": "red"}
    answer = wsgi.call("account.update", changed, login)["result"]
    check(answer, schemas["account.update"])
    login = login._replace(session_id=answer["session_id"])
    check(wsgi.call("account.logout", {}, login)["result"], schemas["account.logout"])
    check(
        wsgi.call("client_error", {"client_error": 1, "client_type": "x"})["result"],
        described("client_error")["result"]["schema"],
    )


# Agreement with the service


@pytest.fixture(scope="module")
def typed_document() -> dict[str, Any]:
    return document()


@pytest.fixture
def login(wsgi: Service) -> Any:
    return wsgi.create()


quick = settings(
    max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.mark.parametrize("name", sorted(TYPED))
@quick
@given(data=st.data())
def test_what_the_description_allows_is_accepted(
    wsgi: Service, login: Any, typed_document: Any, name: str, data: st.DataObject
) -> None:
    sent = data.draw(Values(typed_document).parameters(method_of(typed_document, name)))
    answer = wsgi.call(name, sent, login)
    assert answer is None or answer.get("error", {}).get("code") not in (1003, 1100), answer


@pytest.mark.parametrize("name", sorted(TYPED))
@quick
@given(data=st.data())
def test_what_the_description_forbids_is_refused_with_its_path(
    wsgi: Service, login: Any, typed_document: Any, name: str, data: st.DataObject
) -> None:
    if name == "typed.open":
        sent = data.draw(st.sampled_from([{"a": "x"}, {"b": 5}, {"a": None, "b": "nothing"}]))
    else:
        sent = data.draw(Values(typed_document).broken_parameters(method_of(typed_document, name)))
    error = wsgi.call(name, sent, login)["error"]
    assert error["code"] in (1003, 1100)
    assert error["fields"]
    assert all(leads_into(path, sent) for path in error["fields"])


def test_method_can_be_registered_and_documented_in_any_order(register: Register) -> None:
    try:
        made = documented(result={"type": "null"})(method("test.any")(nothing))
        assert registry.find("test.any") is made
    finally:
        registry.unregister("test.any")
