"""What the app logs, and what it never does: passwords, session ids, signatures, keys."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.calls import Login, Service, envelope, signature, signed
from toto_django.exceptions import ServerError
from toto_django.invocation import authenticated
from toto_django.registry import Method

Register = Callable[..., Method]
Toto = Callable[..., None]

SECRET = "the-password-nobody-may-read"
NEW_SECRET = "the-new-password-nobody-may-read"
WRONG = "the-wrong-password-nobody-may-read"


def text_of(caplog: pytest.LogCaptureFixture) -> str:
    """Messages, arguments and tracebacks of every record."""
    formatter = logging.Formatter()
    return "\n".join(f"{formatter.format(record)} {record.args!r}" for record in caplog.records)


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "toto_django")


def own(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name.partition(".")[0] == "toto_django"]


def test_unexpected_exception_is_logged_with_its_traceback(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.call("err.generic")
    [record] = own(caplog)
    assert (record.levelname, record.getMessage()) == ("ERROR", "err.generic failed")
    assert "boom" in text_of(caplog)
    assert "Traceback" in text_of(caplog)


@pytest.mark.parametrize("name", ["err.toto", "err.toto_subclass", "nope", "auth.required", "echo"])
def test_errors_of_the_wire_are_no_news(
    service: Service, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    service.call(name)
    assert own(caplog) == []


def test_errors_of_browsers_are_logged_capped_and_on_one_line(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.call(
        "client_error", {"client_error": "a\r\nb\u2028\x1b[0m" + "x" * 10_000, "client_type": "browser_js"}
    )
    [record] = own(caplog)
    message = record.getMessage()
    assert record.name == "toto_django.client_error"
    assert message.isprintable()
    assert message.startswith('"a\\r\\nb')
    assert len(message) <= 4096
    service.call("client_error", {"client_error": "x", "client_type": "ios"})
    assert len(own(caplog)) == 1


def failing(error: Exception) -> Any:
    @authenticated
    def call(handler: Any, parameters: Any) -> Any:
        raise error

    return call


@pytest.mark.parametrize("scheme", ["user_id", "session_key"])
@pytest.mark.parametrize("cookies", [False, True])
def test_no_secret_is_ever_logged(
    service: Service,
    register: Register,
    toto: Toto,
    caplog: pytest.LogCaptureFixture,
    scheme: str,
    cookies: bool,
) -> None:
    toto(HMAC=scheme, USE_COOKIES=cookies)
    register("test.fails", failing(ValueError("fails")))
    register("test.refuses", failing(ServerError("refuses")))
    secrets = {SECRET, NEW_SECRET, WRONG}

    def send(name: str, parameters: Any = None, login: Login | None = None) -> Any:
        body = envelope(name, parameters)
        headers = {}
        if login is not None:
            message = body if scheme == "user_id" else b"POST/" + body
            headers = signed(login, body) | {"x_toto_hmac": signature(login.key or login.user_id, message)}
            secrets.add(headers["x_toto_hmac"])
        response = service.send("POST", "/", body, **headers)
        secrets.update([response.headers.get("x-toto-hmac", SECRET)])
        return response.json()

    login = Login(**send("account.create", {"user_id": "anna", "password": SECRET})["result"])
    send("account.create", {"user_id": "anna", "password": SECRET})
    send("account.create", {"user_id": "", "password": SECRET})
    send("account.login", {"user_id": "anna", "password": WRONG})
    send("account.login", {"user_id": "anna", "password": [WRONG]})
    send("test.fails", {"password": SECRET}, login)
    send("test.refuses", {"password": SECRET}, login)
    send("test.fails", {"password": SECRET}, login._replace(user_id="bertha", key="a wrong key"))
    send("ret.nan", {"password": SECRET}, login)
    updated = send("account.update", {"password": SECRET, "new_password": NEW_SECRET}, login)["result"]
    send("account.logout", {}, Login(updated["session_id"], "anna", 0, updated.get("key")))
    service.send("POST", "/", b'{"password": "%b"' % SECRET.encode(), x_toto_session_id=login.session_id)
    toto(STORES={"default": {"BACKEND": "tests.test_batches.DownStore"}})
    send("test.fails", {"password": SECRET}, login)
    send("account.login", {"user_id": "anna", "password": SECRET})

    secrets.update([login.session_id, updated["session_id"], *filter(None, [login.key, updated.get("key")])])
    logged = text_of(caplog)
    assert "test.fails failed" in logged
    assert len(secrets) > 8
    assert [secret for secret in secrets if secret in logged] == []
