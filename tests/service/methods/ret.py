"""``ret.*``: constants."""

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from toto_django import method

CONSTANTS: Mapping[str, Any] = {
    "none": None,
    "zero": 0,
    "zero_float": 0.0,
    "false": False,
    "true": True,
    "one": 1,
    "empty_string": "",
    "empty_list": [],
    "empty_dict": {},
    "string": "text",
    "unicode_string": "café ☃ 😀",
    "utf8_bytes": "café".encode(),
    "latin1_bytes": "café".encode("latin-1"),
    "control": 'a"b\\c/d<e>&\x00\x1f\x7f\u2028',
    "integer": 42,
    "bigint": 2**70,
    "int64": 2**63 - 1,
    "floats": [1.5, 0.1, 1e100, 1e-10, 1e20, 1.0, 3.141592653589793, 1234567890.123456],
    "nan": float("nan"),
    "inf": float("inf"),
    "neginf": float("-inf"),
    "tuple_": (1, 2, 3),
    "set_": {1},
    "datetime_": datetime.datetime(2015, 7, 9, 12, 30, 15, 123456),
    "date_": datetime.date(2015, 7, 9),
    "int_keys": {1: "a"},
    "none_key": {None: "a"},
    "nested": {"a": [1, {"b": {"c": [None, True, False, {"d": "é"}]}}]},
    "error_shaped": {"error": {"code": 1, "value": "not an error"}},
    "many_keys": {f"k{n:02}": n for n in range(20)},
}


def _returning(value: Any) -> Callable[[Any, Any], Any]:
    return lambda handler, parameters: value


for _name, _value in CONSTANTS.items():
    method(f"ret.{_name}")(_returning(_value))
