"""The audit: one line for what happens to accounts and sessions, which nothing from the wire can forge."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import caches
from django.test import Client as DjangoClient

from tests.admin.site import admin_installed, allow, page_of_session
from tests.calls import PASSWORD, Login, Service, signed
from tests.test_observability import Socket
from toto_django import accounts, models, sessions
from toto_django.asgi import get_asgi_application
from toto_django.logs import LONGEST, one_line
from toto_django.signals import login_failed
from toto_django.throttling import throttle

Toto = Callable[..., None]
Register = Callable[..., Any]

FORGED = [
    'ada" address="203.0.113.9',
    "ada\nINFO toto_django.audit login",
    "ada\r\x1b[2Jlogin",
    "ada\u2028login\u0085",
    "\u202enigol ada",
    "\u2066ada\u200b",
    "ada\x00\x7f\x9b31m",
    "\ud800ada",
    "ada" * 100_000,
]


@pytest.fixture
def audited(caplog: pytest.LogCaptureFixture) -> Callable[[], list[logging.LogRecord]]:
    """``audited()``: the records since the last time."""
    caplog.set_level(logging.INFO, "toto_django.audit")

    def taken() -> list[logging.LogRecord]:
        records = [record for record in caplog.records if record.name == "toto_django.audit"]
        caplog.clear()
        return records

    return taken


def events(records: list[logging.LogRecord]) -> list[tuple[str, str]]:
    assert {record.levelname for record in records} <= {"INFO"}
    return [(record.event, record.user_id) for record in records]  # type: ignore[attr-defined]


def post(service: Service, method: str, login: Login | None = None, **parameters: Any) -> Any:
    return service.call(method, parameters, login)


# What is written


def test_life_of_an_account_is_written(service: Service, audited: Any) -> None:
    anna = service.create("Anna")
    assert events(audited()) == [("account_created", "anna"), ("login", "anna")]
    post(service, "account.login", user_id="anna", password=PASSWORD)
    assert events(audited()) == [("login", "anna")]
    post(service, "account.update", anna, password="wrong", city="Rome")
    [record] = audited()
    assert (record.event, record.user_id, record.reason) == ("login_failed", "anna", "wrong_password")
    post(service, "account.update", anna, password=PASSWORD, city="Rome")
    assert events(audited()) == []
    changed = post(service, "account.update", anna, password=PASSWORD, new_password="a new one")["result"]
    assert events(audited()) == [
        ("password_changed", "anna"),
        ("sessions_ended", "anna"),
        ("login", "anna"),
    ]
    post(service, "account.logout", Login(changed["session_id"], "anna", 0))
    assert events(audited()) == [("logout", "anna")]


@pytest.mark.parametrize(
    ("user_id", "password", "reason"),
    [
        ("nobody", PASSWORD, "unknown_account"),
        ("anna", "wrong", "wrong_password"),
        ("inactive", PASSWORD, "inactive_account"),
        ("inactive", "wrong", "wrong_password"),
        ("", PASSWORD, "invalid_user_id"),
        ("anna", ["wrong"], "invalid_password"),
    ],
)
def test_refused_login_has_its_reason(
    service: Service, audited: Any, user_id: str, password: Any, reason: str
) -> None:
    for name in ("anna", "inactive"):
        accounts.create_account(name, PASSWORD)
    models.Account.objects.filter(user_id="inactive").update(is_active=False)
    sent: list[dict[str, Any]] = []

    def receive(signal: Any, **arguments: Any) -> None:
        sent.append(arguments)

    login_failed.connect(receive)
    audited()
    answer = post(service, "account.login", user_id=user_id, password=password)
    login_failed.disconnect(receive)
    assert answer["error"]["code"] == 1005
    [record] = audited()
    assert (record.event, record.user_id, record.reason) == ("login_failed", user_id, reason)
    assert sent == [{"sender": accounts.Account, "user_id": user_id, "reason": reason}]


def test_login_that_a_new_password_overtakes_is_none(
    db: None, audited: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.create_account("anna", PASSWORD)
    monkeypatch.setattr(sessions, "is_current", lambda account: False)
    audited()
    with pytest.raises(accounts.UserNotFound):
        sessions.login("anna", PASSWORD)
    failed = audited()[-1]
    assert (failed.event, failed.reason) == ("login_failed", "password_changed")


def test_anonymous_sessions_are_not_written(service: Service, register: Register, audited: Any) -> None:
    def visit(handler: Any, parameters: Any) -> Any:
        handler.create_session()
        handler.exchange.logout()

    register("t.visit", visit)
    service.call("t.visit")
    assert events(audited()) == []


def test_what_happens_outside_of_requests_has_no_address(db: None, audited: Any) -> None:
    accounts.create_account("anna", PASSWORD)
    accounts.set_password("anna", "a new one")
    accounts.end_sessions("anna")
    records = audited()
    assert [record.getMessage() for record in records] == [
        'account_created user_id="anna"',
        'password_changed user_id="anna"',
        'sessions_ended user_id="anna"',
        'sessions_ended user_id="anna"',
    ]
    assert {(record.address, record.request_id) for record in records} == {(None, None)}


def test_line_and_fields_tell_the_request(service: Service, toto: Toto, audited: Any) -> None:
    toto(TRUSTED_PROXIES=["127.0.0.1"])
    accounts.create_account("anna", PASSWORD)
    audited()
    call = {"method": "account.login", "parameters": {"user_id": "anna", "password": "wrong"}}
    service.post(call, x_forwarded_for="203.0.113.9, 198.51.100.7", x_request_id="r-1")
    [record] = audited()
    assert record.getMessage() == (
        'login_failed user_id="anna" address="198.51.100.7" request_id="r-1" reason="wrong_password"'
    )
    assert (record.address, record.request_id) == ("198.51.100.7", "r-1")


def test_own_views_write_it_with_their_request(service: Service, settings: Any, audited: Any) -> None:
    anna = service.create()
    audited()
    settings.ROOT_URLCONF = "tests.own_views"
    service.send("GET", "/own/logout", **signed(anna, b""), x_request_id="r-1")
    [record] = audited()
    assert (record.event, record.user_id, record.request_id) == ("logout", "anna", "r-1")
    assert record.address == "127.0.0.1"


def test_frames_write_it_with_the_opening(toto: Toto, audited: Any) -> None:
    toto(STORES={"default": {"BACKEND": "toto_django.stores.memory.MemoryStore"}}, HMAC=None)
    accounts.create_account("anna", PASSWORD)

    async def main() -> None:
        socket = Socket(get_asgi_application(), (b"x-request-id", b"opening"))
        await socket.ask("account.login", user_id="anna", password=PASSWORD)
        await socket.ask("account.logout")
        await socket.leave()

    audited()
    asyncio.run(main())
    records = audited()
    assert events(records) == [("login", "anna"), ("logout", "anna")]
    assert {record.request_id for record in records} == {"opening"}


@pytest.fixture
def throttles(toto: Toto, settings: Any) -> Iterator[None]:
    cache = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "audit"}
    settings.CACHES = {**settings.CACHES, "audit": cache}
    rates = {"login": "1/h", "login.address": None, "login.account": None, "create": None, "uploads": "1/h"}
    toto(THROTTLE_CACHE="audit", THROTTLES=rates)
    yield
    caches["audit"].clear()


def test_throttled_password_is_written(service: Service, throttles: None, audited: Any) -> None:
    accounts.create_account("anna", PASSWORD)
    audited()
    for _ in range(2):
        post(service, "account.login", user_id="anna", password="wrong")
    failed, throttled = audited()
    assert (failed.event, throttled.event) == ("login_failed", "throttled")
    assert (throttled.user_id, throttled.rate) == ("anna", "login")


def test_throttled_method_is_written_with_its_session(
    service: Service, throttles: None, register: Register, audited: Any
) -> None:
    register("t.limited", throttle("1/h", by="account")(lambda handler, parameters: 1))
    anna = service.create()
    audited()
    for login in (anna, anna, None, None):
        service.call("t.limited", {}, login)
    records = audited()
    assert events(records) == [("throttled", "anna"), ("throttled", "")]
    assert {record.rate for record in records} == {"1/h"}


def test_throttled_view_is_written(service: Service, throttles: None, settings: Any, audited: Any) -> None:
    settings.ROOT_URLCONF = "tests.own_views"
    statuses = [service.send("GET", "/drf/limited").status_code for _ in range(2)]
    assert statuses == [200, 429]
    [record] = audited()
    assert (record.event, record.user_id, record.rate) == ("throttled", "", "uploads")


def test_admin_writes_what_it_does(transactional_db: None, client: DjangoClient, audited: Any) -> None:
    with admin_installed():
        accounts.create_account("anna", PASSWORD)
        sessions.create_session("anna")
        client.force_login(get_user_model().objects.create_user("staff", password="x", is_staff=True))
        allow(client, "view_session", "delete_session", "add_account")
        audited()
        client.post(page_of_session("delete"), {"post": "yes"}, headers={"x-request-id": "r-1"})
        [record] = audited()
        assert (record.event, record.user_id, record.request_id) == ("session_revoked", "anna", "r-1")
        assert record.address == "127.0.0.1"
        sessions.create_session("anna")
        hashes = [session.pk[:32] for session in models.Session.objects.all()]
        client.post("/admin/toto_django/session/", {"action": "delete_selected", "_selected_action": hashes})
        assert events(audited()) == [("session_revoked", "anna")]
        data = {"user_id": "bertha", "password1": PASSWORD, "password2": PASSWORD, "properties": "{}"}
        client.post("/admin/toto_django/account/add/", data)
        assert events(audited()) == [("account_created", "bertha")]


# What cannot be written


@pytest.mark.parametrize("user_id", FORGED, ids=range(len(FORGED)))
def test_values_from_the_wire_stay_in_their_field(service: Service, audited: Any, user_id: str) -> None:
    post(service, "account.login", user_id=user_id, password=PASSWORD)
    [record] = audited()
    line = record.getMessage()
    assert line.isprintable()
    assert len(line) < 3000
    event, rest = line.split(" ", 1)
    assert event == record.event == "login_failed"
    assert record.user_id == one_line(user_id)
    assert record.user_id.isprintable()
    shown, end = json.JSONDecoder().raw_decode(rest.removeprefix("user_id="))
    assert shown == record.user_id
    assert rest.removeprefix("user_id=")[end:].startswith(' address="127.0.0.1" reason="')


@pytest.mark.parametrize("value", [{"a": ["x" * 1000]}, ["x"], 5, True, None])
def test_what_is_no_text_is_named_by_its_type(service: Service, audited: Any, value: Any) -> None:
    post(service, "account.login", user_id=value, password=PASSWORD)
    [record] = audited()
    assert record.user_id == f"<{type(value).__name__}>"


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("José 東京", "José 東京"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\u202e\u2028", "\\u202e\\u2028"),
        ("\ud800", "\\ud800"),
        ("\U000e0001", "\\udb40\\udc01"),
        ("x" * LONGEST, "x" * LONGEST),
        ("x" * (LONGEST + 1), "x" * LONGEST + "…"),
    ],
)
def test_one_line_shows_text_as_it_is_and_the_rest_as_escapes(value: str, line: str) -> None:
    assert one_line(value) == line


def test_passwords_and_session_ids_are_never_written(service: Service, audited: Any) -> None:
    secrets = ["the first secret", "the second secret", "a wrong secret"]
    login = service.create("anna", secrets[0])
    post(service, "account.login", user_id="anna", password=secrets[2])
    post(service, "account.login", user_id="anna", password=[secrets[2]])
    answer = post(service, "account.update", login, password=secrets[0], new_password=secrets[1])
    secrets += [login.session_id, answer["result"]["session_id"]]
    written = [str(vars(record)) for record in audited()]
    assert len(written) == 7
    assert [secret for secret in secrets for text in written if secret in text] == []


# What it costs


def test_nothing_is_done_unless_the_level_says_so(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*arguments: Any) -> Any:
        raise AssertionError("somebody writes")

    assert logging.getLogger("toto_django.audit").getEffectiveLevel() == logging.WARNING
    monkeypatch.setattr("toto_django.audit.one_line", refuse)
    monkeypatch.setattr("toto_django.audit.client_address", refuse)
    login = service.create()
    assert post(service, "account.login", user_id="anna", password="wrong")["error"]["code"] == 1005
    assert post(service, "account.logout", login)["result"] == {"authenticated": False}
    assert caplog.records == []
