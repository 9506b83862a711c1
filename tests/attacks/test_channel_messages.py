"""Messages that no hub has sent, in the channel layer: dropped with one line in the log, and events go on."""

import logging
import pickle
import struct
import time
import uuid
from collections.abc import Callable, Iterator
from queue import Queue
from typing import Any, ClassVar

import msgpack
import pytest
from django.test import override_settings
from redis import Redis

from tests.realtime import PATIENCE, until
from toto_django.events import EventManager
from toto_django.hub import group_name
from toto_django.serializers import pack

Arrived = Queue[Any]
EVENT = "attacked"


class Bomb:
    """Unpickling it would leave a trace."""

    exploded: ClassVar[list[bool]] = []

    def __reduce__(self) -> Any:
        return (self.exploded.append, (True,))


def nested_extensions(levels: int) -> bytes:
    """Tuples in tuples, as extension types of states and events."""
    data = b"\xc0"
    for _ in range(levels):
        data = b"\xc9" + struct.pack(">I", len(data)) + b"\x01" + data
    return data


EVENT_MEMBERS: dict[str, Any] = {
    "type": "toto.event",
    "event": EVENT,
    "args": pack("good"),
    "sender": "s",
    "number": 5,
}
WRONG: dict[str, Any] = {
    "nothing": {},
    "another type": {"type": "other"},
    "no payload": {"type": "toto.event", "event": EVENT},
    "no name": {"type": "toto.event", "args": pack(1)},
    **{
        f"{member} is {kind}": {**EVENT_MEMBERS, member: value}
        for member in ("event", "args", "sender", "number")
        for kind, value in {"a list": [1], "null": None, "an object": {"$gt": ""}, "a float": 0.5}.items()
    },
    "number without sender": {"type": "toto.event", "event": EVENT, "args": pack(1), "number": 1},
    "offer that is a list": {"type": "toto.event", "request": "r", "offer": [1]},
    "request that is an object": {"type": "toto.event", "event": EVENT, "request": {}, "sender": "s"},
    "offer and event": {**EVENT_MEMBERS, "offer": "x"},
    "request and event": {**EVENT_MEMBERS, "request": "x"},
    "payload that is no MessagePack": {**EVENT_MEMBERS, "args": b"\xc1"},
    "payload cut off": {**EVENT_MEMBERS, "args": b"\xdd\xff\xff\xff\xff"},
    "payload of many levels": {**EVENT_MEMBERS, "args": nested_extensions(2000)},
    "payload with a wrong set": {**EVENT_MEMBERS, "args": b"\xc7\x02\x02\x91\x90"},
    "payload with a wrong date": {**EVENT_MEMBERS, "args": b"\xc7\x02\x04\xa1x"},
    "payload that is a pickle": {**EVENT_MEMBERS, "args": pickle.dumps(Bomb())},
    "huge payload": {**EVENT_MEMBERS, "args": b"\xc1" * 1_000_000},
    "huge name": {**EVENT_MEMBERS, "event": ["x" * 1_000_000]},
}
RAW: dict[str, bytes] = {
    "no MessagePack": b"\xc1garbage",
    "empty": b"",
    "a number": b"\x05",
    "a text": b"\xa3abc",
    "a list": b"\x93\1\2\3",
    "null": b"\xc0",
    "cut off": b"\x82\xa4type",
    "of many levels": b"\x91" * 5000,
    "a pickle": pickle.dumps(Bomb()),
    "JSON": b'{"type": "toto.event"}',
    "huge": b"\xc1" * 1_000_000,
    "text that is no UTF-8": b"\x81\xa4type\xa2\xff\xfe",
}


@pytest.fixture
def manager() -> Iterator[EventManager]:
    manager = EventManager.instance()
    yield manager
    until(lambda: manager.count_handlers() == 0)


@pytest.fixture
def arrived(manager: EventManager) -> Iterator[Arrived]:
    """Payloads of `EVENT`."""
    arrived: Arrived = Queue()
    registration = manager.register_handler(EVENT, arrived.put, persist=True)
    yield arrived
    manager.remove_handler(registration)


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> Callable[[], list[logging.LogRecord]]:
    """What the hub complained of."""
    return lambda: [each for each in caplog.records if each.name == "toto_django"]


def goes_on(manager: EventManager, arrived: Arrived) -> bool:
    """Later events arrive, each once."""
    for number in range(3):
        manager.send(EVENT, number)
    return {arrived.get(timeout=PATIENCE) for _ in range(3)} == {0, 1, 2} and arrived.empty()


def one_line(record: logging.LogRecord) -> bool:
    return record.exc_info is None and record.getMessage().isprintable() and len(record.getMessage()) < 500


@pytest.mark.parametrize("way", ["channel", "group"])
@pytest.mark.parametrize("message", WRONG.values(), ids=WRONG)
def test_message_of_a_wrong_form_is_dropped(
    manager: EventManager, arrived: Arrived, errors: Any, way: str, message: dict[str, Any]
) -> None:
    hub = manager.hub
    layer, channel = hub._layer, hub._channel
    sent = layer.send(channel, message) if way == "channel" else layer.group_send(group_name(EVENT), message)
    hub.submit(sent).result(PATIENCE)
    assert goes_on(manager, arrived)
    [record] = errors()
    assert one_line(record), record.getMessage()
    assert (hub.outages, hub._channel) == (0, channel)
    assert Bomb.exploded == []


@pytest.mark.parametrize("garbage", [None, 5, "text", b"bytes", (), (1,), (1, 2, 3), ("x", [])], ids=repr)
def test_what_is_no_message_is_dropped(
    manager: EventManager, arrived: Arrived, errors: Any, garbage: Any
) -> None:
    hub = manager.hub

    async def put() -> None:
        hub._layer.channels[hub._channel].put_nowait(garbage)

    hub.submit(put()).result(PATIENCE)
    assert goes_on(manager, arrived)
    assert len(errors()) == 1
    assert one_line(errors()[0])
    assert hub.outages == 0


def test_flood_of_wrong_messages_does_not_stop_events(manager: EventManager, arrived: Arrived) -> None:
    hub = manager.hub

    async def flood() -> None:
        for _ in range(5000):
            await hub._layer.send(hub._channel, {"type": "other"})

    hub.submit(flood()).result(PATIENCE)
    begun = time.monotonic()
    assert goes_on(manager, arrived)
    assert time.monotonic() - begun < PATIENCE


def test_number_of_a_stranger_spoils_no_count(manager: EventManager, arrived: Arrived) -> None:
    hub = manager.hub
    lost = hub.lost
    for number in (0, 10**30, -1):
        stranger = {**EVENT_MEMBERS, "sender": uuid.uuid4().hex, "number": number}
        hub.submit(hub._layer.send(hub._channel, stranger)).result(PATIENCE)
        assert arrived.get(timeout=PATIENCE) == "good"
    assert goes_on(manager, arrived)
    assert hub.lost == lost


# Redis, where the bytes are anybody's


@pytest.fixture
def redis_layer(redis_url: str, isolation: str) -> Iterator[Redis]:
    """Events go through Redis, under keys of the test's own."""
    config = {"hosts": [{"address": redis_url, "socket_timeout": None}], "prefix": isolation}
    layers = {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": config}}
    with override_settings(CHANNEL_LAYERS=layers), Redis.from_url(redis_url) as client:
        yield client


@pytest.mark.service
@pytest.mark.parametrize(
    "octets",
    [*RAW.values(), *map(msgpack.packb, list(WRONG.values())[:8])],
    ids=lambda octets: ascii(octets[:12]),
)
def test_bytes_in_redis_that_no_hub_has_sent_are_dropped(
    redis_layer: Redis, manager: EventManager, arrived: Arrived, errors: Any, isolation: str, octets: bytes
) -> None:
    assert goes_on(manager, arrived)
    key = isolation + manager.hub._channel.partition("!")[0] + "!"
    redis_layer.zadd(key, {octets: time.time()})
    until(lambda: not redis_layer.exists(key))
    assert goes_on(manager, arrived)
    assert all(one_line(record) for record in errors())
    assert len(errors()) <= 1
    assert manager.hub.outages == 0
    assert Bomb.exploded == []
