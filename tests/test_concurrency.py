"""Parallel requests: in this process over the WSGI handler, and over real servers.

The servers import this module for its methods, while Django starts there.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client

from toto_django import method, sessions
from toto_django.invocation import anonymous_session
from toto_django.stores import get_store

REQUESTS = 50
CREATORS = 20
PATIENCE = 20

Body = dict[str, Any]
Send = Callable[[list[Body], str], list[Body]]
"""Sends requests at once, all with one session id; returns the decoded answers."""

both_loaded = Barrier(2)


def increment(state: dict[str, Any]) -> None:
    state["counter"] = state.get("counter", 0) + 1


@method("concurrency.add")
@anonymous_session
def add(handler: Any, parameters: Any) -> Any:
    handler.session.update(increment)
    return {"counter": handler.session["counter"]}


@method("concurrency.aadd")
@anonymous_session
async def aadd(handler: Any, parameters: Any) -> Any:
    await handler.session.aupdate(increment)
    return {"counter": handler.session["counter"]}


@method("concurrency.set")
@anonymous_session
def set_(handler: Any, parameters: Any) -> Any:
    """Waits until another request, too, has loaded the session and changed it in memory."""
    handler.session[parameters["key"]] = parameters["value"]
    both_loaded.wait(PATIENCE)
    handler.session.save()
    return dict(handler.session)


def in_process() -> Iterator[Send]:
    """Django's test client, which calls the WSGI handler, in threads."""

    def post(body: Body, session_id: str) -> Body:
        try:
            headers = {"x-toto-session-id": session_id}
            return Client(headers=headers).post("/", body, content_type="application/json").json()
        finally:
            connections.close_all()

    def send(bodies: list[Body], session_id: str) -> list[Body]:
        with ThreadPoolExecutor(len(bodies)) as threads:
            return list(threads.map(post, bodies, [session_id] * len(bodies)))

    yield send


def over(server: str) -> Callable[[], Iterator[Send]]:
    """A server in a subprocess."""

    def started() -> Iterator[Send]:
        # Not at the top, because it starts Django, which the servers that import this module just do.
        from tests.conformance import servers
        from tests.conformance.recordings import Request

        toto = {"HMAC": None, "METHOD_MODULES": [__name__]}
        environment = {
            "TOTO_TEST_TOTO": json.dumps(toto),
            "TOTO_TEST_NAME": str(connection.settings_dict["NAME"]),
        }

        def send(bodies: list[Body], session_id: str) -> list[Body]:
            headers = {"Content-Type": "application/json", "x-toto-session-id": session_id}
            answers: list[Future[Any]] = []
            for body in bodies:
                data = json.dumps(body).encode()
                request = Request(method="POST", path="/", headers=headers, body=data)
                answers.append(transport.send(request))
            return [answer.result(PATIENCE).decoded for answer in answers]

        with getattr(servers, server)(environment) as transport:
            yield send

    return started


WAYS: Mapping[str, Callable[[], Iterator[Send]]] = {
    "in process": in_process,
    "gunicorn": over("GunicornTransport"),
    "uvicorn": over("UvicornTransport"),
}


@pytest.fixture(params=WAYS)
def send(request: pytest.FixtureRequest, transactional_db: None, settings: Any) -> Iterator[Send]:
    settings.TOTO = {**settings.TOTO, "HMAC": None}
    yield from WAYS[request.param]()


def kept(session_id: str) -> dict[str, Any]:
    """The state as it is in the database."""
    session = sessions.load_session(session_id)
    assert session is not None
    return dict(session)


@pytest.mark.parametrize("name", ["concurrency.add", "concurrency.aadd"])
def test_every_one_of_many_parallel_updates_counts(send: Send, name: str) -> None:
    session_id = sessions.create_session().session_id
    answers = send([{"method": name, "parameters": {}}] * REQUESTS, session_id)
    assert [answer["error"] for answer in answers if "error" in answer] == []
    assert {answer["session"]["session_id"] for answer in answers} == {session_id}
    assert kept(session_id) == {"counter": REQUESTS}


def test_different_keys_saved_by_two_requests_at_once_both_survive(send: Send) -> None:
    session = sessions.create_session()
    session["old"] = 0
    session.save()
    changes = [{"key": "a", "value": 1}, {"key": "b", "value": 2}]
    bodies = [{"method": "concurrency.set", "parameters": change} for change in changes]
    answers = send(bodies, session.session_id)
    assert [answer.get("error") for answer in answers] == [None, None]
    assert kept(session.session_id) == {"old": 0, "a": 1, "b": 2}


def test_one_of_many_parallel_creators_of_a_user_id_wins(send: Send) -> None:
    creations = [
        {"method": "account.create", "parameters": {"user_id": "Ann", "password": "secret", "number": number}}
        for number in range(CREATORS)
    ]
    answers = send(creations, "")
    [winner] = [number for number, answer in enumerate(answers) if "result" in answer]
    errors = [answer["error"]["code"] for answer in answers if "error" in answer]
    assert errors == [1006] * (CREATORS - 1)
    assert answers[winner]["result"]["user_id"] == "ann"
    assert get_store("default").get_account("ann").properties == {"number": winner}
    assert get_store("default").count_sessions_of("ann") == 1
