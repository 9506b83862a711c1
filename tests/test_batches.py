"""Batches: order, the shared session, failures of single members, members that overlap."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

import pytest
from django.db import connections

from tests.calls import PASSWORD, Service
from tests.conformance.recordings import Request
from tests.conformance.transports import PATIENCE, AsgiTransport
from tests.service import journal
from toto_django.exceptions import Unavailable
from toto_django.invocation import anonymous_session, asynchronous, authenticated
from toto_django.models import Account, Session
from toto_django.registry import Method
from toto_django.stores import Store

Register = Callable[..., Method]
Toto = Callable[..., None]


class Odd(BaseException):
    """No Exception, and none of those that end a process."""


class DownStore(Store):
    """Its server does not answer."""

    def get_account(self, user_id: str) -> Any:
        raise Unavailable

    def create_session(self, user_id: str, expires: float, state: bytes = b"") -> Any:
        raise Unavailable

    def load_sessions(self, session_ids: Any) -> Any:
        raise Unavailable


def test_members_run_in_the_order_of_their_keys(service: Service, register: Register) -> None:
    ran: list[str] = []
    register("test.x", lambda handler, parameters: ran.append(parameters))
    answer = service.batch(
        {key: {"method": "test.x", "parameters": key} for key in ("b", "10", "a", "9", "é")}
    )
    assert ran == ["10", "9", "a", "b", "é"]
    assert answer == {"batch": {key: {"result": None} for key in ran}}


def test_failure_of_a_member_is_its_own(service: Service, register: Register) -> None:
    def odd(handler: Any, parameters: Any) -> Any:
        raise Odd

    register("test.odd", odd)
    answer = service.batch(
        {
            "a": {"method": "echo"},
            "b": {"method": "err.toto"},
            "c": {"method": "err.generic"},
            "d": {"method": "test.odd"},
            "e": {"method": "nope"},
            "f": {},
            "g": 5,
            "h": {"batch": {}},
            "i": {"method": "ret.nan"},
            "j": {"method": "err.toto_unserialisable"},
            "k": {"method": "echo", "parameters": {"x": 1}},
        }
    )["batch"]
    assert answer["a"] == {"result": {"parameters": {}}}
    assert answer["k"] == {"result": {"parameters": {"x": 1}}}
    codes = {key: member["error"]["code"] for key, member in answer.items() if "error" in member}
    assert codes == dict(
        zip("bcdefghij", [4242, 1000, 1000, 1001, 1002, 1000, 1002, 1000, 1000], strict=True)
    )
    assert answer["i"]["error"]["value"].startswith("Cannot encode result: ")
    assert answer["j"]["error"]["value"].startswith("Cannot encode error.value: ")


@pytest.mark.parametrize("name", ["plain.raw", "misc.redirect", "plain.redirect"])
def test_answer_that_is_no_result_is_an_error_of_its_member(service: Service, name: str) -> None:
    answer = service.batch({"a": {"method": name}, "b": {"method": "echo"}})["batch"]
    assert answer["a"]["error"]["code"] == 1000
    assert answer["b"] == {"result": {"parameters": {}}}


def test_jsonp_answer_is_an_error_of_its_member(service: Service) -> None:
    member = {"method": "req.jsonp", "parameters": {"jsonp": "cb"}}
    assert service.batch({"a": member})["batch"]["a"]["error"]["code"] == 1000


def test_members_share_the_session_that_a_login_starts(service: Service) -> None:
    login = service.create()
    credentials = {"user_id": "anna", "password": PASSWORD}
    answer = service.batch(
        {
            "a": {"method": "auth.required"},
            "b": {"method": "account.login", "parameters": credentials},
            "c": {"method": "auth.required"},
        }
    )
    assert answer["batch"]["a"]["error"]["code"] == 1004
    assert answer["batch"]["c"]["result"]["user_id"] == "anna"
    assert answer["session"] == answer["batch"]["b"]["result"]
    assert answer["session"]["session_id"] != login.session_id


def test_members_after_a_logout_are_not_authorized_and_the_session_is_still_shown(service: Service) -> None:
    login = service.create()
    answer = service.batch({"a": {"method": "account.logout"}, "b": {"method": "auth.required"}}, login)
    assert answer["batch"]["a"] == {"result": {"authenticated": False}}
    assert answer["batch"]["b"]["error"]["code"] == 1004
    assert answer["session"]["session_id"] == login.session_id


def test_failed_signature_answers_every_member_that_asks_and_none_runs(
    service: Service, register: Register
) -> None:
    ran: list[str] = []
    register("test.x", authenticated(lambda handler, parameters: ran.append("x")))
    members = {
        key: {"method": name}
        for key, name in zip("abcd", ["test.x", "echo", "auth.anon", "test.x"], strict=True)
    }
    forged = service.create()._replace(user_id="bertha")
    answer = service.batch(members, forged)
    assert [answer["batch"][key]["error"]["code"] for key in "acd"] == [1008, 1008, 1008]
    assert "result" in answer["batch"]["b"]
    assert "session" not in answer
    assert ran == []


def test_asynchronous_members_overlap(asgi: Service, register: Register) -> None:
    meeting = threading.Barrier(3, timeout=10)

    @asynchronous
    def meet(handler: Any, parameters: Any) -> None:
        threading.Thread(target=lambda: handler.respond(meeting.wait() >= 0)).start()

    register("test.x", meet)
    answer = asgi.batch({key: {"method": "test.x"} for key in "abc"})
    assert answer == {"batch": {key: {"result": True} for key in "abc"}}


@pytest.mark.parametrize("is_coroutine", [False, True])
def test_asynchronous_members_share_one_new_session(
    asgi: Service, register: Register, is_coroutine: bool
) -> None:
    def session_id(handler: Any, parameters: Any) -> Any:
        return handler.session.session_id

    async def asession_id(handler: Any, parameters: Any) -> Any:
        return handler.session.session_id

    register("test.x", asynchronous(anonymous_session(asession_id if is_coroutine else session_id)))
    answer = asgi.batch({key: {"method": "test.x"} for key in "abc"})
    shown = answer["session"]["session_id"]
    assert [answer["batch"][key]["result"] for key in "abc"] == [shown] * 3
    assert Session.objects.count() == 1


def test_client_that_leaves_a_batch_closes_every_member_invoked_so_far_once() -> None:
    journal.entries.clear()
    body = b"""{"batch": {
        "a": {"method": "misc.closed"},
        "b": {"method": "async_.never", "parameters": {"tag": "b"}},
        "c": {"method": "async_.never", "parameters": {"tag": "c"}},
        "d": {"method": "misc.closed_raises"}
    }}"""
    with AsgiTransport() as transport:
        request = Request(method="POST", path="/", headers={"Host": "toto.test"}, body=body)
        with pytest.raises(CancelledError):
            transport.send(request, leave_after=0.3).result(PATIENCE)
    closed = sorted(entry for entry in journal.entries if "on_connection_close" in entry[0])
    assert closed == [
        ["closed.on_connection_close"],
        ["never.on_connection_close", "b"],
        ["never.on_connection_close", "c"],
    ]
    assert [entry[0] for entry in journal.entries].count("after") == 1, "only the member that answered"


# A store that does not answer


@pytest.fixture
def down(toto: Toto) -> None:
    """Accounts and sessions are in a store that does not answer."""
    toto(STORES={"default": {"BACKEND": f"{__name__}.DownStore"}})


def test_store_that_is_down_answers_member_by_member(service: Service, down: None) -> None:
    members = {"a": {"method": "auth.required"}, "b": {"method": "echo"}, "c": {"method": "auth.anon"}}
    body = {
        "batch": {
            **members,
            "d": {"method": "account.login", "parameters": {"user_id": "a", "password": "b"}},
        }
    }
    answer = service.post(body, x_toto_session_id="some").json()
    assert [answer["batch"][key]["error"]["code"] for key in "acd"] == [1104, 1104, 1104]
    assert answer["batch"]["b"] == {"result": {"parameters": {}}}


def test_store_that_is_down_is_never_taken_for_a_missing_right(service: Service, down: None) -> None:
    for name in ("auth.required", "auth.optional", "auth.anon"):
        answer = service.post({"method": name}, x_toto_session_id="some").json()
        assert answer["error"]["code"] == 1104, name


def test_atomic_requests_roll_back_only_the_member_that_failed(
    service: Service, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)

    def write(handler: Any, parameters: Any) -> Any:
        handler.connection.create_account(parameters["user_id"], "a password")
        if parameters["user_id"] == "bertha":
            raise ValueError

    register("test.x", write)
    service.batch(
        {name: {"method": "test.x", "parameters": {"user_id": name}} for name in ("anna", "bertha", "carla")}
    )
    assert set(Account.objects.values_list("user_id", flat=True)) == {"anna", "carla"}
