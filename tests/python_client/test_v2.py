"""The client under the signing scheme v2: golden vectors, clocks, replays, web sockets."""

import time
from typing import Any

import httpx
import pytest

from tests.python_client.conftest import PASSWORD, Make
from tests.python_client.test_sockets import client_of, on_a_loop
from tests.realtime import Server
from tests.vectors import SIGNING_V2, body_of
from toto_django.client import Client, InvalidHMAC, InvalidResponseHMAC, Session
from toto_django.remote import conversation
from toto_django.signing import SCHEMES

HOUR = 3600


@pytest.mark.parametrize("vector", SIGNING_V2["requests"], ids=lambda vector: vector["name"])
def test_requests_are_signed_as_the_vectors_say(vector: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: vector["time"] + 0.999)
    monkeypatch.setattr("secrets.token_urlsafe", lambda size: vector["nonce"])
    key = SIGNING_V2["sessions"][vector["session"]]["key"]
    signed = SCHEMES["v2"].sign_request(
        key, vector["session_id"], vector["method"], vector["uri"], body_of(vector)
    )
    assert signed == vector["header"]


def recorded(client: Client) -> list[httpx.Request]:
    """What a plain client sends from now on."""
    requests: list[httpx.Request] = []
    client._http.event_hooks = {"request": [requests.append]}
    return requests


@pytest.mark.server
def test_request_that_is_sent_again_is_refused(v2_service: Server, name: str) -> None:
    with Client(f"http://127.0.0.1:{v2_service.port}/", signing="v2") as client:
        client.create(name, PASSWORD)
        requests = recorded(client)
        client.call("rt.user")
        with httpx.Client() as other:
            answer = other.send(requests[0]).json()
    assert answer["error"]["code"] == 1008


@pytest.mark.server
@pytest.mark.parametrize("off", [-HOUR, HOUR])
def test_clock_that_is_off_is_set_right_once(
    v2_service: Server, make: Make, name: str, off: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make(v2_service)
    client.create(name, PASSWORD)
    told = time.time
    monkeypatch.setattr(time, "time", lambda: told() + off)
    assert client.call("rt.user") == {"user_id": name}
    assert client.call("rt.user") == {"user_id": name}
    assert abs(client.conversation._clock_offset + off) < 60


@pytest.mark.server
def test_clock_is_not_set_to_any_time_a_service_says(
    v2_service: Server, make: Make, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make(v2_service)
    client.create(name, PASSWORD)
    told = time.time
    monkeypatch.setattr(time, "time", lambda: told() - 2 * conversation.LARGEST_OFFSET)
    with pytest.raises(InvalidHMAC):
        client.call("rt.user")
    assert client.conversation._clock_offset == 0


@pytest.mark.server
def test_answer_of_another_scheme_is_refused(session_key_service: Server, make: Make, name: str) -> None:
    client = make(session_key_service, signing="v2")
    with pytest.raises(InvalidResponseHMAC):
        client.create(name, PASSWORD)


@pytest.mark.server
@on_a_loop
async def test_web_socket_is_opened_with_a_signature(v2_service: Server, name: str) -> None:
    async with client_of(v2_service, signing="v2") as client:
        session = await client.create(name, PASSWORD)
        async with client.socket() as connected:
            assert await connected.call("rt.user") == {"user_id": name}
        client.session = Session(session.session_id, session.user_id, session.expires, "another key")
        async with client.socket() as connected:
            with pytest.raises(InvalidHMAC):
                await connected.call("rt.user")
