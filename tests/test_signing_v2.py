"""The signing scheme v2: golden vectors, what it refuses, replays, and the move from the older schemes."""

import hashlib
import hmac
import json
import re
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.calls import PASSWORD, Login, Service, envelope, error_of, signed
from tests.vectors import SIGNING_V2, body_of
from toto_django import accounts, sessions
from toto_django.accounts import Account, require_v2
from toto_django.exceptions import InvalidParameters, StaleRequest
from toto_django.models import Session
from toto_django.signing import SCHEMES, SignedRequest
from toto_django.signing.v2 import V2Scheme

V2 = V2Scheme()
NONCES = (f"test-nonce-{number:08}" for number in range(10**8))
REFUSED = (1008, "Invalid HMAC")

Toto = Callable[..., None]


class Named(NamedTuple):
    """A session, as schemes see it."""

    session_id: str
    permanent_id: str
    user_id: str = "anna"


def named(vector: dict[str, Any]) -> Named:
    return Named(vector["session_id"], SIGNING_V2["sessions"][vector["session"]]["permanent_id"])


def key_of(vector: dict[str, Any]) -> str:
    return str(SIGNING_V2["sessions"][vector["session"]]["key"])


def v2_header(login: Login, verb: str, uri: str, body: bytes, /, **changed: Any) -> str:
    """As docs/signing.md has it, without the package's help."""
    parts = {"verb": verb, "uri": uri, "session": login.session_id, "time": str(int(time.time()))}
    parts = {**parts, "nonce": next(NONCES), "digest": hashlib.sha256(body).hexdigest(), **changed}
    message = "\n".join(["v2", *parts.values()])
    mac = hmac.digest((login.key or "").encode(), message.encode("latin-1"), "sha256")
    return f"v2:{parts['time']}:{parts['nonce']}:{b64encode(mac).decode()}"


def v2_signed(
    login: Login, body: bytes, verb: str = "POST", uri: str = "/", **changed: Any
) -> dict[str, str]:
    return {
        "x_toto_session_id": login.session_id,
        "x_toto_hmac": v2_header(login, verb, uri, body, **changed),
    }


def asked(service: Service, method: str, login: Login, **parameters: Any) -> Any:
    body = envelope(method, parameters)
    return service.send("POST", "/", body, **v2_signed(login, body)).json()


@pytest.fixture
def v2(toto: Toto) -> Toto:
    """The scheme is forced."""
    toto(HMAC="v2")
    return toto


# Vectors


@pytest.fixture
def vectors_secret(settings: Any) -> None:
    settings.SECRET_KEY = SIGNING_V2["secret_key"]


@pytest.mark.parametrize("session", SIGNING_V2["sessions"], ids=lambda session: session["permanent_id"])
def test_keys_are_those_of_the_vectors(session: dict[str, Any], vectors_secret: None) -> None:
    assert list(V2.keys(Named("", session["permanent_id"]))) == [session["key"]]


@pytest.mark.parametrize("vector", SIGNING_V2["requests"], ids=lambda vector: vector["name"])
def test_requests_of_the_vectors_are_accepted(
    vector: dict[str, Any], vectors_secret: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: vector["time"] + 100)
    request = SignedRequest(vector["method"], (vector["uri"],), body_of(vector))
    proof = V2.proof(named(vector), request, vector["header"])
    assert proof is not None
    assert proof.key == key_of(vector)
    assert proof.nonce == f"{named(vector).permanent_id} {vector['nonce']}"
    assert proof.seconds == 200


@pytest.mark.parametrize("vector", SIGNING_V2["answers"], ids=lambda vector: vector["name"])
def test_answers_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    body = body_of(vector)
    assert V2.sign_answer(key_of(vector), vector["session_id"], body, vector["request"]) == vector["header"]


def test_key_of_an_older_secret_is_found(settings: Any, vectors_secret: None) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new secret", [settings.SECRET_KEY]
    session = Named("id", SIGNING_V2["sessions"][0]["permanent_id"])
    header = V2.sign_request(SIGNING_V2["sessions"][0]["key"], "id", "GET", "/", b"")
    proof = V2.proof(session, SignedRequest("GET", ("/",), b""), header)
    assert proof is not None
    assert proof.key == SIGNING_V2["sessions"][0]["key"]


@pytest.mark.parametrize("off", [-301, 301, -(10**9), 10**9])
def test_time_outside_of_the_window_is_stale(off: int) -> None:
    session = Named("id", "id.v2")
    header = V2.sign_request(next(V2.keys(session)), "id", "GET", "/", b"", clock_offset=off)
    with pytest.raises(StaleRequest) as caught:
        V2.proof(session, SignedRequest("GET", ("/",), b""), header)
    assert abs(caught.value.time - time.time()) < 60


# On the wire


def test_signed_call_is_answered_and_its_answer_signed(service: Service, v2: Toto) -> None:
    login = service.create()
    assert login.key is not None
    assert len(login.key) == 43
    body = envelope("auth.required")
    headers = v2_signed(login, body)
    response = service.send("POST", "/", body, **headers)
    assert response.json()["session"]["session_id"] == login.session_id
    nonce = headers["x_toto_hmac"].split(":")[2]
    message = "\n".join(["v2 answer", login.session_id, nonce, hashlib.sha256(response.content).hexdigest()])
    mac = b64encode(hmac.digest(login.key.encode(), message.encode(), "sha256")).decode()
    assert response.headers["x-toto-hmac"] == f"v2:{mac}"


def test_answer_to_a_login_is_signed_with_its_new_key(service: Service, v2: Toto) -> None:
    service.create("anna")
    body = envelope("account.login", {"user_id": "anna", "password": PASSWORD})
    response = service.send("POST", "/", body, x_toto_hmac="v2")
    result = response.json()["result"]
    expected = V2.sign_answer(result["key"], result["session_id"], response.content, "v2")
    assert response.headers["x-toto-hmac"] == expected


CHANGES: dict[str, Callable[[Login], dict[str, str]]] = {
    "another method": lambda login: v2_signed(login, b"{}", "GET", "/auth/required"),
    "another path": lambda login: v2_signed(login, b"{}", uri="/auth/optional"),
    "a query more": lambda login: v2_signed(login, b"{}", uri="/auth/required?a=1"),
    "another body": lambda login: v2_signed(login, b"{ }", uri="/auth/required"),
    "another session": lambda login: v2_signed(login, b"{}", uri="/auth/required", session="x" * 22),
    "another time": lambda login: {
        **(headers := v2_signed(login, b"{}", uri="/auth/required")),
        "x_toto_hmac": re.sub(r":\d+:", f":{int(time.time()) - 1}:", headers["x_toto_hmac"]),
    },
    "another nonce": lambda login: {
        **(headers := v2_signed(login, b"{}", uri="/auth/required")),
        "x_toto_hmac": headers["x_toto_hmac"].replace("test-nonce", "best-nonce"),
    },
    "a short nonce": lambda login: v2_signed(login, b"{}", uri="/auth/required", nonce="n" * 15),
    "a long nonce": lambda login: v2_signed(login, b"{}", uri="/auth/required", nonce="n" * 65),
    "another key": lambda login: v2_signed(login._replace(key="k" * 43), b"{}", uri="/auth/required"),
    "no key": lambda login: v2_signed(login._replace(key=None), b"{}", uri="/auth/required"),
    "no signature": lambda login: {"x_toto_session_id": login.session_id},
    "an empty signature": lambda login: {"x_toto_session_id": login.session_id, "x_toto_hmac": ""},
    "the offer alone": lambda login: {"x_toto_session_id": login.session_id, "x_toto_hmac": "v2"},
    "nothing behind the name": lambda login: {"x_toto_session_id": login.session_id, "x_toto_hmac": "v2:::"},
    "a digit that is none of ASCII's": lambda login: v2_signed(
        login, b"{}", uri="/auth/required", time="1\u00b2\u00b3"
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_whatever_is_not_as_it_was_signed_is_refused(
    service: Service, v2: Toto, change: Callable[[Login], dict[str, str]]
) -> None:
    login = service.create()
    right = v2_signed(login, b"{}", uri="/auth/required")
    assert "result" in service.send("POST", "/auth/required", b"{}", **right).json()
    response = service.send("POST", "/auth/required", b"{}", **change(login))
    assert error_of(response.json()) == REFUSED
    assert "session" not in response.json()
    assert "x-toto-hmac" not in response.headers


def test_request_is_accepted_once(service: Service, v2: Toto) -> None:
    login = service.create()
    body = envelope("sess.counter")
    headers = v2_signed(login, body)
    assert service.send("POST", "/", body, **headers).json()["result"] == {"count": 1}
    for _ in range(3):
        assert error_of(service.send("POST", "/", body, **headers).json()) == REFUSED
    assert asked(service, "sess.counter", login)["result"] == {"count": 2}


def test_replay_is_refused_by_the_other_handler_too(wsgi: Service, asgi: Service, v2: Toto) -> None:
    login = wsgi.create()
    body = envelope("auth.required")
    headers = v2_signed(login, body)
    assert "result" in asgi.send("POST", "/", body, **headers).json()
    assert error_of(wsgi.send("POST", "/", body, **headers).json()) == REFUSED


def test_nonce_is_used_up_once_for_all_members_of_a_batch(service: Service, v2: Toto) -> None:
    login = service.create()
    members: Any = {str(number): {"method": "auth.required"} for number in range(5)}
    members["again"] = {"method": "auth.param", "parameters": {"session_id": login.session_id}}
    body = json.dumps({"batch": members}).encode()
    headers = v2_signed(login, body)
    answers = service.send("POST", "/", body, **headers).json()["batch"]
    assert [key for key, answer in answers.items() if "error" in answer] == []
    answers = service.send("POST", "/", body, **headers).json()["batch"]
    assert {answer["error"]["code"] for answer in answers.values()} == {1008}


def test_two_sessions_may_use_the_same_nonce(service: Service, v2: Toto) -> None:
    for login in (service.create("anna"), service.create("bertha")):
        body = envelope("auth.required")
        headers = v2_signed(login, body, nonce="the-same-nonce-of-both")
        assert "result" in service.send("POST", "/", body, **headers).json()


def test_wrong_signature_uses_no_nonce_up(service: Service, v2: Toto) -> None:
    login = service.create()
    body, nonce = envelope("auth.required"), next(NONCES)
    forged = v2_signed(login._replace(key="k" * 43), body, nonce=nonce)
    assert error_of(service.send("POST", "/", body, **forged).json()) == REFUSED
    assert "result" in service.send("POST", "/", body, **v2_signed(login, body, nonce=nonce)).json()


@pytest.mark.parametrize("off", [-400, 400])
def test_stale_request_is_told_the_time(service: Service, v2: Toto, off: int) -> None:
    login = service.create()
    body = envelope("auth.required")
    late = v2_signed(login, body, time=str(int(time.time()) + off))
    answer = service.send("POST", "/", body, **late).json()
    assert (answer["error"]["code"], answer["error"]["value"]) == (1008, "Invalid HMAC: the clocks differ")
    assert abs(answer["error"]["time"] - time.time()) < 60
    v2(HMAC_WINDOW=1000)
    assert "result" in service.send("POST", "/", body, **late).json()


def test_cache_that_does_not_answer_lets_nothing_pass(
    service: Service, v2: Toto, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {**settings.CACHES, "nowhere": nowhere}
    v2(NONCE_CACHE="nowhere", THROTTLE_FAIL_OPEN=True)
    login = service.create()
    answer = asked(service, "auth.required", login)
    assert error_of(answer) == (1104, "Temporarily unavailable")
    assert "'nowhere' does not answer" in caplog.text
    assert str(login.key) not in caplog.text


def test_anonymous_session_is_signed_with_the_key_it_came_with(service: Service, v2: Toto) -> None:
    given = service.call("auth.anon")["session"]
    login = Login(given["session_id"], given["user_id"], given["expires"], given["key"])
    answer = asked(service, "auth.anon", login)
    assert answer["session"]["session_id"] == login.session_id
    assert "key" not in answer["session"]
    refused = service.send("POST", "/", envelope("auth.anon"), x_toto_session_id=login.session_id)
    assert error_of(refused.json()) == REFUSED


@pytest.mark.parametrize("scheme", ["user_id", "session_key"])
def test_older_schemes_are_refused_where_v2_is_forced(service: Service, v2: Toto, scheme: str) -> None:
    login = service.create()
    body = envelope("auth.required")
    key = login.user_id if scheme == "user_id" else str(login.key)
    older = SCHEMES[scheme].sign_request(key, login.session_id, "POST", "/", body)
    response = service.send("POST", "/", body, x_toto_session_id=login.session_id, x_toto_hmac=older)
    assert error_of(response.json()) == REFUSED


@pytest.mark.parametrize("scheme", ["user_id", "session_key"])
def test_session_of_an_older_scheme_ends_with_that_scheme(service: Service, toto: Toto, scheme: str) -> None:
    toto(HMAC=scheme)
    login = service.create()
    body = envelope("auth.required")
    key = login.key or login.user_id
    older = {"x_toto_hmac": SCHEMES[scheme].sign_request(key, login.session_id, "POST", "/", body)}
    assert "result" in service.send("POST", "/", body, x_toto_session_id=login.session_id, **older).json()
    toto(HMAC="v2")
    refused = service.send("POST", "/", body, x_toto_session_id=login.session_id, **older)
    assert error_of(refused.json()) == REFUSED
    assert error_of(asked(service, "auth.required", login._replace(key=key))) == REFUSED


# The move from an older scheme


@pytest.fixture
def upgrading(toto: Toto) -> Toto:
    toto(HMAC="user_id", HMAC_UPGRADE=True)
    return toto


def login_v2(service: Service, user_id: str = "anna", **headers: str) -> Login:
    body = envelope("account.login", {"user_id": user_id, "password": PASSWORD})
    return Login(**service.send("POST", "/", body, **{"x_toto_hmac": "v2", **headers}).json()["result"])


def test_clients_of_both_schemes_are_served_side_by_side(service: Service, upgrading: Toto) -> None:
    older = service.create()
    newer = login_v2(service)
    assert older.key is None
    assert newer.key is not None
    assert service.call("auth.required", login=older)["session"]["session_id"] == older.session_id
    assert asked(service, "auth.required", newer)["session"]["session_id"] == newer.session_id


def test_session_that_began_under_v2_does_not_go_back(service: Service, upgrading: Toto) -> None:
    service.create()
    newer = login_v2(service)
    body = envelope("auth.required")
    assert error_of(service.send("POST", "/", body, **signed(newer, body)).json()) == REFUSED
    upgrading(HMAC_UPGRADE=False)
    assert error_of(service.send("POST", "/", body, **signed(newer, body)).json()) == REFUSED
    assert "result" in asked(service, "auth.required", newer)


def test_without_the_setting_nobody_has_v2(service: Service, toto: Toto) -> None:
    service.create()
    assert login_v2(service).key is None


def test_anonymous_client_may_ask_for_v2(service: Service, upgrading: Toto) -> None:
    given = service.send("POST", "/", envelope("auth.anon"), x_toto_hmac="v2").json()["session"]
    assert len(given["key"]) == 43
    assert "key" not in service.call("auth.anon")["session"]


def test_account_that_requires_v2_has_no_other_sessions(service: Service, upgrading: Toto) -> None:
    older = service.create()
    other = service.create("bertha")
    require_v2("ANNA")
    assert error_of(service.call("auth.required", login=older)) == (1004, "Not authorized")
    again = Login(**service.call("account.login", {"user_id": "anna", "password": PASSWORD})["result"])
    body = envelope("auth.required")
    assert error_of(service.send("POST", "/", body, **signed(again, body)).json()) == REFUSED
    assert "result" in asked(service, "auth.required", again)
    assert "result" in service.call("auth.required", login=other)
    require_v2("anna", False)
    older = Login(**service.call("account.login", {"user_id": "anna", "password": PASSWORD})["result"])
    assert "result" in service.call("auth.required", login=older)


def test_login_while_v2_becomes_required_has_no_older_session(
    service: Service, upgrading: Toto, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.create()
    before = sessions.create_session

    def create_session(*arguments: Any, **options: Any) -> Any:
        require_v2("anna")
        options.pop("wants_v2")
        monkeypatch.setattr(sessions, "requires_v2", lambda user_id: False)
        return before(*arguments, **options)

    monkeypatch.setattr(sessions, "create_session", create_session)
    answer = service.call("account.login", {"user_id": "anna", "password": PASSWORD})
    assert answer["error"]["code"] == 1005
    assert Session.objects.count() == 0


def test_sessions_of_the_code_are_marked_too(db: None, upgrading: Toto) -> None:
    accounts.create_account("anna", PASSWORD)
    assert sessions.create_session("anna").key is None
    require_v2("anna")
    assert sessions.create_session("anna").key is not None
    assert Session.objects.filter(user_id="anna").count() == 1


def test_clients_can_neither_see_nor_change_what_an_account_requires(
    service: Service, upgrading: Toto
) -> None:
    service.create()
    require_v2("anna")
    login = login_v2(service)
    answer = asked(service, "account.update", login, password=PASSWORD, toto_signing="no", color="red")
    assert answer["result"] == {"updated_fields": ["color"]}
    assert accounts.requires_v2("anna")
    assert dict(Account("anna")) == {"color": "red"}
    with pytest.raises(InvalidParameters):
        Account("anna")["toto_signing"] = "no"
    made = service.create("carla", toto_signing="v2")
    assert made.key is None


@pytest.mark.parametrize("alias", ["memory", "signed"])
def test_mark_is_kept_by_other_stores(service: Service, upgrading: Toto, alias: str, settings: Any) -> None:
    backends = {"memory": "memory.MemoryStore", "signed": "signed.SignedStore"}
    stores = {
        **settings.TOTO.get("STORES", {}),
        "other": {"BACKEND": f"toto_django.stores.{backends[alias]}"},
    }
    stores.setdefault("default", {"BACKEND": "toto_django.stores.database.DatabaseStore"})
    upgrading(STORES=stores, SESSIONS="other")
    service.create()
    newer = login_v2(service)
    answer = asked(service, "sess.counter", newer)
    assert answer["result"] == {"count": 1}
    newer = newer._replace(session_id=answer["session"]["session_id"])
    assert asked(service, "sess.counter", newer)["result"] == {"count": 2}
    body = envelope("auth.required")
    assert error_of(service.send("POST", "/", body, **signed(newer, body)).json()) == REFUSED
