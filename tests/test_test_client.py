"""The clients for projects' tests, over both of Django's handlers."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from tests.calls import PASSWORD
from tests.python_client.blocking import Blocking
from toto_django import exceptions
from toto_django.accounts import require_v2
from toto_django.invocation import anonymous_session, authenticated
from toto_django.registry import registry
from toto_django.remote.errors import (
    InvalidHMAC,
    InvalidMethod,
    InvalidResponseHMAC,
    NotAuthorized,
    UserNotFound,
)
from toto_django.signing import sign
from toto_django.test import AsyncTotoClient, TotoClient, assert_toto_error, registered

Toto = Callable[..., None]
pytestmark = pytest.mark.django_db


class _InThisThread(Blocking):
    """Through async_to_sync: plain methods run in the test's thread, in its transaction."""

    class Runner:
        def run(self, awaitable: Any) -> Any:
            async def awaited() -> Any:
                return await awaitable

            return async_to_sync(awaited)()

        def close(self) -> None:
            pass

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.runner.close()
        self.runner = self.Runner()  # type: ignore[assignment]


@pytest.fixture(params=["plain", "async"])
def make(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """``make(codec="bson")``: a client of each kind."""
    if request.param == "plain":
        return TotoClient
    return lambda **options: _InThisThread(AsyncTotoClient(**options))


@pytest.fixture
def client(make: Callable[..., Any]) -> Any:
    return make()


@pytest.fixture
def whoami() -> Iterator[None]:
    @authenticated
    def answer(handler: Any, parameters: Any) -> Any:
        return handler.session.user_id

    with registered("test.whoami", answer):
        yield


@pytest.mark.usefixtures("whoami")
@pytest.mark.parametrize("codec", ["json", "bson", "msgpack"])
@pytest.mark.parametrize("scheme", ["user_id", "session_key", "v2", None])
def test_calls_are_signed_as_the_settings_say(
    make: Callable[..., Any], toto: Toto, scheme: str | None, codec: str
) -> None:
    toto(HMAC=scheme)
    client = make(codec=codec)
    client.create("Anna", PASSWORD)
    assert client.call("test.whoami") == "anna"
    assert client.raw.status_code == 200
    assert client.raw.headers["Content-Type"] == f"application/{codec}"
    assert ("x-toto-hmac" in client.raw.headers) is (scheme is not None)
    client.logout()
    with pytest.raises(NotAuthorized):
        client.call("test.whoami")


@pytest.mark.usefixtures("whoami")
@pytest.mark.parametrize("scheme", ["user_id", "session_key", "v2", None])
def test_logins_need_passwords_unless_forced(client: Any, toto: Toto, scheme: str | None) -> None:
    toto(HMAC=scheme)
    client.create("anna", PASSWORD)
    client.session = None
    with pytest.raises(UserNotFound):
        client.login("anna", "wrong")
    assert client.login("anna", PASSWORD).user_id == "anna"
    client.session = None
    assert client.force_login("Anna").user_id == "anna"
    assert client.call("test.whoami") == "anna"
    with pytest.raises(exceptions.UserNotFound):
        client.force_login("nobody")


BACKENDS = ["database.DatabaseStore", "signed.SignedStore"]


@pytest.fixture(params=BACKENDS)
def upgrading(request: pytest.FixtureRequest, toto: Toto) -> Toto:
    """Sessions of the scheme user_id and of v2 side by side."""
    stores = {
        "default": {"BACKEND": "toto_django.stores.database.DatabaseStore"},
        "sessions": {"BACKEND": f"toto_django.stores.{request.param}"},
    }
    toto(HMAC="user_id", HMAC_UPGRADE=True, STORES=stores, SESSIONS="sessions")
    return toto


def is_signed_by_v2(client: Any) -> bool:
    assert client.call("test.whoami") == client.session.user_id
    sent, answered = client.raw.request, client.raw.headers["x-toto-hmac"]
    header = sent.get("HTTP_X_TOTO_HMAC") or dict(sent["headers"])[b"x-toto-hmac"].decode()
    assert header.startswith("v2:") is answered.startswith("v2:")
    return bool(answered.startswith("v2:"))


@pytest.mark.usefixtures("whoami")
def test_sessions_are_signed_as_they_began(client: Any, upgrading: Toto) -> None:
    client.create("anna", PASSWORD)
    assert not is_signed_by_v2(client)
    require_v2("anna")
    client.login("anna", PASSWORD)
    assert is_signed_by_v2(client)
    client.session = None
    client.create("bertha", PASSWORD)
    assert not is_signed_by_v2(client)
    kept = client.force_login("anna")
    assert is_signed_by_v2(client)
    client.force_login("bertha")
    assert not is_signed_by_v2(client)
    client.session = kept
    upgrading(HMAC_UPGRADE=False)
    assert is_signed_by_v2(client)
    client.logout()
    assert client.session is None


@pytest.mark.usefixtures("whoami")
def test_session_of_v2_takes_no_answer_that_is_signed_otherwise(client: Any, upgrading: Toto) -> None:
    client.create("anna", PASSWORD)
    require_v2("anna")
    upgrading(HMAC_SIGN=lambda session, body: sign(session.user_id, body).decode())
    client.force_login("anna")
    with pytest.raises(InvalidResponseHMAC):
        client.call("test.whoami")


@pytest.mark.usefixtures("whoami")
def test_clients_may_ask_for_v2(make: Callable[..., Any], upgrading: Toto) -> None:
    client = make(headers={"x-toto-hmac": "v2"})
    client.create("anna", PASSWORD)
    assert is_signed_by_v2(client)


@pytest.mark.parametrize("is_asked_for", [True, False])
def test_anonymous_sessions_go_on(make: Callable[..., Any], toto: Toto, is_asked_for: bool) -> None:
    @anonymous_session
    def count(handler: Any, parameters: Any) -> Any:
        handler.session.update(lambda state: state.update(count=state.get("count", 0) + 1))
        return handler.session["count"]

    toto(HMAC="user_id" if is_asked_for else "v2", HMAC_UPGRADE=is_asked_for)
    client = make(headers={"x-toto-hmac": "v2"} if is_asked_for else None)
    with registered("test.count", count):
        assert [client.call("test.count") for _ in range(3)] == [1, 2, 3]
    assert client.raw.headers["x-toto-hmac"].startswith("v2:")


@pytest.mark.usefixtures("whoami")
def test_older_sessions_end_where_v2_is_forced(client: Any, toto: Toto) -> None:
    client.create("anna", PASSWORD)
    toto(HMAC="v2")
    with pytest.raises(InvalidHMAC):
        client.call("test.whoami")


@pytest.mark.usefixtures("whoami")
def test_no_cookie_takes_the_place_of_the_session(client: Any, toto: Toto) -> None:
    toto(USE_COOKIES=True)
    client.create("anna", PASSWORD)
    client.session = None
    with pytest.raises(NotAuthorized):
        client.call("test.whoami")


@pytest.mark.usefixtures("whoami")
@pytest.mark.parametrize("kind", ["plain", "async"])
def test_batches_work_as_anywhere(kind: str) -> None:
    def add(batch: Any) -> list[Any]:
        batch.call("account.create", {"user_id": "anna", "password": PASSWORD})
        return [batch.call("test.whoami"), batch.call("no.such")]

    async def sent() -> list[Any]:
        async with AsyncTotoClient().batch() as batch:
            return add(batch)

    if kind == "plain":
        with TotoClient().batch() as batch:
            user, unknown = add(batch)
    else:
        user, unknown = async_to_sync(sent)()
    assert user.result() == "anna"
    assert isinstance(unknown.error(), InvalidMethod)


def test_headers_go_with_every_request(make: Callable[..., Any]) -> None:
    seen = []

    def look(handler: Any, parameters: Any) -> None:
        seen.append(handler.request.headers["x-version"])

    with registered("test.look", look):
        make(headers={"x-version": "7"}).call("test.look")
    assert seen == ["7"]


def test_the_service_is_found_where_it_is_mounted(
    make: Callable[..., Any], toto: Toto, settings: Any
) -> None:
    settings.ROOT_URLCONF = "tests.service.mounted_urls"
    toto(HMAC="session_key")
    client = make()
    client.create("anna", PASSWORD)
    assert client.conversation.uri == "/service/"
    assert client.update(PASSWORD, {"colour": "red"}) == ["colour"]


def test_answers_are_verified(client: Any, toto: Toto) -> None:
    toto(HMAC_SIGN=lambda session, body: "wrong")
    with pytest.raises(InvalidResponseHMAC):
        client.create("anna", PASSWORD)
    assert client.raw.headers["x-toto-hmac"] == "wrong"


def test_asynchronous_calls_may_wait_for_each_other() -> None:
    async def answer(handler: Any, parameters: Any) -> Any:
        await asyncio.sleep(0)
        return parameters

    async def gathered() -> list[Any]:
        echo = AsyncTotoClient().methods.test.echo
        return await asyncio.gather(*(echo(number=number) for number in range(5)))

    with registered("test.echo", answer):
        assert async_to_sync(gathered)() == [{"number": number} for number in range(5)]


# Helpers


def test_expected_errors_are_caught_and_shown(client: Any) -> None:
    with assert_toto_error(1001) as caught:
        client.call("no.such")
    assert caught.error.value == "Cannot call 'no.such'."


def test_other_errors_and_none_fail(client: Any) -> None:
    with pytest.raises(AssertionError, match=r"error 1004, got Cannot call"), assert_toto_error(1004):
        client.call("no.such")
    with pytest.raises(AssertionError, match="got none"), assert_toto_error(1004):
        pass
    with pytest.raises(KeyError), assert_toto_error(1004):
        raise KeyError


def test_methods_can_be_replaced_for_a_while(client: Any) -> None:
    login = registry.get("account.login")
    with registered("account.login", lambda handler, parameters: "mine"):
        assert client.call("account.login") == "mine"
        with registered("account.login", lambda handler, parameters: "nested"):
            assert client.call("account.login") == "nested"
        assert client.call("account.login") == "mine"
    assert registry.get("account.login") is login
    with pytest.raises(KeyError), registered("test.new", lambda handler, parameters: None):
        raise KeyError
    assert registry.get("test.new") is None


@pytest.mark.parametrize("name", ["", "a..b", "_private", "a._b"])
def test_names_that_no_method_can_have_are_refused(name: str) -> None:
    problems = list(registry.problems)
    with pytest.raises(ValueError, match="is no name"), registered(name, lambda handler, parameters: None):
        pass
    registry.problems[:] = problems
