"""Holes that the original had (docs/protocol.md, what is marked D): none of them is back.

Attributes as methods are in test_method_names.py, names of properties as columns in test_queries.py.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import caches

from tests.calls import PASSWORD, Login, Service, error_of, signature
from toto_django import accounts, sessions
from toto_django.models import Account
from toto_django.throttling import throttle

Toto = Callable[..., None]

NOT_AUTHORIZED = (1004, "Not authorized")
WRONG = (1005, "Invalid user ID or password")


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    """The cache of the throttles outlives a test."""
    caches["default"].clear()


@pytest.fixture
def ann(service: Service) -> Login:
    return service.create("ann")


# A batch is no way around


def test_member_of_a_batch_is_authorized_as_a_call_is(service: Service, ann: Login) -> None:
    names = (
        "auth.required",
        "sess.counter",
        "account.logout",
        "account.update",
        "req.raw_auth",
        "auth.param",
    )
    members = {name: {"method": name, "parameters": {"session_id": "x" * 22}} for name in names}
    answer = service.batch(members)
    assert {name: error_of(member) for name, member in answer["batch"].items()} == dict.fromkeys(
        names, NOT_AUTHORIZED
    )
    assert "session" not in answer


def test_signature_of_a_batch_is_of_the_whole_batch(service: Service, ann: Login) -> None:
    innocent = json.dumps({"batch": {"a": {"method": "echo"}}}).encode()
    body = json.dumps({"batch": {"a": {"method": "echo"}, "b": {"method": "sess.counter"}}}).encode()
    for hmac in (signature("ann", innocent), signature("", body), "", "x"):
        headers = {"x_toto_session_id": ann.session_id, "x_toto_hmac": hmac}
        answer = service.send("POST", "/", body, **headers).json()["batch"]
        assert error_of(answer["b"]) == (1008, "Invalid HMAC")
    assert service.call("sess.counter", {}, ann)["result"] == {"count": 1}


def test_method_beside_a_batch_does_not_run(service: Service, ann: Login) -> None:
    for target in ("/", "/account.logout", "/account.create"):
        body = {
            "batch": {"a": {"method": "echo"}},
            "method": "account.create",
            "user_id": "bob",
            "password": PASSWORD,
        }
        assert service.post({**body, "parameters": body}, target).json()["batch"].keys() == {"a"}
    assert not Account.objects.filter(user_id="bob").exists()


def test_member_may_not_be_a_batch_or_name_its_url(service: Service) -> None:
    inner = {
        "batch": {"b": {"method": "account.create", "parameters": {"user_id": "bob", "password": PASSWORD}}}
    }
    answer = service.post({"batch": {"a": inner}}, "/account.create").json()
    assert error_of(answer["batch"]["a"]) == (1002, "Missing method.")
    assert not Account.objects.exists()


def test_batch_is_counted_by_its_members(service: Service, register: Any, toto: Toto) -> None:
    register("test.limited", throttle("3/h", by=lambda handler, parameters: "everybody")(lambda *_: "ran"))
    calls = {f"{number:03}": {"method": "test.limited"} for number in range(50)}
    answers = service.batch(calls)["batch"]
    assert [number for number in sorted(answers) if "result" in answers[number]] == ["000", "001", "002"]
    assert error_of(service.call("test.limited"))[0] == 1101


def test_passwords_are_not_tried_by_the_hundred(service: Service, ann: Login, toto: Toto) -> None:
    toto(THROTTLES={"login": "5/h", "login.address": "5/h", "login.account": "5/h"})
    tries = {
        f"{number:03}": {
            "method": "account.login",
            "parameters": {"user_id": "ann", "password": f"guess {number}"},
        }
        for number in range(100)
    }
    codes = [error_of(member)[0] for _, member in sorted(service.batch(tries)["batch"].items())]
    assert (codes.count(1005), codes.count(1101)) == (5, 95)


def test_batch_of_more_members_than_allowed_runs_none(service: Service) -> None:
    create = {"method": "account.create", "parameters": {"user_id": "bob", "password": PASSWORD}}
    members = {str(number): create for number in range(101)}
    response = service.post({"batch": members})
    assert (response.status_code, response.json()["error"]["code"]) == (413, 1103)
    assert not Account.objects.exists()


def test_session_that_ended_in_a_batch_is_over_for_the_rest(service: Service, ann: Login) -> None:
    members = {
        "1": {"method": "account.logout"},
        "2": {"method": "auth.required"},
        "3": {"method": "auth.param", "parameters": {"session_id": ann.session_id}},
        "4": {"method": "account.update", "parameters": {"password": PASSWORD, "a": 1}},
    }
    answer = service.batch(members, ann)["batch"]
    assert [error_of(answer[number]) for number in "234"] == [NOT_AUTHORIZED] * 3


def test_login_in_a_batch_is_no_login_for_members_before_it(service: Service, ann: Login) -> None:
    members = {
        "1": {"method": "auth.required"},
        "2": {"method": "account.login", "parameters": {"user_id": "ann", "password": PASSWORD}},
        "3": {"method": "account.login", "parameters": {"user_id": "ann", "password": "wrong"}},
        "4": {"method": "auth.required"},
    }
    answer = service.batch(members)["batch"]
    assert [error_of(answer[number]) for number in "13"] == [NOT_AUTHORIZED, WRONG]
    assert answer["4"]["result"]["user_id"] == "ann"


# Ids that are equal, but not the same


@pytest.mark.parametrize(
    "user_id", [5, 5.0, True, False, None, 0, ["5"], {"5": 5}, {"$eq": "5"}, 10**30], ids=repr
)
def test_user_id_that_is_no_text_is_nobodys(service: Service, user_id: Any) -> None:
    for taken in ("5", "true", "1", "none", "0"):
        service.create(taken)
    assert error_of(service.call("account.login", {"user_id": user_id, "password": PASSWORD})) == WRONG
    assert error_of(service.call("account.create", {"user_id": user_id, "password": PASSWORD}))[0] == 1010
    login = Login(**service.call("account.login", {"user_id": "5", "password": PASSWORD})["result"])
    answer = service.call("account.update", {"user_id": user_id, "password": PASSWORD, "a": 1}, login)
    assert error_of(answer)[0] == 1010


@pytest.mark.parametrize("password", [5, 5.0, True, None, 0, ["12345"], {"$gt": ""}, 12345], ids=repr)
def test_password_that_is_no_text_is_wrong(service: Service, password: Any) -> None:
    accounts.create_account("ann", "12345")
    assert error_of(service.call("account.login", {"user_id": "ann", "password": password})) == WRONG
    answer = service.call("account.create", {"user_id": "bob", "password": password})
    assert error_of(answer)[0] == 1100
    assert not Account.objects.filter(user_id="bob").exists()


# Logins with nothing


NOTHINGS = [
    ("", ""),
    (None, None),
    ("", None),
    (None, ""),
    ("ann", ""),
    ("ann", None),
    ("", PASSWORD),
    (0, 0),
    ([], []),
]


@pytest.mark.parametrize(("user_id", "password"), NOTHINGS, ids=repr)
def test_login_with_nothing_is_no_login(service: Service, ann: Login, user_id: Any, password: Any) -> None:
    answer = service.call("account.login", {"user_id": user_id, "password": password})
    assert error_of(answer) == WRONG
    assert "session" not in answer


@pytest.mark.parametrize(
    "parameters", [{}, {"user_id": "ann"}, {"password": PASSWORD}, {"user_id": "", "Password": ""}]
)
def test_login_without_a_name_or_a_password_is_no_login(
    service: Service, ann: Login, parameters: Any
) -> None:
    answer = service.call("account.login", parameters)
    assert error_of(answer)[0] == 1003
    assert "session" not in answer


@pytest.mark.parametrize(("user_id", "password"), NOTHINGS, ids=repr)
def test_login_of_a_ported_method_with_nothing_is_nobodys(
    service: Service, ann: Login, register: Any, user_id: Any, password: Any
) -> None:
    """``create_session()`` means an anonymous one in Toto; never is it somebody's."""
    register("test.login", lambda handler, given: handler.create_session(given["u"], given["p"]).user_id)
    answer = service.call("test.login", {"u": user_id, "p": password})
    assert answer.get("result", "") == ""
    assert answer.get("session", {"user_id": ""})["user_id"] == ""


def test_account_of_nobody_cannot_be_made(service: Service) -> None:
    for user_id in ("", None, " \u200b", "\0", "\ufeff"):
        answer = service.call("account.create", {"user_id": user_id, "password": PASSWORD})
        assert error_of(answer)[0] == 1010
    anonymous = sessions.create_session()
    body = {"method": "account.update", "parameters": {"password": "", "new_password": PASSWORD}}
    answer = service.post(body, x_toto_session_id=anonymous.session_id).json()
    assert error_of(answer) == NOT_AUTHORIZED


# Changes without the password


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, 1003),
        ({"new_password": "mine now"}, 1003),
        ({"Password": PASSWORD, "new_password": "mine now"}, 1003),
        ({"password": "", "new_password": "mine now"}, 1005),
        ({"password": None, "new_password": "mine now"}, 1005),
        ({"password": True, "new_password": "mine now"}, 1005),
        ({"password": "wrong", "new_password": "mine now"}, 1005),
        ({"password": f"{PASSWORD} ", "new_password": "mine now"}, 1005),
        ({"password": [PASSWORD], "new_password": "mine now"}, 1005),
        ({"password": "wrong", "email": "mallory@example.com"}, 1005),
        ({"email": "mallory@example.com"}, 1003),
        ({"password": "wrong", "user_id": "bob"}, 1005),
        ({"password": PASSWORD, "user_id": "bob", "new_password": "mine now"}, 1010),
        ({"password": PASSWORD, "new_password": ""}, 1100),
        ({"password": PASSWORD, "new_password": None}, 1100),
        ({"password": PASSWORD, "new_password": ["mine now"]}, 1100),
    ],
    ids=repr,
)
def test_account_is_not_changed_without_its_password(
    service: Service, ann: Login, given: dict[str, Any], code: int
) -> None:
    service.create("bob")
    before = list(Account.objects.order_by("user_id").values("user_id", "password", "properties"))
    assert error_of(service.call("account.update", {"city": "Rome", **given}, ann))[0] == code
    assert list(Account.objects.order_by("user_id").values("user_id", "password", "properties")) == before
    assert "result" in service.call("auth.required", {}, ann), "the session lives on"


def test_password_in_the_query_does_not_stand_in_for_one_in_the_body(service: Service, ann: Login) -> None:
    body = json.dumps({"new_password": "mine now"}).encode()
    headers = {"x_toto_session_id": ann.session_id, "x_toto_hmac": signature("ann", body)}
    answer = service.send("POST", f"/account.update?password={PASSWORD}", body, **headers).json()
    assert error_of(answer)[0] == 1003
    assert accounts.authenticate("ann", PASSWORD) == "ann"
