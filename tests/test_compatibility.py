"""Which changes of a description break clients, and how they are told."""

from typing import Any

import pytest

from toto_django.description.compatibility import changes, losses

STRING = {"type": "string"}
INTEGER = {"type": "integer"}
NUMBER = {"type": "number"}
NULL = {"type": "null"}


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (STRING, STRING, []),
        (STRING, {}, []),
        (STRING, True, []),
        ({}, STRING, ["takes less than anything now"]),
        (STRING, False, ["does not take a string any more"]),
        (STRING, INTEGER, ["does not take a string any more"]),
        (INTEGER, NUMBER, []),
        (NUMBER, INTEGER, ["does not take a number any more"]),
        (INTEGER, {"anyOf": [INTEGER, NULL]}, []),
        ({"anyOf": [INTEGER, NULL]}, INTEGER, ["does not take null any more"]),
        ({"type": ["integer", "null"]}, {"anyOf": [NULL, INTEGER]}, []),
        ({"allOf": [INTEGER], "default": 5}, INTEGER, []),
        ({"enum": ["a", "b"]}, {"enum": ["b", "a", "c"]}, []),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, ["does not take 'b' any more"]),
        ({"enum": ["a", 1]}, STRING, ["does not take 1 any more"]),
        ({"const": 1}, {"enum": [True]}, ["does not take 1 any more"]),
        (STRING, {"enum": ["a"]}, ["does not take a string any more"]),
        ({"enum": ["a"]}, {"type": "string", "maxLength": 5}, ["does not take 'a' any more"]),
        (INTEGER, {"type": "integer", "minimum": 1}, ["has a minimum of 1 now"]),
        ({"type": "integer", "minimum": 1}, {"type": "integer", "minimum": 2}, ["has a minimum of 2 now"]),
        ({"type": "integer", "minimum": 2}, {"type": "integer", "minimum": 1}, []),
        (
            {"type": "string", "maxLength": 9},
            {"type": "string", "maxLength": 8},
            ["has a maxLength of 8 now"],
        ),
        ({"type": "string", "maxLength": 8}, STRING, []),
        (STRING, {"type": "string", "format": "date"}, ["has the format 'date' now"]),
        ({"type": "string", "pattern": "a"}, {"type": "string", "pattern": "b"}, ["has the pattern 'b' now"]),
        (array(INTEGER), array(NUMBER), []),
        (array(NUMBER), array(INTEGER), ["at * does not take a number any more"]),
        (array([INTEGER, STRING]), array([INTEGER, NULL]), ["at 1 does not take a string any more"]),
        (array([STRING]), array(INTEGER), ["at 0 does not take a string any more"]),
        (array(STRING), array([STRING, INTEGER]), ["at 1 does not take a string any more"]),
        (closed([], a=STRING), closed([], a=STRING, b=STRING), []),
        (closed([], a=STRING), closed(["a"], a=STRING), ["needs its member 'a' now"]),
        (closed([], a=STRING), closed([]), ["has no member 'a' any more"]),
        (
            closed([], a=closed([], b=STRING)),
            closed([], a=closed([], b=NULL)),
            ["at a.b does not take a string any more"],
        ),
        ({"type": "object"}, closed([]), ["takes no members of other names any more"]),
        (
            {"type": "object", "additionalProperties": STRING},
            {"type": "object", "additionalProperties": INTEGER},
            ["at * does not take a string any more"],
        ),
    ],
    ids=repr,
)
def test_what_a_parameter_loses(old: Any, new: Any, expected: list[str]) -> None:
    assert list(losses(old, new)) == expected


def method(name: str = "a.b", params: Any = (), result: Any = STRING, **extensions: Any) -> dict[str, Any]:
    return {
        "name": name,
        "params": [
            {"name": each, "required": required, "schema": schema} for each, required, schema in params
        ],
        "result": {"name": "result", "schema": result},
        **{name.replace("_", "-"): value for name, value in extensions.items()},
    }


def document(*methods: Any, **schemas: Any) -> dict[str, Any]:
    return {"methods": list(methods), "components": {"schemas": schemas}}


def told(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [str(change) for change in changes(old, new)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (method(), method(), []),
        (method(), method("c.d"), ["breaks: a.b: the method is gone", "fits: c.d: a new method"]),
        (method(params=[("x", False, STRING)]), method(), ["breaks: a.b: the parameter 'x' is gone"]),
        (method(params=[("x", False, STRING)]), method(x_toto_other_parameters=True), []),
        (
            method(params=[("x", False, STRING)]),
            method(x_toto_other_parameters=INTEGER),
            ["breaks: a.b: the parameter 'x' does not take a string any more"],
        ),
        (method(), method(params=[("x", True, STRING)]), ["breaks: a.b: the new parameter 'x' is required"]),
        (
            method(),
            method(params=[("x", False, STRING)]),
            ["fits: a.b: a new parameter 'x', which may be left out"],
        ),
        (
            method(params=[("x", False, STRING)]),
            method(params=[("x", True, STRING)]),
            ["breaks: a.b: the parameter 'x' is required now"],
        ),
        (
            method(params=[("x", True, STRING)]),
            method(params=[("x", False, STRING)]),
            ["fits: a.b: the parameter 'x' may be left out now"],
        ),
        (
            method(params=[("x", True, INTEGER)]),
            method(params=[("x", True, NUMBER)]),
            ["fits: a.b: the parameter 'x' takes more than before"],
        ),
        (
            method(params=[("x", True, NUMBER)]),
            method(params=[("x", True, INTEGER)]),
            ["breaks: a.b: the parameter 'x' does not take a number any more"],
        ),
        (
            method(x_toto_other_parameters=True),
            method(),
            ["breaks: a.b: parameters of other names: what they hold takes less than anything now"],
        ),
        (method(result=STRING), method(result=INTEGER), ["breaks: a.b: the result may be an integer now"]),
        (
            method(result=STRING),
            method(result={"anyOf": [STRING, NULL]}),
            ["breaks: a.b: the result may be null now"],
        ),
        (method(result={"anyOf": [STRING, NULL]}), method(result=STRING), []),
        (method(result={}), method(result=STRING), []),
        (method(result=STRING), method(result={}), ["breaks: a.b: the result may be anything now"]),
        (
            method(result={"type": "object", "properties": {"a": STRING}, "required": ["a"]}),
            method(
                result={"type": "object", "properties": {"a": STRING, "b": STRING}, "required": ["a", "b"]}
            ),
            [],
        ),
        (
            method(result={"type": "object", "properties": {"a": STRING}, "required": ["a"]}),
            method(result={"type": "object", "properties": {"b": STRING}, "required": ["b"]}),
            ["breaks: a.b: the result may lack its member 'a' now"],
        ),
        (
            method(result={"enum": ["a"]}),
            method(result={"enum": ["a", "b"]}),
            ["breaks: a.b: the result may be 'b' now"],
        ),
        (
            method(),
            method(x_toto_session="account"),
            ["breaks: a.b: it needs the session of an account now"],
        ),
        (
            method(x_toto_session="anonymous"),
            method(x_toto_session="parameter"),
            ["breaks: a.b: it needs the parameter 'session_id' now"],
        ),
        (method(x_toto_session="account"), method(), ["fits: a.b: it needs no session any more"]),
        (method(), method(x_toto_session="optional"), []),
        (method(), method(x_toto_raw=True), ["breaks: a.b: it answers with a raw answer now"]),
        (method(x_toto_raw=True), method(), ["breaks: a.b: it answers with an ordinary result now"]),
        (method(), method(deprecated=True), ["fits: a.b: it is deprecated now"]),
    ],
    ids=repr,
)
def test_what_changes_of_a_method_mean(old: Any, new: Any, expected: list[str]) -> None:
    assert told(document(old), document(new)) == expected


def test_references_are_followed_on_either_side_whatever_their_names() -> None:
    page, leaf = {"$ref": "#/components/schemas/Page"}, {"$ref": "#/components/schemas/Leaf"}
    old = document(method(params=[("x", True, page)], result=page), Page=closed(["a"], a=STRING))
    same = document(method(params=[("x", True, leaf)], result=leaf), Leaf=closed(["a"], a=STRING))
    other = document(method(params=[("x", True, page)], result=page), Page=closed(["a"], a=INTEGER))
    assert told(old, same) == []
    assert told(old, other) == [
        "breaks: a.b: the parameter 'x' at a does not take a string any more",
        "breaks: a.b: the result at a may be an integer now",
    ]


def test_types_that_hold_themselves_end() -> None:
    tree = {"$ref": "#/components/schemas/Tree"}
    old = document(method(result=tree), Tree=closed(["name"], name=STRING, below=array(tree)))
    new = document(method(result=tree), Tree=closed(["name"], name=NULL, below=array(tree)))
    assert told(old, old) == []
    assert told(old, new) == ["breaks: a.b: the result at name may be null now"]


def test_breaking_changes_are_told_first() -> None:
    old = document(method("a"), method("b"), method("c"))
    new = document(method("a", deprecated=True), method("c", x_toto_raw=True))
    assert [line.split(":")[0] for line in told(old, new)] == ["breaks", "breaks", "fits"]
