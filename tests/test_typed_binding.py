"""What typed methods accept, what they are given, and what they answer to everything else."""

import dataclasses
import datetime
import json
import logging
import uuid
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Annotated, Any, Literal, NotRequired

import bson
import msgpack
import pydantic
import pytest
from annotated_types import Ge, MaxLen, MinLen
from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from tests.calls import Service, envelope
from tests.enums import Kind, Level
from toto_django.exceptions import InvalidParameters, MissingParameters, TotoException
from toto_django.invocation import (
    authenticated,
    authenticated_with_parameter,
    default_parameters,
    jsonp,
    requires,
)
from toto_django.registry import Method
from toto_django.typed import binding
from toto_django.typed.problems import BY_PREFIX, KINDS, MESSAGES

Register = Callable[..., Method]

WHEN = datetime.datetime(2015, 7, 9, 12, 30, tzinfo=datetime.UTC)
ID = uuid.UUID("12345678123456781234567812345678")
QUERY = SimpleNamespace(request=SimpleNamespace(method="GET"))
FORM = SimpleNamespace(
    request=SimpleNamespace(method="POST", content_type="application/x-www-form-urlencoded")
)


@dataclasses.dataclass
class Page:
    size: int = 10
    after: datetime.datetime | None = None

    def __post_init__(self) -> None:
        if self.size > 100:
            raise ValueError("A page has at most 100 items.")


class Options(TypedDict):
    deep: bool
    limit: NotRequired[Annotated[int, Ge(1)]]


class Model(pydantic.BaseModel):
    count: int


class Strict(pydantic.BaseModel, strict=True):
    count: int


@dataclasses.dataclass
class Tree:
    name: str
    children: "list[Tree]" = dataclasses.field(default_factory=list)


def taking(annotation: Any) -> Callable[..., Any]:
    """A method with one parameter ``x`` of this type, which it returns."""

    def function(handler: Any, x: Any) -> Any:
        return x

    function.__annotations__["x"] = annotation
    return Method.of(function)


def refusal(method: Callable[..., Any], parameters: Any, handler: Any = None) -> TotoException:
    with pytest.raises((InvalidParameters, MissingParameters)) as refused:
        method(handler, parameters)
    return refused.value


# What comes in JSON, BSON and MessagePack

ACCEPTED = [
    (int, 5, 5),
    (int, 10**400, 10**400),
    (int, bson.Int64(5), 5),
    (float, 5, 5.0),
    (float, 0.5, 0.5),
    (bool, True, True),
    (str, "", ""),
    (str, "é\0", "é\0"),
    (bytes, b"\xff", b"\xff"),
    (bytes, "/w==", b"\xff"),
    (datetime.datetime, "2015-07-09T12:30:00Z", WHEN),
    (datetime.datetime, WHEN, WHEN),
    (datetime.date, "2015-07-09", WHEN.date()),
    (datetime.time, "12:30", datetime.time(12, 30)),
    (datetime.timedelta, "PT5S", datetime.timedelta(seconds=5)),
    (uuid.UUID, str(ID), ID),
    (uuid.UUID, ID.bytes, ID),
    (uuid.UUID, bson.Binary.from_uuid(ID), ID),
    (Decimal, "1.10", Decimal("1.10")),
    (Decimal, 5, Decimal(5)),
    (Kind, "note", Kind.note),
    (Kind, Kind.note, Kind.note),
    (Level, 2, Level.high),
    (Level, Level.high, Level.high),
    (Literal[1, "a"], 1, 1),
    (int | None, None, None),
    (int | str, "5", "5"),
    (int | str, 5, 5),
    (list[Kind], ["task"], [Kind.task]),
    (tuple[int, str], [1, "a"], (1, "a")),
    (set[int], [1, 2, 1], {1, 2}),
    (dict[str, int], {"a": 1}, {"a": 1}),
    (dict[int, int], {"5": 1}, {5: 1}),
    (dict[int, int], {5: 1}, {5: 1}),
    (Page, {"size": 5, "after": "2015-07-09T12:30:00Z"}, Page(5, WHEN)),
    (Page, Page(5), Page(5)),
    (Options, {"deep": True}, {"deep": True}),
    (Model, {"count": 5}, Model(count=5)),
    (Model, {"count": "5"}, Model(count=5)),
    (Tree, {"name": "a", "children": [{"name": "b"}]}, Tree("a", [Tree("b")])),
    (Annotated[str, MaxLen(2)], "ab", "ab"),
    (Any, {"a": [None]}, {"a": [None]}),
]


@pytest.mark.parametrize(("annotation", "given", "expected"), ACCEPTED, ids=repr)
def test_value_of_the_type_is_accepted(annotation: Any, given: Any, expected: Any) -> None:
    taken = taking(annotation)(None, {"x": given})
    assert taken == expected
    assert type(taken) is type(expected)


REFUSED: list[tuple[Any, Any, dict[str, list[str]]]] = [
    (int, "5", {"x": ["Must be a whole number."]}),
    (int, True, {"x": ["Must be a whole number."]}),
    (int, 5.0, {"x": ["Must be a whole number."]}),
    (int, None, {"x": ["Must be a whole number."]}),
    (float, "0.5", {"x": ["Must be a number."]}),
    (float, True, {"x": ["Must be a number."]}),
    (float, float("nan"), {"x": ["Must be a finite number."]}),
    (float, float("inf"), {"x": ["Must be a finite number."]}),
    (float, 10**400, {"x": ["Must be a number."]}),
    (bool, 1, {"x": ["Must be true or false."]}),
    (bool, "true", {"x": ["Must be true or false."]}),
    (str, 5, {"x": ["Must be text."]}),
    (str, b"a", {"x": ["Must be text."]}),
    (str, "\ud800", {"x": ["Must be Unicode text."]}),
    (bytes, "é", {"x": ["Must be base64 text."]}),
    (bytes, "a", {"x": ["Must be base64 text."]}),
    (bytes, 5, {"x": ["Must be bytes."]}),
    (datetime.datetime, 5, {"x": ["Must be a date and time."]}),
    (datetime.datetime, "1436445000", {"x": ["Must be a date and time."]}),
    (datetime.datetime, "yesterday", {"x": ["Must be a date and time."]}),
    (datetime.datetime, "", {"x": ["Must be a date and time."]}),
    (datetime.date, 86400, {"x": ["Must be a date."]}),
    (datetime.date, "2015-02-30", {"x": ["Must be a date."]}),
    (datetime.time, 5, {"x": ["Must be a time."]}),
    (datetime.timedelta, 5, {"x": ["Must be a duration."]}),
    (uuid.UUID, "1234", {"x": ["Must be a UUID."]}),
    (uuid.UUID, 5, {"x": ["Must be a UUID."]}),
    (Decimal, True, {"x": ["Must be a number."]}),
    (Decimal, "NaN", {"x": ["Must be a finite number."]}),
    (Decimal, "a", {"x": ["Must be a number."]}),
    (Kind, "Note", {"x": ["Must be 'note' or 'task'."]}),
    (Level, "1", {"x": ["Must be 1 or 2."]}),
    (Level, True, {"x": ["Must be 1 or 2."]}),
    (Level, 1.0, {"x": ["Must be 1 or 2."]}),
    (Literal[1, "a"], True, {"x": ["Must be 1 or 'a'."]}),
    (None, 5, {"x": ["Must be null."]}),
    (int | list[int], "a", {"x": ["Must be a whole number.", "Must be a list."]}),
    (int | list[int], [1, "a"], {"x": ["Must be a whole number."], "x.1": ["Must be a whole number."]}),
    (list[Kind], "note", {"x": ["Must be a list."]}),
    (
        list[Kind],
        ["note", "x", 5],
        {"x.1": ["Must be 'note' or 'task'."], "x.2": ["Must be 'note' or 'task'."]},
    ),
    (tuple[int, str], [1], {"x.1": ["Missing."]}),
    (set[int], [[]], {"x.0": ["Must be a whole number."]}),
    (dict[str, int], [], {"x": ["Must be an object."]}),
    (dict[str, int], {"a": "b"}, {"x.a": ["Must be a whole number."]}),
    (dict[int, int], {"a": 1}, {"x.a": ["Must be a whole number."]}),
    (Page, [], {"x": ["Must be an object."]}),
    (Page, {"size": "5", "sise": 5}, {"x.size": ["Must be a whole number."], "x.sise": ["Unknown."]}),
    (Page, {"size": 101}, {"x": ["A page has at most 100 items."]}),
    (Options, {"limit": 0}, {"x.deep": ["Missing."], "x.limit": ["Must be at least 1."]}),
    (Model, {}, {"x.count": ["Missing."]}),
    (Strict, {"count": "5"}, {"x.count": ["Must be a whole number."]}),
    (Tree, {"name": "a", "children": [{}]}, {"x.children.0.name": ["Missing."]}),
    (Annotated[str, MaxLen(2)], "abc", {"x": ["Must have at most 2 characters."]}),
    (Annotated[list[int], MaxLen(1)], [1, 2], {"x": ["Must have at most 1 items."]}),
    (Annotated[str, MinLen(1)], "", {"x": ["Must not be empty."]}),
    (Annotated[list[int], MinLen(2)], [1], {"x": ["Must have at least 2 items."]}),
    (Annotated[str, Field(pattern="^a$")], "b", {"x": ["Does not have the expected form."]}),
]


@pytest.mark.parametrize(("annotation", "given", "fields"), REFUSED, ids=repr)
def test_any_other_value_is_1100_with_the_path(annotation: Any, given: Any, fields: Any) -> None:
    error = refusal(taking(annotation), {"x": given})
    assert (error.code, error.fields) == (1100, fields)  # type: ignore[attr-defined]
    assert error.value == " ".join(f"{path}: {' '.join(messages)}" for path, messages in fields.items())


@pytest.mark.parametrize("parameters", [[], [1], "x", "", 0, None, True])
def test_parameters_that_are_no_object_are_1100(parameters: Any) -> None:
    assert refusal(taking(int), parameters).code == 1100


# Names


def search(handler: Any, text: str, size: int, page: Page = Page(7)) -> Any:  # noqa: B008
    return text, size, page


def test_missing_names_are_1003_with_everything_else_that_is_wrong() -> None:
    error = refusal(Method.of(search), {"page": {"size": "x"}, "colour": "red"})
    assert (error.code, error.value) == (1003, "Missing parameters: text, size")
    assert error.fields == {  # type: ignore[attr-defined]
        "colour": ["Unknown."],
        "text": ["Missing."],
        "size": ["Missing."],
        "page.size": ["Must be a whole number."],
    }


def test_default_of_an_absent_parameter_is_the_functions_own() -> None:
    assert Method.of(search)(None, {"text": "a", "size": 1})[2] is search.__defaults__[0]  # type: ignore[index]


def test_unknown_names_are_refused_and_cut() -> None:
    def nothing(handler: Any) -> None: ...

    error = refusal(Method.of(nothing), {"a": 1, "b" * 300: 2, 5: 3})
    assert error.fields == {"a": ["Unknown."], "b" * 255 + "…": ["Unknown."], "5": ["Unknown."]}  # type: ignore[attr-defined]


@pytest.mark.parametrize("extra", [{"method": "a.b"}, {"_": "123"}, {"method": "a.b", "parameters": None}])
def test_what_clients_add_on_their_own_is_ignored(extra: Any) -> None:
    assert taking(int)(None, {"x": 5, **extra}) == 5


def test_method_can_be_the_name_of_a_parameter() -> None:
    def function(handler: Any, method: str) -> str:
        return method

    assert Method.of(function)(None, {"method": "post"}) == "post"


def test_others_take_all_names_but_those_of_the_function() -> None:
    def function(handler: Any, a: int = 0, **others: int) -> Any:
        return others

    method = Method.of(function)
    assert method(None, {"a": 1, "b": 2, "**": 3}) == {"b": 2, "**": 3}
    assert refusal(method, {"b": "x", "handler": 5}).fields == {  # type: ignore[attr-defined]
        "handler": ["Unknown."],
        "b": ["Must be a whole number."],
    }


def test_alias_is_the_name_on_the_wire() -> None:
    def function(handler: Any, from_: Annotated[int, Field(alias="from")]) -> int:
        return from_

    assert Method.of(function)(None, {"from": 5}) == 5
    assert refusal(Method.of(function), {"from_": 5}).fields == {"from_": ["Unknown."], "from": ["Missing."]}  # type: ignore[attr-defined]


# Texts

TEXTS = [
    (int, "5", 5),
    (float, "0.5", 0.5),
    (bool, "true", True),
    (bool, "0", False),
    (str, "5", "5"),
    (str, "", ""),
    (str | None, "", ""),
    (int | None, "", None),
    (int | None, "5", 5),
    (Kind, "note", Kind.note),
    (Level, "2", Level.high),
    (Literal[1, "a"], "1", 1),
    (datetime.datetime, "2015-07-09T12:30:00Z", WHEN),
    (uuid.UUID, str(ID), ID),
    (Decimal, "1.10", Decimal("1.10")),
    (bytes, "/w==", b"\xff"),
    (list[int], ["1", "2"], [1, 2]),
    (list[int] | None, ["1", "2"], [1, 2]),
    (Model, {"count": "5"}, Model(count=5)),
]


@pytest.mark.parametrize(("annotation", "given", "expected"), TEXTS, ids=repr)
def test_text_of_a_query_or_form_becomes_the_type(annotation: Any, given: Any, expected: Any) -> None:
    method = taking(annotation)
    assert method(QUERY, {"x": given}) == expected
    assert method(FORM, {"x": given if isinstance(given, list) else [given]}) == expected


def test_single_text_is_a_list_of_one_where_a_list_is_wanted() -> None:
    assert taking(list[int])(QUERY, {"x": "5"}) == [5]
    assert taking(set[Kind])(QUERY, {"x": "note"}) == {Kind.note}


@pytest.mark.parametrize(
    ("annotation", "given", "message"),
    [
        (int, "x", "Must be a whole number."),
        (int, "", "Must be a whole number."),
        (int, ["1", "2"], "Must be a whole number."),
        (int, "1" * 5000, "Is too large a number."),
        (float, "nan", "Must be a finite number."),
        (bool, "maybe", "Must be true or false."),
        (datetime.datetime, "1436445000", "Must be a date and time."),
        (Level, "3", "Must be 1 or 2."),
        (Page, "x", "Must be an object."),
    ],
)
def test_text_that_is_none_of_the_type_is_refused(annotation: Any, given: Any, message: str) -> None:
    assert refusal(taking(annotation), {"x": given}, QUERY).fields == {"x": [message]}  # type: ignore[attr-defined]


def test_empty_fields_that_nothing_takes_are_ignored_in_queries_only() -> None:
    assert taking(int)(QUERY, {"x": "5", "jsonp": ""}) == 5
    assert refusal(taking(int), {"x": 5, "jsonp": ""}).code == 1100


# Bounds


@pytest.mark.parametrize(
    ("annotation", "given"),
    [
        (list[int], ["x"] * 100_000),
        (dict[str, list[int]], {"a": ["x"] * 100_000}),
        (Page, {str(number): 1 for number in range(100_000)}),
        (Options, {str(number): 1 for number in range(100_000)}),
    ],
    ids=["list", "dict", "dataclass", "TypedDict"],
)
def test_flood_of_mistakes_has_a_short_answer(annotation: Any, given: Any) -> None:
    error = refusal(taking(annotation), {"x": given})
    assert 1 <= len(error.fields) <= 3  # type: ignore[attr-defined]
    assert len(error.value) < 300


def test_flood_of_names_has_a_bounded_answer() -> None:
    error = refusal(taking(int), {"x": 5, **{str(number): 1 for number in range(100_000)}})
    assert len(error.fields) == binding.MOST_NAMES  # type: ignore[attr-defined]
    assert error.value.endswith("And 995 more.")


def test_more_mistakes_than_can_be_told_are_counted() -> None:
    assert (
        refusal(taking(list[int]), {"x": ["a"] * 1001}).value
        == "The parameters have more than 1000 mistakes."
    )


def test_deep_and_circular_values_are_refused() -> None:
    deep: Any = {"name": "x"}
    for _ in range(10_000):
        deep = {"name": "x", "children": [deep]}
    assert refusal(taking(Tree), {"x": deep}).code == 1100
    circular: Any = {"name": "x"}
    circular["children"] = [circular]
    assert refusal(taking(Tree), {"x": circular}).code == 1100


def test_no_answer_holds_a_value_that_was_sent() -> None:
    secret = "correct horse battery"
    for annotation in (
        int,
        datetime.datetime,
        uuid.UUID,
        Kind,
        Page,
        list[int],
        Annotated[str, MaxLen(2)],
        bytes,
    ):
        error = refusal(taking(annotation), {"x": secret})
        assert secret not in json.dumps(vars(error))


def test_words_are_for_errors_that_pydantic_has() -> None:
    assert MESSAGES.keys() <= KINDS
    types = (
        "int",
        "float",
        "string",
        "bytes",
        "bool",
        "list",
        "set",
        "dict",
        "decimal",
        "time",
        "date",
        "uuid",
    )
    common = {kind for kind in KINDS if kind.split("_")[0] in types}
    told = {kind for kind in common for prefix in BY_PREFIX if kind.startswith(f"{prefix}_")}
    assert common - told <= MESSAGES.keys()


# The method's own errors


class Odd(Exception):
    """Not an error of parameters."""


@pytest.mark.parametrize("error", [TypeError, ValueError, KeyError, Odd])
def test_error_inside_of_the_method_is_its_own(error: type[Exception]) -> None:
    def failing(handler: Any, x: int) -> None:
        raise error("inside")

    with pytest.raises(error, match="inside"):
        Method.of(failing)(None, {"x": 5})


def test_validation_inside_of_the_method_is_a_server_error(
    wsgi: Service, register: Register, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(handler: Any, x: int) -> None:
        Model(count="x")  # type: ignore[arg-type]

    register("test.x", failing)
    with caplog.at_level(logging.CRITICAL, "toto_django"):
        assert wsgi.call("test.x", {"x": 5})["error"] == {"code": 1000, "value": "Server error"}


def test_validator_of_a_type_speaks_for_itself() -> None:
    def even(value: int) -> int:
        if value % 2:
            raise ValueError("Only {even} numbers.")
        return value

    error = refusal(taking(Annotated[int, AfterValidator(even)]), {"x": 5})
    assert error.fields == {"x": ["Only {even} numbers."]}  # type: ignore[attr-defined]


# On the wire


async def acheck(handler: Any, x: int, kinds: list[Kind] = []) -> Any:  # noqa: B006
    return [x, kinds]


def check(handler: Any, x: int, kinds: list[Kind] = []) -> Any:  # noqa: B006
    return [x, kinds]


@pytest.fixture(params=[check, acheck])
def checked(request: pytest.FixtureRequest, register: Register) -> Any:
    register("test.x", request.param)
    return request.param


def test_calls_and_refusals_on_the_wire(service: Service, checked: Any) -> None:
    assert service.call("test.x", {"x": 5, "kinds": ["task"]}) == {"result": [5, ["task"]]}
    assert service.post({"method": "test.x", "x": 5}).json() == {"result": [5, []]}
    assert service.call("test.x", {"x": "5"})["error"] == {
        "code": 1100,
        "value": "x: Must be a whole number.",
        "fields": {"x": ["Must be a whole number."]},
    }
    assert service.batch({"a": {"method": "test.x"}})["batch"]["a"]["error"] == {
        "code": 1003,
        "value": "Missing parameters: x",
        "fields": {"x": ["Missing."]},
    }


def test_queries_and_forms_on_the_wire(service: Service, checked: Any) -> None:
    assert service.send("GET", "/test.x?x=5&kinds=task").json() == {"result": [5, ["task"]]}
    form = {"content_type": "application/x-www-form-urlencoded; charset=utf-8"}
    body = b"x=5&kinds=task&kinds=note&submit="
    assert service.send("POST", "/test.x", body, **form).json() == {"result": [5, ["task", "note"]]}
    multipart = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n5\r\n--b--\r\n'
    answer = service.send("POST", "/test.x", multipart, content_type="multipart/form-data; boundary=b")
    assert answer.json() == {"result": [5, []]}
    assert service.send("GET", "/test.x?x=a").json()["error"]["code"] == 1100


def test_files_of_a_form_are_parameters(service: Service, register: Register) -> None:
    class File(TypedDict):
        filename: str
        body: bytes
        content_type: str

    def upload(handler: Any, note: str, file: File) -> Any:
        return [note, file["filename"], file["body"]]

    upload.__annotations__["file"] = File
    register("test.x", upload)
    body = (
        b'--b\r\nContent-Disposition: form-data; name="note"\r\n\r\nhi\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n\xff\r\n--b--\r\n'
    )
    answer = service.send("POST", "/test.x", body, content_type="multipart/form-data; boundary=b")
    assert answer.json() == {"result": ["hi", "a.txt", "/w=="]}


@pytest.mark.parametrize(
    ("content_type", "dumps"), [("application/bson", bson.encode), ("application/msgpack", msgpack.packb)]
)
def test_binary_formats_bring_bytes(
    service: Service, register: Register, content_type: str, dumps: Callable[[Any], bytes]
) -> None:
    seen: list[Any] = []

    def take(handler: Any, data: bytes, number: float = 0.0) -> str:
        seen.append(data)
        return "ok"

    register("test.y", take)
    body = dumps({"method": "test.y", "parameters": {"data": b"\xff"}})
    service.send("POST", "/", body, content_type=content_type)
    assert seen == [b"\xff"]
    nan = dumps({"method": "test.y", "parameters": {"data": b"", "number": float("nan")}})
    assert b"finite" in service.send("POST", "/", nan, content_type=content_type).content


def test_nobody_learns_about_parameters_before_the_policies_let_the_call_pass(
    service: Service, register: Register
) -> None:
    register("test.x", authenticated(check))
    assert service.call("test.x", {"y": 5})["error"] == {"code": 1004, "value": "Not authorized"}
    assert service.call("test.x", {"y": 5}, service.create())["error"]["code"] == 1003


def test_what_decorators_take_and_give_fits(service: Service, register: Register) -> None:
    register("test.x", default_parameters({"kinds": ["note"]})(requires("x")(jsonp(check))))
    assert service.call("test.x", {"x": 5}) == {"result": [5, ["note"]]}
    assert service.send("GET", "/test.x?x=5&jsonp=cb&_=99").content == b'cb([5, ["note"]])'
    assert service.send("GET", "/test.x?x=5&jsonp=").json() == {"result": [5, ["note"]]}
    register("test.y", authenticated_with_parameter(check))
    login = service.create()
    body = envelope("test.y", {"x": 5, "session_id": ""})
    assert "result" in service.call("test.y", json.loads(body)["parameters"], login)


# Called directly


def test_direct_calls_are_checked_alike() -> None:
    method = Method.of(search)
    assert method(None, {"text": "a", "size": 1}) == method(None, text="a", size=1) == ("a", 1, Page(7))
    assert method(None, text="a", size=1, page=Page(3)) == ("a", 1, Page(3))
    with pytest.raises(InvalidParameters):
        method(None, text="a", size="1")
    with pytest.raises(TypeError, match="not both"):
        method(None, {"text": "a"}, size=1)
