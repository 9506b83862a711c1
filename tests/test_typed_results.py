"""Dataclasses, enumerations and models as results, in every format."""

import dataclasses
import datetime
from collections.abc import Callable
from typing import Any

import bson
import msgpack
import pydantic
import pytest

from tests.calls import Service
from tests.enums import Kind, Level
from toto_django.codecs import EncodeError, codec_for
from toto_django.registry import Method

Register = Callable[..., Method]

WHEN = datetime.datetime(2015, 7, 9, 12, 30, tzinfo=datetime.UTC)
TYPES = ["application/json", "application/msgpack", "application/bson"]


@dataclasses.dataclass(frozen=True, slots=True)
class Note:
    kind: Kind
    at: datetime.datetime
    below: "list[Note]" = dataclasses.field(default_factory=list)


class Model(pydantic.BaseModel):
    note: Note
    count: int = pydantic.Field(5, serialization_alias="n")


@pydantic.dataclasses.dataclass
class Checked:
    level: Level


def when(content_type: str) -> Any:
    return WHEN if content_type == "application/bson" else WHEN.isoformat()


@pytest.mark.parametrize("content_type", TYPES)
def test_objects_become_plain_in_every_format(content_type: str) -> None:
    note = Note(Kind.note, WHEN, [Note(Kind.note, WHEN)])
    value = {
        "a": [note, (Kind.note, Level.low), {Kind.note}],
        "b": Model(note=note),
        "c": Checked(Level.low),
        "d": datetime.timedelta(hours=1),
    }
    codec = codec_for(content_type)
    at = when(content_type)
    plain = {"kind": "note", "at": at, "below": [{"kind": "note", "at": at, "below": []}]}
    assert codec.loads(codec.dumps(value)) == {
        "a": [plain, ["note", 1], ["note"]],
        "b": {"note": plain, "n": 5},
        "c": {"level": 1},
        "d": "P0DT01H00M00S",
    }


@pytest.mark.parametrize("content_type", TYPES)
def test_what_has_no_form_is_named_by_its_path(content_type: str) -> None:
    with pytest.raises(EncodeError, match=r"Cannot encode a\[0\]\.at: a value of type object"):
        codec_for(content_type).dumps({"a": [Note(Kind.note, object())]})  # type: ignore[arg-type]


def test_class_is_no_result() -> None:
    with pytest.raises(EncodeError, match="type"):
        codec_for("application/json").dumps({"a": Note})


def test_circular_object_is_refused() -> None:
    note = Note(Kind.note, WHEN)
    note.below.append(note)
    for content_type in TYPES:
        with pytest.raises(EncodeError, match="nested too deeply"):
            codec_for(content_type).dumps({"a": note})


def test_enumerations_are_keys() -> None:
    for content_type, key in (("application/json", "1"), ("application/bson", "1")):
        codec = codec_for(content_type)
        assert codec.loads(codec.dumps({"a": {Level.low: 1, Kind.note: 2}})) == {"a": {key: 1, "note": 2}}


async def one(handler: Any) -> Note:
    return Note(Kind.note, WHEN)


@pytest.mark.parametrize(
    ("content_type", "dumps", "loads"),
    [("application/bson", bson.encode, bson.decode), ("application/msgpack", msgpack.packb, msgpack.unpackb)],
)
def test_typed_result_on_the_wire(
    service: Service, register: Register, content_type: str, dumps: Any, loads: Any
) -> None:
    register("test.x", one)
    answer = service.send(
        "POST", "/", dumps({"method": "test.x", "parameters": {}}), content_type=content_type
    )
    assert loads(answer.content)["result"]["kind"] == "note"
    assert service.call("test.x")["result"] == {"kind": "note", "at": WHEN.isoformat(), "below": []}
