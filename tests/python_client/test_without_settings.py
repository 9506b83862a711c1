"""The client needs no configured Django, and its requests are the recorded ones."""

import base64
import inspect
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import toto_django.client
from tests.python_client.conftest import PASSWORD
from tests.realtime import Server
from toto_django import exceptions
from toto_django.client import AsyncClient, Client, RemoteError, Session, TotoError
from toto_django.remote import errors
from toto_django.remote.errors import remote_error
from toto_django.signing import SCHEMES

PARTS = {"session_key": ["$method", "$path", "$body"], "user_id": ["$body"]}
WIRE = Path(__file__).resolve().parent.parent / "wire"
SCRIPT = """
import sys
from django.conf import settings
from toto_django.client import Client, InvalidMethod

for codec in ("json", "bson", "msgpack"):
    with Client(sys.argv[1], codec=codec) as client:
        client.create(f"{codec}-{sys.argv[2]}", "correct horse battery")
        with client.batch() as batch:
            user = batch.call("rt.user")
        nested = value = []
        for _ in range(60):
            nested.append([])
            nested = nested[0]
        assert client.call("rt.echo", {"value": value, "kind": {1: {2, 2}}})["value"] == value
        print(user.result()["user_id"])
assert not settings.configured
assert not [name for name in sys.modules if name == "toto_django.models"]
"""


@pytest.mark.server
def test_a_program_without_settings_may_use_it(user_id_service: Server, name: str) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DJANGO_")}
    url = f"http://127.0.0.1:{user_id_service.port}/"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, url, name],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.split() == [f"{codec}-{name}" for codec in ("json", "bson", "msgpack")]


# Recordings


def recorded() -> Iterator[Any]:
    """Every POST in a session that was signed as its scheme says."""
    for path in sorted(WIRE.glob("*.jsonl")):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        scheme = lines[0]["settings"].get("HMAC")
        for case in lines[1:]:
            sign, request = case.get("sign", {}), case["request"]
            is_signed = sign.get("scheme") == scheme and sign.get("parts") == PARTS.get(scheme)
            is_sent = request["method"] == "POST" and "x-toto-session-id" in request["headers"]
            if is_signed and is_sent and "recorded_key" in sign:
                yield pytest.param(scheme, sign["recorded_key"], request, id=f"{path.stem}-{case['name']}")


def body_of(request: Any) -> bytes:
    if request.get("body_b64"):
        return base64.b64decode(request["body_b64"])
    return (request["body"] or "").encode()


def is_pythons(request: Any) -> bool:
    """A call, written as Python writes JSON, or binary."""
    try:
        return "decoded" in request or json.dumps(json.loads(request["body"])) == request["body"]
    except ValueError:
        return False


WITHOUT_NAMESAKE = {
    "BodyTimedOut",
    "HeadersTooLarge",
    "InvalidResponseHMAC",
    "MethodNotAllowed",
    "StaleRequest",
    "TotoException",
    "UnsupportedMediaType",
}
"""Kinds of others that the wire does not tell apart by their codes."""
RECORDED = list(recorded())
PYTHONS = [case for case in RECORDED if is_pythons(case.values[2])]


@pytest.mark.parametrize(("scheme", "key", "recording"), RECORDED)
def test_recorded_requests_are_signed_as_clients_sign(scheme: str, key: str, recording: Any) -> None:
    header = SCHEMES[scheme].sign_request(key, "", "POST", recording["path"], body_of(recording))
    assert header == recording["headers"]["x-toto-hmac"]


@pytest.mark.parametrize(("scheme", "key", "recording"), PYTHONS)
def test_requests_are_the_recorded_ones(scheme: str, key: str, recording: Any) -> None:
    headers = recording["headers"]
    session = Session(headers["x-toto-session-id"], user_id=key, expires=4e9, key=key)
    options: Any = {"codec": headers["Content-Type"].removeprefix("application/"), "session": session}
    with Client(f"http://toto.test{recording['path']}", signing=scheme, **options) as client:
        content = recording.get("decoded") or json.loads(recording["body"])
        made = client.conversation.request(content, None)
    assert made.body == body_of(recording)
    assert made.headers == {
        "content-type": headers["Content-Type"],
        "x-toto-session-id": headers["x-toto-session-id"],
        "x-toto-hmac": headers["x-toto-hmac"],
    }


def test_there_are_recordings_of_every_scheme_and_format() -> None:
    assert {case.values[0] for case in PYTHONS} == {"user_id", "session_key"}
    assert {case.values[2]["headers"]["Content-Type"] for case in PYTHONS} == {
        "application/json",
        "application/bson",
        "application/msgpack",
    }
    assert len(PYTHONS) > 30


# The public surface


def test_plain_and_asynchronous_clients_are_twins() -> None:
    plain = {name for name in dir(Client) if not name.startswith("_")}
    twin = {name for name in dir(AsyncClient) if not name.startswith("_")}
    assert plain - twin == set()
    assert twin - plain == {"socket"}
    for name in plain - {"session", "methods", "url"}:
        ours, theirs = (inspect.signature(getattr(kind, name)).parameters for kind in (Client, AsyncClient))
        assert list(ours.values()) == list(theirs.values()), name


def test_every_error_of_the_server_has_its_namesake() -> None:
    server = set(exceptions.__all__) - WITHOUT_NAMESAKE
    for name in server:
        assert issubclass(getattr(toto_django.client, name), RemoteError)
        assert not issubclass(getattr(toto_django.client, name), exceptions.TotoException)
    for code in [*range(1000, 1011), *range(1100, 1105)]:
        kind = type(remote_error({"code": code, "value": "x"})).__name__
        assert kind in server or code == 1009


def test_every_error_is_public_and_one_of_them() -> None:
    for name in errors.__all__:
        value = getattr(errors, name)
        if inspect.isclass(value):
            assert issubclass(value, TotoError)
            assert getattr(toto_django.client, name) is value


def test_errors_survive_a_pickle() -> None:
    error = remote_error({"code": 1100, "value": "Wrong.", "fields": {"a": ["b"]}}, 400)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.fields, again.status) == (
        type(error),
        str(error),
        {"a": ["b"]},
        400,
    )


def test_sessions_are_plain_values_and_back() -> None:
    session = Session("A" * 22, "ada", 4e9, "key")
    assert Session.from_dict(json.loads(json.dumps(session.to_dict()))) == session
    assert not session.has_expired
    assert Session("A" * 22, "", 1.0).has_expired
    assert PASSWORD not in repr(session)
