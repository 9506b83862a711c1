"""toto_django.serializers."""

import collections
import datetime
import decimal
import enum
import threading
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.ids import stable_repr
from toto_django.serializers import SERIALIZERS, pack, unpack

KEPT = [
    *(None, True, False, 0, 1, -1, 0.0, 1.5, 1e300, float("inf"), "", "text", "é😀\x00", b"", b"\x00\xff"),
    *(2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**100, -(2**63), -(2**63) - 1, -(10**100)),
    *([], {}, (), set(), frozenset(), [[]], [{}], [()], ((),), {"a": ({"b": [set()]},)}),
    *({1, "a", (2, 3)}, frozenset({b"x"}), [1, (2, [3, (4,)])], {"x": {1}, "y": frozenset({1})}),
    *({1: "a", -5: "b", b"k": "c", (1, 2): "d", None: "e", 1.5: "f", 2**70: "g"},),
    datetime.datetime(2015, 7, 9, 12, 30, 15, 123456),
    datetime.datetime(2015, 7, 9, 12, 30, tzinfo=datetime.UTC),
    datetime.datetime(2015, 7, 9, tzinfo=datetime.timezone(datetime.timedelta(hours=-3, minutes=-30))),
    *(datetime.date(1, 1, 1), datetime.date(9999, 12, 31), datetime.time(23, 59, 59, 999999)),
    datetime.time(1, tzinfo=datetime.UTC),
    uuid.UUID("12345678-1234-5678-1234-567812345678"),
    *(decimal.Decimal("1.10"), decimal.Decimal("1E+400"), decimal.Decimal("-0"), decimal.Decimal("Infinity")),
]


def types(value: Any) -> Any:
    """The value's type, and those of what it holds."""
    if isinstance(value, dict):
        return {key: types(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value), [types(item) for item in value]
    return type(value)


@pytest.mark.parametrize("value", KEPT, ids=stable_repr)
def test_value_comes_back_as_it_was(value: Any) -> None:
    read = unpack(pack(value))
    assert read == value
    assert types(read) == types(value)
    assert repr(read) == repr(value) or isinstance(value, set | frozenset)


states = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary()),
        *(st.datetimes(), st.dates(), st.times(), st.uuids(), st.decimals(allow_nan=False)),
    ),
    lambda inner: st.one_of(st.lists(inner), st.tuples(inner, inner), st.dictionaries(st.text(), inner)),
    max_leaves=20,
)


@hypothesis_settings(deadline=None)
@given(states)
def test_any_nesting_comes_back_as_it_was(value: Any) -> None:
    read = unpack(pack(value))
    assert (read, types(read)) == (value, types(value))


def test_zone_becomes_its_offset_at_that_moment() -> None:
    moment = datetime.datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Vienna"))
    read = unpack(pack(moment))
    assert read == moment
    assert read.utcoffset() == datetime.timedelta(hours=2)


class Text(str):
    """A subclass, as Django's SafeString is one."""


class Number(enum.IntEnum):
    ONE = 1


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Text("a"), "a"),
        (Number.ONE, 1),
        (collections.OrderedDict(a=1), {"a": 1}),
        (collections.defaultdict(list, a=[1]), {"a": [1]}),
        (collections.Counter("a"), {"a": 1}),
        (bytearray(b"a"), b"a"),
        (memoryview(b"a"), b"a"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_subclass_comes_back_as_its_plain_type(value: Any, plain: Any) -> None:
    read = unpack(pack({"value": [value]}))["value"][0]
    assert (read, type(read)) == (plain, type(plain))


def test_named_tuple_comes_back_as_a_tuple() -> None:
    point = collections.namedtuple("point", "x y")
    assert unpack(pack({"point": point(1, 2)})) == {"point": (1, 2)}


CYCLE: list[Any] = []
CYCLE.append(CYCLE)
DEEP: list[Any] = []
for _ in range(2000):
    DEEP = [DEEP]
UNKEPT = [
    object(),
    threading.Lock(),
    1j,
    "\ud800",
    CYCLE,
    DEEP,
    lambda: None,
    range(3),
    datetime.timedelta(1),
]


@pytest.mark.parametrize("value", UNKEPT, ids=lambda value: type(value).__name__)
def test_value_that_msgpack_cannot_keep_is_an_error(value: Any) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)):
        pack({"value": value})


def test_error_names_the_type() -> None:
    with pytest.raises(TypeError, match="a value of type object cannot be kept"):
        pack([object()])


def test_json_writes_text_that_other_programs_read() -> None:
    dumps, loads = SERIALIZERS["json"]
    assert dumps({"a": [1, None, "é"]}) == b'{"a":[1,null,"\\u00e9"]}'
    assert loads(b'{"a": [1, null, "\xc3\xa9"]}') == {"a": [1, None, "é"]}


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), b"bytes", {1}, object(), CYCLE], ids=stable_repr
)
def test_value_that_json_cannot_keep_is_an_error(value: Any) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)):
        SERIALIZERS["json"].dumps({"value": value})


def test_pickle_keeps_objects() -> None:
    dumps, loads = SERIALIZERS["pickle"]
    read = loads(dumps({"number": Number.ONE, "text": Text("a"), "range": range(3)}))
    assert read == {"number": Number.ONE, "text": "a", "range": range(3)}
    assert type(read["text"]) is Text


@pytest.mark.parametrize(
    "value",
    [
        threading.Lock(),
        lambda: None,
    ],
    ids=["lock", "lambda"],
)
def test_value_that_pickle_cannot_keep_is_an_error(value: Any) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)):
        SERIALIZERS["pickle"].dumps({"value": value})
