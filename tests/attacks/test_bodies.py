"""Bodies made to cost more than they weigh: see tests/attacks/bombs.py."""

import json
import os
import resource
import subprocess
import sys
import time
import tracemalloc
from typing import Any

import msgpack
import pytest

from tests.attacks.bombs import (
    BSON,
    JSON,
    MEGABYTE,
    MESSAGEPACK,
    REFUSED,
    bson_document,
    bson_references,
    bson_scopes,
    filled,
)
from tests.calls import Service
from tests.conformance.recordings import Request
from tests.conformance.transports import AsgiTransport, WsgiTransport
from tests.realtime import ROOT
from toto_django import sessions
from toto_django.codecs import codec_for
from toto_django.wsgi import get_wsgi_application

PATIENCE = 5
"""Seconds for what takes a few hundredths."""


def result_of(service: Service, content_type: str, body: bytes) -> Any:
    """The decoded answer to a call."""
    response = service.send("POST", "/", body, content_type=content_type)
    return codec_for(response.headers["Content-Type"]).loads(response.content)


@pytest.mark.parametrize(("content_type", "body"), REFUSED.values(), ids=REFUSED)
def test_bomb_is_refused_at_once_in_words_of_our_own(
    service: Service, caplog: pytest.LogCaptureFixture, content_type: str, body: bytes
) -> None:
    begun = time.perf_counter()
    response = service.send("POST", "/echo", body, content_type=content_type)
    assert time.perf_counter() - begun < PATIENCE
    assert response.status_code in (400, 413)
    assert response.headers["Content-Type"] == "application/json"
    error = json.loads(response.content)["error"]
    assert error["code"] == (1000 if response.status_code == 400 else 1103)
    assert len(error["value"]) < 300
    assert "Traceback" not in error["value"]
    assert [record for record in caplog.records if record.name == "toto_django"] == []
    assert service.call("echo", {"a": 1}) == {"result": {"parameters": {"a": 1}}}


@pytest.mark.parametrize("name", [name for name, (kind, body) in REFUSED.items() if len(body) < 2 * MEGABYTE])
def test_bomb_takes_bounded_memory(name: str) -> None:
    content_type, body = REFUSED[name]
    codec = codec_for(content_type)
    tracemalloc.start()
    try:
        with pytest.raises(Exception, match=r"1000|1103"):
            codec.loads(body, content_type)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 * MEGABYTE


LARGE = 3 * MEGABYTE
LARGEST = {
    "lists": (JSON, b"[" + filled(b"[],", LARGE) + b"[]]"),
    "objects": (JSON, b"[" + filled(b"{},", LARGE) + b"{}]"),
    "maps": (MESSAGEPACK, b"\xdd" + LARGE.to_bytes(4, "big") + b"\x80" * LARGE),
    "texts": (MESSAGEPACK, b"\xdd" + (LARGE // 3).to_bytes(4, "big") + b"\xa2ab" * (LARGE // 3)),
    "lying arrays": (MESSAGEPACK, (b"\xdd" + LARGE.to_bytes(4, "big")) * 1000 + b"\xc0" * LARGE),
}
SCRIPT = """
import resource
import django
django.setup()
from tests.attacks.test_bodies import LARGEST
from toto_django.codecs import codec_for
from toto_django.wsgi import get_wsgi_application
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name, (content_type, body) in LARGEST.items():
    try:
        codec_for(content_type).loads(body)
    except Exception as error:
        assert type(error).__name__ == "Malformed", error
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def limit_process() -> None:
    for kind, most in ((resource.RLIMIT_AS, 2048 * MEGABYTE), (resource.RLIMIT_CPU, 60)):
        resource.setrlimit(kind, (most, most))


def test_body_of_the_smallest_values_takes_thirty_times_its_size_at_most() -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.service.settings"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env=environment,
        preexec_fn=limit_process,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) < 30 * LARGE


@pytest.mark.parametrize("verb", ["POST", "GET", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("kind", [WsgiTransport, AsgiTransport], ids=["wsgi", "asgi"])
def test_content_type_that_django_refuses_to_read_is_no_failure(kind: Any, verb: str, db: None) -> None:
    headers = {"Host": "toto.test", "Content-Type": f"application/json; a={'b' * 20_000}"}
    with kind() as transport:
        if kind is WsgiTransport:
            transport.application = get_wsgi_application()
        sent = Request(method=verb, path="/echo", headers=headers, body=b"{}")
        assert transport.send(sent).result(PATIENCE).status in (200, 400)


# What is odd, but no bomb


def test_last_of_duplicate_keys_is_meant_in_every_format(service: Service) -> None:
    twice = {
        JSON: b'{"method": "no.such", "parameters": 1, "method": "echo", "parameters": 2}',
        MESSAGEPACK: b"\x84"
        + b"".join(map(msgpack.packb, ("method", "no.such", "parameters", 1)))
        + b"".join(map(msgpack.packb, ("method", "echo", "parameters", 2))),
        BSON: bson_document(
            b"\x02method\0\x08\0\0\0no.such\0\x10parameters\0\1\0\0\0"
            b"\x02method\0\x05\0\0\0echo\0\x10parameters\0\2\0\0\0"
        ),
    }
    for content_type, body in twice.items():
        assert result_of(service, content_type, body) == {"result": {"parameters": 2}}


@pytest.mark.parametrize(
    "text", ["\0", "a\0b", "\ud800", "\udfff\ud800", "\u202e", "\uffff", "\x7f\x1b[2J"], ids=ascii
)
def test_odd_characters_come_back_as_they_went(service: Service, text: str) -> None:
    body = json.dumps({"method": "echo", "parameters": {text: text}}).encode()
    assert result_of(service, JSON, body) == {"result": {"parameters": {text: text}}}
    response = service.send("POST", "/", body)
    assert response.content.isascii()
    assert all(byte >= 0x20 for byte in response.content)


def test_number_of_4300_digits_is_one(service: Service) -> None:
    body = b'{"method": "echo", "parameters": {"n": ' + b"9" * 4300 + b"}}"
    assert result_of(service, JSON, body)["result"]["parameters"]["n"] == 10**4300 - 1


@pytest.mark.parametrize("levels", [129, 250])
@pytest.mark.parametrize("nested", [bson_scopes, bson_references], ids=["scopes", "references"])
def test_levels_of_bson_count_whatever_they_are_made_of(wsgi: Service, nested: Any, levels: int) -> None:
    error = result_of(wsgi, BSON, nested(levels))["error"]
    assert error == {"code": 1000, "value": "The body has more than 128 levels."}


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 7, 8, 9, 127])
@pytest.mark.parametrize("data", [b"", b"\xc0", b"\x91\x90", b"\xa1x", b"\xa91e9999999"], ids=repr)
def test_extension_type_of_a_client_is_none_of_the_states(
    wsgi: Service, without_signatures: None, code: int, data: bytes
) -> None:
    """There 1 to 9 are the codes of tuples, sets, dates and so on."""
    sent = {"method": "sess.set", "parameters": {"k": "kept", "v": msgpack.ExtType(code, data)}}
    answer = result_of(wsgi, MESSAGEPACK, msgpack.packb(sent))
    session = sessions.load_session(answer["session"]["session_id"])
    assert session is not None
    assert session["kept"] == (code, data)
    echoed = {"method": "echo", "parameters": [msgpack.ExtType(code, data)]}
    assert result_of(wsgi, MESSAGEPACK, msgpack.packb(echoed))["result"]["parameters"] == [(code, data)]


CRASH = """
import django, msgpack, struct
django.setup()
from django.test import Client
from toto_django.serializers import pack, unpack
data, value = b"\\xc0", None
for _ in range(2000):
    data, value = b"\\xc9" + struct.pack(">I", len(data)) + b"\\x01" + data, (value,)
client = Client()
call = {"method": "sess.set", "parameters": {"k": "a", "v": msgpack.ExtType(1, data)}}
answer = client.generic("POST", "/", msgpack.packb(call), "application/msgpack")
session = msgpack.unpackb(answer.content)["session"]["session_id"]
body = b'{"method": "sess.get", "parameters": {"k": "a"}}'
answer = client.generic("POST", "/", body, "application/json", headers={"x-toto-session-id": session})
assert b'"result": {"value": [1, ' in answer.content, answer.content
for function, argument in ((pack, value), (unpack, data)):
    try:
        function(argument)
    except ValueError as error:
        print(error)
"""


def test_extension_types_in_one_another_do_not_end_the_process() -> None:
    """What reads them takes 50 KB of the stack for each, and a stack that is full raises nothing."""
    toto = {"HMAC": None, "STORES": {"default": {"BACKEND": "toto_django.stores.memory.MemoryStore"}}}
    environment = {"DJANGO_SETTINGS_MODULE": "tests.service.settings", "TOTO_TEST_TOTO": json.dumps(toto)}
    done = subprocess.run(
        [sys.executable, "-c", CRASH],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:] or f"it ended with {done.returncode}"
    assert done.stdout.count("nested in one another") == 2
