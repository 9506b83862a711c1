"""Plain values out of Python 2 pickles, and nothing else (tests/wire/pickle_vectors.json)."""

import base64
import collections
import contextlib
import copy
import datetime
import json
import os
import pickle
import subprocess
import sys
import time
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toto_django.importing.pickles import MAX_BYTES, MAX_LEVELS, MAX_STEPS, PickleRefused, loads

VECTORS = json.loads((Path(__file__).parent.parent / "wire" / "pickle_vectors.json").read_text())


def as_recorded(value: Any) -> Any:
    """A value as the vectors write it; byte strings that are UTF-8 have become text."""
    if isinstance(value, dict):
        if "$bytes" in value:
            return base64.b64decode(value["$bytes"]).decode()
        return {key: as_recorded(item) for key, item in value.items()}
    return [as_recorded(item) for item in value] if isinstance(value, list) else value


def as_lists(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: as_lists(item) for key, item in value.items()}
    return [as_lists(item) for item in value] if isinstance(value, list | tuple | set) else value


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"][:30])
def test_recorded_pickle_is_read(vector: dict[str, Any]) -> None:
    value = loads(base64.b64decode(vector["pickle_b64"]))
    expected = dict(vector["value"])
    if "$pickle" in str(expected):
        inner = loads(value.pop("state").encode())
        assert inner == expected.pop("state")["$pickle"]
    assert as_lists(value) == as_recorded(expected)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.decimals(allow_nan=False)
    | st.datetimes()
    | st.dates()
    | st.times(),
    lambda children: (
        st.lists(children)
        | st.dictionaries(st.text() | st.integers(-(2**60), 2**60), children)
        | st.lists(children).map(tuple)
        | st.sets(st.text())
    ),
)


@given(value=plain, protocol=st.sampled_from([0, 1, 2]))
def test_plain_values_come_back(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    if b"_codecs" in data:  # Python 3 writes dates as bytes, which Python 2 knows nothing of.
        with pytest.raises(PickleRefused):
            loads(data)
    else:
        assert loads(data) == value


def test_dates_are_read_as_python_2_wrote_them() -> None:
    date = rb"cdatetime" + b"\ndate\n(S'\\x07\\xd0\\x0c\\x1f'\ntR."
    clock = b"cdatetime\ntime\n(S'\\x17;:\\x01\\x00\\x02'\ntR."
    assert loads(date) == datetime.date(2000, 12, 31)
    assert loads(clock) == datetime.time(23, 59, 58, 65538)
    assert loads(b"cdecimal\nDecimal\n(S'1.50'\ntR.") == Decimal("1.50")
    assert loads(b"S'\\xe4\\\\\\n\\''\n.") == b"\xe4\\\n'"


class Evil:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


class Setting:
    """Has a state that unpickling sets."""


def with_state() -> Any:
    value = Setting()
    value.__dict__["x"] = 1
    return value


HOSTILE = {
    "os.system": Evil(os.system, "touch {path}"),
    "builtins.eval": Evil(eval, "open('{path}', 'w')"),
    "builtins.exec": Evil(exec, "open('{path}', 'w')"),
    "subprocess": Evil(subprocess.call, ["touch", "{path}"]),
    "getattr": Evil(getattr, "", "join"),
    "an instance": with_state(),
    "UUID": uuid.UUID(int=5),
    "OrderedDict": collections.OrderedDict(a=1),
    "bytes of Python 3": b"\xff",
    "a class alone": datetime.datetime,
    "timedelta": datetime.timedelta(1),
    "time zone": datetime.datetime(2015, 1, 1, tzinfo=datetime.UTC),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("protocol", range(6))
def test_whatever_would_call_or_import_something_is_refused(name: str, protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "made"
    data = pickle.dumps({"x": [HOSTILE[name]]}, protocol)
    data = data.replace(b"{path}", os.fsencode(path)) if protocol == 0 else data
    with pytest.raises(PickleRefused):
        loads(data)
    assert not path.exists()


def test_module_that_a_pickle_names_is_not_imported() -> None:
    assert "antigravity" not in sys.modules
    with pytest.raises(PickleRefused, match="antigravity"):
        loads(b"cantigravity\nfly\n(tR.")
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    "data",
    [
        b"c__builtin__\neval\n(S'1'\ntR.",
        b"cos\nsystem\n(S'true'\ntR.",
        b"cposix\nsystem\n(S'true'\ntR.",
        b"ccopy_reg\n_reconstructor\n(c__builtin__\nobject\nc__builtin__\nobject\nNtR.",
        b"c__builtin__\nset.__class__\n.",
        b"(S'true'\nios\nsystem\n.",
        b"(cos\nsystem\nS'true'\no.",
        b"\x80\x02cos\nsystem\n)\x81.",
        b"(dp0\n(dS'x'\nI1\nsb.",
        b"\x82\x01.",
        b"P1\n.",
        b"S'1'\nQ.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    ],
)
def test_opcodes_of_objects_are_refused(data: bytes) -> None:
    with pytest.raises(PickleRefused):
        loads(data)


DAMAGED = [
    b"",
    b".",
    b"x",
    b"(",
    b"I1",
    b"I1\n",
    b"t.",
    b"a.",
    b"s.",
    b"I1\nI2\na.",
    b"(I1\nd.",
    b"(dI1\ns.",
    b"g5\n.",
    b"p5\n.",
    b"h\x05.",
    b"0.",
    b"2.",
    b"1.",
    b"S'\n.",
    b"S'abc\n.",
    b"Sabc\n.",
    b"S'\\d'\n.",
    b"S'\\x5'\n.",
    b"S'\\'\n.",
    b"V\\uzzzz\n.",
    b"Lx\n.",
    b"L\n.",
    b"Fx\n.",
    b"I" + b"9" * 5000 + b"\n.",
    b"L" + b"9" * 4301 + b"L\n.",
    b"F" + b"9" * 100_000 + b"\n.",
    b"T\xff\xff\xff\x7fabc.",
    b"T\xff\xff\xff\xffabc.",
    b"U\x05abc.",
    b"X\xff\xff\xff\xffabc.",
    b"X\x01\x00\x00\x00\xff.",
    b"\x8b\xff\xff\xff\x7fabc.",
    b"\x8b\xff\xff\xff\xffabc.",
    b"\x87.",
    b"I1\n(tR.",
    b"c__builtin__\nset\nI1\nR.",
    b"c__builtin__\nset\n(I1\ntR.",
    b"c__builtin__\nset\n.",
    b"(dc__builtin__\nset\nI1\ns.",
    b"c\xff\n\xff\n.",
    b"cdatetime\ndatetime\n(S'\\x07\\xdf\\x0d\\x20\\x00\\x00\\x00\\x00\\x00\\x00'\ntR.",
    b"cdatetime\ndatetime\n(S'short'\ntR.",
    b"cdatetime\ndatetime\n(I5\ntR.",
    b"cdatetime\ndatetime\n(tR.",
    b"cdecimal\nDecimal\n(S'x'\ntR.",
    b"cdecimal\nDecimal\n(I5\ntR.",
    b"cdecimal\nDecimal\n(S'" + b"1" * 5000 + b"'\ntR.",
]


@pytest.mark.parametrize("data", DAMAGED, ids=lambda data: ascii(data)[2:30])
def test_damaged_pickle_is_refused(data: bytes) -> None:
    with pytest.raises(PickleRefused):
        loads(data)


def doubling(count: int) -> bytes:
    """Each list holds the one before twice."""
    lines = [b"(lp0\nI1\na"]
    lines += [b"(lp%d\ng%d\nag%d\na" % (number, number - 1, number - 1) for number in range(1, count)]
    return b"".join(lines) + b"."


BOMBS = {
    "nested lists": b"(l" * 200_000 + b"a" * 199_999 + b".",
    "nested empty lists": b"]" * 200_000 + b"a" * 199_999 + b".",
    "nested tuples": b"(" * 200_000 + b"t" * 200_000 + b".",
    "nested tuple as a key": b"(d" + b"(" * 200_000 + b"t" * 200_000 + b"I1\ns.",
    "nested dicts": b"(dI1\n" * 100_000 + b"N" + b"s" * 100_000 + b".",
    "marks": b"(" * 600_000,
    "one level too many": b"]" * (MAX_LEVELS + 1) + b"a" * MAX_LEVELS + b".",
    "too many values": b"(" + b"N" * (MAX_STEPS + 1) + b"l.",
    "too many bytes": b"S'" + b"x" * MAX_BYTES + b"'\n.",
    "doubling lists": doubling(90),
    "list in itself": b"(lp0\ng0\na.",
    "dict in itself": b"(dp0\nI1\ng0\ns.",
    "tuple in itself": b"(lp0\n(g0\ntp1\nag1\n.",
    "text again and again": b"(lp0\nS'" + b"x" * 1_000_000 + b"'\np1\na" + b"g1\na" * 100_000 + b".",
    "number again and again": b"(l\x8b\x40\x42\x0f\x00"
    + b"\x01" * 1_000_000
    + b"p1\na"
    + b"g1\na" * 900
    + b".",
    "far memo": b"I1\nr\xff\xff\xff\xff" * 10 + b"(" + b"N" * MAX_STEPS + b"l.",
    "sets again and again": (
        b"((" + b"N" * 100_000 + b"lp0\n" + b"c__builtin__\nset\np1\n" + b"g1\n(g0\ntR" * 1000 + b"l."
    ),
    "colliding keys": b"(d" + b"".join(b"L%dL\nNs" % (key * (2**61 - 1)) for key in range(1, 50_000)) + b".",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused_soon(name: str) -> None:
    started = time.monotonic()
    with pytest.raises(PickleRefused):
        loads(BOMBS[name])
    assert time.monotonic() - started < 20


def test_memo_at_a_far_index_takes_no_memory() -> None:
    assert loads(b"I7\nr\xff\xff\xff\xff0j\xff\xff\xff\xff.") == 7


@pytest.mark.parametrize("levels", [1, MAX_LEVELS])
def test_levels_up_to_the_bound_are_read(levels: int) -> None:
    value = loads(b"]" * levels + b"a" * (levels - 1) + b".")
    for _ in range(levels - 1):
        [value] = value
    assert value == []


@given(data=st.binary())
def test_no_input_makes_anything_but_a_plain_value(data: bytes) -> None:
    with contextlib.suppress(PickleRefused):
        value = loads(data + b".")
        assert repr(value) == repr(copy.deepcopy(value))
