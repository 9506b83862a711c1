"""What each codec reads, writes and refuses."""

import base64
import datetime
import json
import struct
import time
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import bson
import msgpack
import pytest
from django.utils.translation import gettext_lazy

from toto_django.codecs import JSON, EncodeError, Malformed, codec_for
from toto_django.codecs.base import path_text
from toto_django.exceptions import UnsupportedMediaType

JSON_TYPE = "application/json"
BSON_TYPE = "application/bson"
MESSAGEPACK_TYPE = "application/msgpack"
FORM_TYPE = "application/x-www-form-urlencoded"
TYPES = [JSON_TYPE, BSON_TYPE, MESSAGEPACK_TYPE]

each_codec = pytest.mark.parametrize("content_type", TYPES)

UTC = datetime.UTC
WHEN = datetime.datetime(2015, 7, 9, 12, 30, 15, 123000, tzinfo=UTC)
ID = uuid.UUID("12345678123456781234567812345678")


def loads(content_type: str, body: bytes) -> Any:
    return codec_for(content_type).loads(body, content_type)


def dumps(content_type: str, value: Any) -> bytes:
    return codec_for(content_type).dumps(value)


def independent(content_type: str) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
    """Writer and reader of the library behind a codec, with its own defaults."""
    return {
        JSON_TYPE: (lambda value: json.dumps(value).encode(), json.loads),
        BSON_TYPE: (bson.encode, bson.decode),
        MESSAGEPACK_TYPE: (msgpack.packb, lambda body: msgpack.unpackb(body, strict_map_key=False)),
    }[content_type]


# Values


@each_codec
@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -1,
        2**63 - 1,
        -(2**63),
        0.1,
        1e300,
        "",
        "café ☃ 😀",
        "\0",
        [],
        {},
        [[1], {"a": {}}],
    ],
    ids=repr,
)
def test_plain_values_survive_both_ways(content_type: str, value: Any) -> None:
    write, read = independent(content_type)
    assert loads(content_type, write({"value": value})) == {"value": value}
    assert read(dumps(content_type, {"value": value})) == {"value": value}


@each_codec
def test_types_without_a_form_of_their_own_become_text_or_list(content_type: str) -> None:
    value = {
        "date": datetime.date(2015, 7, 9),
        "time": datetime.time(12, 30),
        "uuid": ID,
        "decimal": Decimal("1.10"),
        "set": {1},
        "frozenset": frozenset({2}),
        "tuple": (1, 2),
        "lazy": gettext_lazy("text"),
    }
    assert independent(content_type)[1](dumps(content_type, value)) == {
        "date": "2015-07-09",
        "time": "12:30:00",
        "uuid": str(ID),
        "decimal": "1.10",
        "set": [1],
        "frozenset": [2],
        "tuple": [1, 2],
        "lazy": "text",
    }


@pytest.mark.parametrize(
    ("content_type", "read"),
    [(JSON_TYPE, WHEN.isoformat()), (MESSAGEPACK_TYPE, WHEN.isoformat()), (BSON_TYPE, WHEN)],
)
def test_datetime_is_native_in_bson_and_iso_text_elsewhere(content_type: str, read: Any) -> None:
    body = dumps(content_type, {"when": WHEN})
    assert loads(content_type, body) == {"when": read}


@pytest.mark.parametrize("data", [b"\x00\xff", bytearray(b"\x00\xff"), memoryview(b"\x00\xff")], ids=type)
@each_codec
def test_bytes_are_base64_text_in_json_and_native_elsewhere(content_type: str, data: Any) -> None:
    expected: Any = base64.b64encode(b"\x00\xff").decode() if content_type == JSON_TYPE else b"\x00\xff"
    assert independent(content_type)[1](dumps(content_type, {"data": data})) == {"data": expected}


@pytest.mark.parametrize("content_type", [JSON_TYPE, BSON_TYPE])
def test_int_and_none_keys_are_text_in_json_and_bson(content_type: str) -> None:
    body = dumps(content_type, {2: "a", None: "b", True: "c", "d": {0.5: "e"}})
    assert independent(content_type)[1](body) == {"2": "a", "null": "b", "true": "c", "d": {"0.5": "e"}}


def test_int_and_none_keys_are_themselves_in_messagepack() -> None:
    body = dumps(MESSAGEPACK_TYPE, {1: "a", None: "b"})
    assert msgpack.unpackb(body, strict_map_key=False) == {1: "a", None: "b"}
    assert loads(MESSAGEPACK_TYPE, msgpack.packb({1: "a"})) == {1: "a"}


def test_object_ids_and_subtypes_round_trip_in_bson() -> None:
    value = {
        "id": bson.ObjectId(),
        "binary": bson.Binary(b"x", 5),
        "long": bson.Int64(5),
        "regex": bson.Regex("a"),
    }
    assert loads(BSON_TYPE, dumps(BSON_TYPE, loads(BSON_TYPE, bson.encode(value)))) == value


# JSON


@pytest.mark.parametrize("number", [2**64, 2**70, -(10**400)], ids=["2**64", "2**70", "-10**400"])
def test_integers_of_any_size_survive_json(number: int) -> None:
    assert JSON.loads(b"[%d]" % number) == [number]
    assert json.loads(JSON.dumps([number])) == [number]


def test_json_is_ascii_without_a_byte_order_mark() -> None:
    assert JSON.dumps({"é": "☃😀\u2028"}) == rb'{"\u00e9": "\u2603\ud83d\ude00\u2028"}'


def test_the_last_of_duplicate_json_keys_wins() -> None:
    assert JSON.loads(b'{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize(
    "body",
    [
        b"NaN",
        b"[Infinity]",
        b'{"a": -Infinity}',
        b"1e999",
        b"[-1e999]",
        b"\xff",
        "[1]".encode("utf-16"),
        b"{",
        b" ",
    ],
)
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed, match=r"The body is not JSON: .+"):
        JSON.loads(body)


# Refusals that name the path


@each_codec
@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"result": object()}, "result"),
        ({"result": {"items": [0, 1, 2, {"when": object()}]}}, "result.items[3].when"),
        ({"result": {"a b": ({1, 2}, [object()])}}, "result.a b[1][0]"),
        ({"result": {"deep": {"type": int}}}, "result.deep.type"),
    ],
    ids=["object", "in items", "in a tuple", "class"],
)
def test_refused_value_names_its_path(content_type: str, value: Any, path: str) -> None:
    with pytest.raises(EncodeError) as refused:
        dumps(content_type, value)
    assert str(refused.value).startswith(f"Cannot encode {path}: ")
    assert path_text(refused.value.path) == path


@pytest.mark.parametrize("content_type", [JSON_TYPE, BSON_TYPE])
def test_key_that_has_no_text_is_refused_with_its_path(content_type: str) -> None:
    with pytest.raises(EncodeError) as refused:
        dumps(content_type, {"result": {(1, 2): 3}})
    assert path_text(refused.value.path) == "result.(1, 2)"


def test_lone_surrogates_are_escaped_by_json_and_refused_by_the_binary_formats() -> None:
    assert JSON.dumps(["\ud800"]) == rb'["\ud800"]'
    for content_type in (BSON_TYPE, MESSAGEPACK_TYPE):
        with pytest.raises(EncodeError, match=r"Cannot encode result\[0\]: "):
            dumps(content_type, {"result": ["\ud800"]})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_nan_and_infinity_are_refused_by_json_and_carried_by_the_binary_formats(number: float) -> None:
    with pytest.raises(EncodeError, match=r"result\[1\]: .* is not a number of JSON"):
        JSON.dumps({"result": [0.5, number]})
    for content_type in (BSON_TYPE, MESSAGEPACK_TYPE):
        assert str(loads(content_type, dumps(content_type, {"x": number}))["x"]) == str(number)


@pytest.mark.parametrize(
    ("content_type", "number"),
    [
        (BSON_TYPE, 2**63),
        (BSON_TYPE, -(2**63) - 1),
        (MESSAGEPACK_TYPE, 2**64),
        (MESSAGEPACK_TYPE, -(2**63) - 1),
    ],
)
def test_integers_that_a_binary_format_cannot_hold_are_refused(content_type: str, number: int) -> None:
    with pytest.raises(EncodeError, match=r"Cannot encode result\.n: "):
        dumps(content_type, {"result": {"n": number}})


def test_names_with_a_null_character_are_refused_by_bson() -> None:
    with pytest.raises(EncodeError, match=r"Cannot encode result.+U\+0000"):
        dumps(BSON_TYPE, {"result": {"a\0b": 1}})


@pytest.mark.parametrize("when", [datetime.datetime.min, datetime.datetime.max])
def test_datetimes_outside_of_bson_are_refused_with_their_path(when: datetime.datetime) -> None:
    east = datetime.timezone(datetime.timedelta(hours=14 if when.year == 1 else -14))
    with pytest.raises(EncodeError, match=r"Cannot encode result\.when: "):
        dumps(BSON_TYPE, {"result": {"when": when.replace(tzinfo=east)}})


@each_codec
def test_value_that_holds_itself_is_refused(content_type: str) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(EncodeError, match="nested too deeply"):
        dumps(content_type, {"result": endless})


# Depth


@each_codec
@pytest.mark.parametrize("deepest", [128, 5])
def test_levels_up_to_max_depth_are_read_and_more_are_malformed(
    content_type: str, deepest: int, toto: Callable[..., None]
) -> None:
    toto(MAX_DEPTH=deepest)
    write, _ = independent(content_type)
    assert loads(content_type, write(nested(deepest))) == nested(deepest)
    with pytest.raises(Malformed, match=f"more than {deepest} levels"):
        loads(content_type, write(nested(deepest + 1)))


@each_codec
def test_an_empty_container_is_a_level_too(content_type: str) -> None:
    write, _ = independent(content_type)
    with pytest.raises(Malformed, match="more than 128 levels"):
        loads(content_type, write(nested(129, innermost={})))


def nested(levels: int, innermost: Any = None) -> Any:
    """A mapping of so many levels."""
    value = {"a": 1} if innermost is None else innermost
    for _ in range(levels - 1):
        value = {"a": value}
    return value


# How many objects and lists


@pytest.mark.parametrize("content_type", [JSON_TYPE, MESSAGEPACK_TYPE])
@pytest.mark.parametrize("inner", [[], {}, [[1]], [{"a": []}]], ids=repr)
def test_containers_up_to_the_limit_are_read_and_more_are_malformed(
    content_type: str, inner: Any, toto: Callable[..., None]
) -> None:
    write, _ = independent(content_type)
    value = {"text": "é[{" * 1000, "list": [inner] * 10}
    there_are = 2 + 10 * json.dumps(inner).count("[") + 10 * json.dumps(inner).count("{")
    toto(MAX_CONTAINERS=there_are)
    assert loads(content_type, write(value)) == value
    toto(MAX_CONTAINERS=there_are - 1)
    with pytest.raises(Malformed, match=f"more than {there_are - 1} objects and lists"):
        loads(content_type, write(value))


def test_containers_of_the_old_raw_family_are_counted(toto: Callable[..., None]) -> None:
    body = msgpack.packb([b"\xff", *([[]] * 9)], use_bin_type=False)
    toto(MAX_CONTAINERS=10)
    assert loads(MESSAGEPACK_TYPE, body) == [b"\xff", *([[]] * 9)]
    toto(MAX_CONTAINERS=9)
    with pytest.raises(Malformed, match="more than 9 objects and lists"):
        loads(MESSAGEPACK_TYPE, body)


@pytest.mark.parametrize(
    "text", ['"[', '"\\"[', '"[\\', '"[\\\\"', '"["[', '["\\\\"]{'], ids=lambda text: text.replace("\\", "/")
)
def test_brackets_of_no_json_are_counted_in_linear_time(text: str, toto: Callable[..., None]) -> None:
    toto(MAX_CONTAINERS=10)
    begun = time.perf_counter()
    with pytest.raises(Malformed):
        loads(JSON_TYPE, (text * 200_000).encode())
    assert time.perf_counter() - begun < 5


# MessagePack's two families


def test_old_raw_family_is_read_as_text_where_it_is_text() -> None:
    body = msgpack.packb({"method": "echo", "name": "café"}, use_bin_type=False)
    assert loads(MESSAGEPACK_TYPE, body) == {"method": "echo", "name": "café"}


def test_old_raw_data_that_is_no_text_is_bytes() -> None:
    body = msgpack.packb({"text": "é", "list": [b"\xff\xfe"], "map": {b"\xff": "ok"}}, use_bin_type=False)
    assert loads(MESSAGEPACK_TYPE, body) == {"text": "é", "list": [b"\xff\xfe"], "map": {b"\xff": "ok"}}


def test_new_family_keeps_text_and_bytes_apart() -> None:
    body = dumps(MESSAGEPACK_TYPE, ["a", b"a"])
    assert body == b"\x92\xa1a\xc4\x01a"
    assert loads(MESSAGEPACK_TYPE, body) == ["a", b"a"]


def test_use_bin_type_false_answers_in_the_old_family(toto: Callable[..., None]) -> None:
    toto(CODECS={"msgpack": {"use_bin_type": False}})
    assert dumps(MESSAGEPACK_TYPE, [b"a", "x" * 40]) == b"\x92\xa1a" + b"\xda\x00\x28" + b"x" * 40


def test_messagepack_timestamps_are_read_as_datetimes() -> None:
    assert loads(MESSAGEPACK_TYPE, msgpack.packb([WHEN], datetime=True)) == [WHEN]


# Bodies made to hurt


def bson_levels(levels: int) -> bytes:
    document = b"\x05\0\0\0\0"
    for _ in range(levels):
        document = struct.pack("<i", len(document) + 7) + b"\x03\0" + document + b"\0"
    return document


BIG_ARRAY = b"\xdd" + struct.pack(">I", 2**20)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (MESSAGEPACK_TYPE, b"\xdd\xff\xff\xff\xff"),
        (MESSAGEPACK_TYPE, b"\xdf\xff\xff\xff\xff"),
        (MESSAGEPACK_TYPE, b"\xc6\xff\xff\xff\xff"),
        (MESSAGEPACK_TYPE, b"\xc9\xff\xff\xff\xff\x05"),
        (MESSAGEPACK_TYPE, (BIG_ARRAY * 400).ljust(2**20 + 100, b"\xc0")),
        (MESSAGEPACK_TYPE, b"\x91" * 2**20),
        (MESSAGEPACK_TYPE, b"\x81\xa1a" * 2**18),
        (MESSAGEPACK_TYPE, b"\x81\x90\x01"),
        (MESSAGEPACK_TYPE, b"\xc1"),
        (BSON_TYPE, struct.pack("<i", 2**31 - 1) + b"\0"),
        (BSON_TYPE, struct.pack("<i", -1) + b"\0"),
        (BSON_TYPE, b"\x0c\0\0\0\x02a\0\xff\xff\xff\x7f\0"),
        (BSON_TYPE, b"\x10\0\0\0\x09a\0\xff\xff\xff\xff\xff\xff\xff\x7f\0"),
        (BSON_TYPE, bson_levels(20_000)),
        (JSON_TYPE, b"[" * 2**20),
        (JSON_TYPE, b'{"a":' * 2**18),
        (JSON_TYPE, b"9" * 2**20),
        (FORM_TYPE, b"a&" * 2**20),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n\r\n" * 2**17),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"a" * 2**20),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[:8]),
)
def test_bodies_made_to_hurt_are_malformed_at_once(content_type: str, body: bytes) -> None:
    started = time.perf_counter()
    with pytest.raises(Malformed) as refused:
        loads(content_type, body)
    assert time.perf_counter() - started < 1
    assert refused.value.status == 400
    assert not refused.value.value.endswith(": ."), "it says no reason"


# Which codec


@pytest.mark.parametrize(
    ("content_type", "name"),
    [
        ("", "json"),
        (" ; charset=utf-8", "json"),
        ("application/json; charset=latin-1", "json"),
        ("Application/BSON", "bson"),
        ("application/x-msgpack", "msgpack"),
        ("application/vnd.msgpack;a=b", "msgpack"),
        (FORM_TYPE, "form"),
        ("MULTIPART/form-data", "multipart"),
    ],
)
def test_media_types_are_compared_whole_without_case_or_parameters(content_type: str, name: str) -> None:
    assert codec_for(content_type).name == name


@pytest.mark.parametrize(
    "content_type", ["application/jsonp", "application", "text/json", "*/*", "application/json,"]
)
def test_other_media_types_are_unsupported(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType) as refused:
        codec_for(content_type)
    assert (refused.value.status, refused.value.code) == (415, 1000)


@pytest.mark.parametrize("enabled", [["json"], {"json": {}}], ids=["list", "dict"])
def test_codec_that_is_off_is_unsupported_and_forms_stay_on(enabled: Any, toto: Callable[..., None]) -> None:
    toto(CODECS=enabled)
    assert codec_for(JSON_TYPE).name == "json"
    assert codec_for(FORM_TYPE).name == "form"
    with pytest.raises(UnsupportedMediaType):
        codec_for(BSON_TYPE)


@pytest.mark.parametrize("value", [1, "text", None, [{"a": 1}]])
def test_bson_says_that_it_has_documents_only(value: Any) -> None:
    with pytest.raises(EncodeError, match="Cannot encode document"):
        codec_for("application/bson").dumps(value)
