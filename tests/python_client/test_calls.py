"""Calls, batches, accounts and sessions, in every format, under every scheme."""

import threading
from typing import Any

import pytest

from tests.python_client.blocking import Blocking
from tests.python_client.conftest import PASSWORD, Make
from tests.realtime import Server, until
from toto_django.client import (
    AsyncClient,
    CallTimeout,
    Client,
    InvalidAnswer,
    InvalidHMAC,
    InvalidMethod,
    InvalidParameters,
    MissingParameters,
    NotAuthorized,
    NotConnected,
    RateLimited,
    RemoteError,
    RequestError,
    ServerError,
    Session,
    TimedOut,
    TooLarge,
    Unavailable,
    UserIDExists,
    UserNotFound,
)
from toto_django.codecs import EncodeError
from toto_django.signing import SCHEMES

pytestmark = pytest.mark.server

each_codec = pytest.mark.parametrize("codec", ["json", "bson", "msgpack"])


# Calls


@each_codec
def test_a_whole_life_of_a_session(server: Server, make: Make, codec: str, name: str) -> None:
    seen: list[Any] = []
    client = make(server, codec=codec, on_session=seen.append)
    assert client.call("rt.echo", {"a": [1, "é☃😀", None]}) == {"a": [1, "é☃😀", None]}
    session = client.create(name.upper(), PASSWORD, {"colour": "red"})
    assert (session.user_id, session.has_expired) == (name, False)
    assert (session.key is not None) is (
        client.conversation.scheme in (SCHEMES["session_key"], SCHEMES["v2"])
    )
    assert client.call("rt.user") == {"user_id": name}
    assert client.call("rt.echo", "é") == "é"

    again = client.login(name, PASSWORD)
    assert again.session_id != session.session_id
    assert client.update(PASSWORD, {"colour": "blue"}) == ["colour"]
    assert client.update(PASSWORD, {"new_password": "a much longer one"}) == ["password"]
    assert client.session.session_id not in {session.session_id, again.session_id}
    assert client.call("rt.user") == {"user_id": name}
    client.logout()
    assert client.session is None
    with pytest.raises(NotAuthorized):
        client.call("rt.user")
    assert seen[0] == session
    assert seen[-1] is None


@each_codec
def test_values_are_what_the_format_makes_of_them(unsigned_service: Server, make: Make, codec: str) -> None:
    client = make(unsigned_service, codec=codec)
    given = client.call("pc.values", {"items": [b"\x00", 7, 1.5]})
    assert given["kinds"] == ["str" if codec == "json" else "bytes", "int", "float"]
    assert given["bytes"] == ("AP8=" if codec == "json" else b"\x00\xff")
    assert str(given["when"]).replace(" ", "T") == "2026-05-04T03:02:01+00:00"


def test_attributes_name_methods(unsigned_service: Server, make: Make) -> None:
    client = make(unsigned_service)
    methods = client.methods

    def settled(value: Any) -> Any:
        return client.runner.run(value) if isinstance(client, Blocking) else value

    assert settled(methods.rt.echo(call=1, name=2)) == {"call": 1, "name": 2}
    assert settled(methods.rt.echo()) == {}
    assert settled(methods.rt.echo(["a"])) == ["a"]
    with pytest.raises(TypeError, match="not both"):
        methods.rt.echo({}, a=1)
    with pytest.raises(InvalidMethod, match=r"'rt\.call\.session' \(1001\)|Cannot call 'rt.call.session'"):
        settled(methods.rt.call.session())
    with pytest.raises(AttributeError):
        methods.rt.__secret  # noqa: B018


def test_a_method_without_a_result_gives_none(server: Server, make: Make) -> None:
    assert make(server).call("pc.nothing") is None


def test_what_a_format_cannot_carry_is_not_sent(unsigned_service: Server, make: Make) -> None:
    with pytest.raises(EncodeError, match=r"parameters\.when"):
        make(unsigned_service).call("rt.echo", {"when": object()})


# Errors


def test_errors_have_their_classes(unsigned_service: Server, make: Make, name: str) -> None:
    client = make(unsigned_service)
    expected: list[tuple[type[RemoteError], int, str, Any]] = [
        (ServerError, 1000, "rt.fail", {}),
        (InvalidMethod, 1001, "no.such", {}),
        (MissingParameters, 1003, "account.login", {}),
        (NotAuthorized, 1004, "rt.user", {}),
        (UserNotFound, 1005, "account.login", {"user_id": name, "password": "wrong"}),
        (InvalidParameters, 1100, "pc.refuse", {}),
        (TimedOut, 1102, "rt.never_short", {}),
    ]
    for kind, code, method, parameters in expected:
        with pytest.raises(RemoteError) as caught:
            client.call(method, parameters)
        assert (type(caught.value), caught.value.code, caught.value.status) == (kind, code, 200)
    client.create(name, PASSWORD)
    with pytest.raises(UserIDExists):
        client.create(name, PASSWORD)


def test_errors_carry_what_the_service_sends(unsigned_service: Server, make: Make) -> None:
    client = make(unsigned_service)
    with pytest.raises(InvalidParameters) as invalid:
        client.call("pc.refuse")
    assert invalid.value.fields == {"text": ["Too long."]}
    given = {"code": 2001, "value": {"a": 1}, "details": {"hint": "look", "retry_after": "x"}}
    with pytest.raises(RemoteError) as own:
        client.call("pc.error", given)
    assert type(own.value) is RemoteError
    assert (own.value.code, own.value.value, own.value.details) == (
        2001,
        {"a": 1},
        {"hint": "look", "retry_after": "x"},
    )
    with pytest.raises(RateLimited) as limited:
        client.call("pc.error", {"code": 1101, "value": "x" * 5000, "details": {"retry_after": -1}})
    assert limited.value.retry_after == 0
    assert len(str(limited.value)) < 1100


@pytest.mark.parametrize("code", ["text", None, 1.5, [1], {"a": 1}, True])
def test_codes_may_be_anything(unsigned_service: Server, make: Make, code: Any) -> None:
    with pytest.raises(RemoteError) as caught:
        make(unsigned_service).call("pc.error", {"code": code, "value": 1})
    assert (type(caught.value), caught.value.code) == (RemoteError, code)


def test_requests_that_are_refused_as_a_whole_say_so(unsigned_service: Server, make: Make) -> None:
    client = make(unsigned_service)
    with pytest.raises(TooLarge) as large:
        client.call("rt.echo", "x" * 11_000_000)
    assert large.value.status == 413
    with pytest.raises(RequestError) as deep:
        client.call("rt.echo", _nested(200))
    assert deep.value.status == 400


def _nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def test_raw_answers_are_no_answers_to_calls(unsigned_service: Server, make: Make) -> None:
    with pytest.raises(InvalidAnswer):
        make(unsigned_service).call("pc.raw")


# Batches


@each_codec
def test_members_of_a_batch_have_results_of_their_own(
    server: Server, make: Make, codec: str, name: str
) -> None:
    client = make(server, codec=codec)
    with client.batch() as batch:
        created = batch.call("account.create", {"user_id": name, "password": PASSWORD})
        user = batch.call("rt.user")
        failed = batch.methods.no.such()
        echoes = [batch.methods.rt.echo(number=number) for number in range(12)]
        nothing = batch.call("pc.nothing")
        with pytest.raises(RuntimeError, match="no result before"):
            user.result()
        assert repr(user) == "<BatchMember rt.user waits>"
    assert created.result()["user_id"] == user.result()["user_id"] == name
    assert isinstance(failed.error(), InvalidMethod)
    with pytest.raises(InvalidMethod):
        failed.result()
    assert [echo.result()["number"] for echo in echoes] == list(range(12))
    assert nothing.result() is None
    assert nothing.error() is None
    assert client.session.user_id == name
    assert client.call("rt.user") == {"user_id": name}


def test_the_session_ends_with_the_last_logout_of_a_batch(server: Server, make: Make, name: str) -> None:
    client = make(server)
    client.create(name, PASSWORD)
    with client.batch() as batch:
        batch.call("account.logout")
        batch.call("account.login", {"user_id": name, "password": PASSWORD})
    assert client.call("rt.user") == {"user_id": name}
    with client.batch() as batch:
        batch.call("rt.user")
        batch.call("account.logout")
        refused = batch.call("rt.user")
    assert isinstance(refused.error(), NotAuthorized)
    assert client.session is None


def test_a_batch_that_fails_as_a_whole_fails_for_each(unsigned_service: Server, make: Make) -> None:
    client = make(unsigned_service)
    with pytest.raises(TooLarge), client.batch() as batch:
        members = [batch.call("rt.echo") for _ in range(101)]
    assert all(isinstance(member.error(), TooLarge) for member in members)


def test_empty_and_broken_off_batches_are_not_sent() -> None:
    client = Client("http://127.0.0.1:9/", retries=0)
    with client.batch():
        pass
    with pytest.raises(KeyError), client.batch() as batch:  # noqa: PT012
        member = batch.call("rt.echo")
        raise KeyError
    with pytest.raises(RuntimeError):
        member.result()
    client.close()


# Sessions


def test_a_session_can_be_kept_and_taken_up_again(server: Server, make: Make, name: str) -> None:
    kept = make(server).create(name, PASSWORD).to_dict()
    client = make(server, session=Session.from_dict(kept))
    assert client.call("rt.user") == {"user_id": name}
    assert client.session == Session.from_dict(kept)
    assert client.session.user_id == name


@pytest.mark.parametrize("values", [{}, {"session_id": "a b", "expires": 1}, None, [], {"session_id": "a"}])
def test_what_is_no_session_is_refused(values: Any) -> None:
    with pytest.raises(ValueError, match="no values of a session"):
        Session.from_dict(values)


def test_a_session_that_has_ended_is_dropped(server: Server, make: Make, name: str) -> None:
    seen: list[Any] = []
    one, other = make(server, on_session=seen.append), make(server)
    other.session = one.create(name, PASSWORD)
    other.logout()
    with pytest.raises(NotAuthorized):
        one.call("rt.user")
    assert one.session is None
    assert seen[-1] is None
    one.logout()


def test_a_logout_of_an_ended_session_is_one(server: Server, make: Make, name: str) -> None:
    one, other = make(server), make(server)
    other.session = one.create(name, PASSWORD)
    other.logout()
    one.logout()
    assert one.session is None


def test_a_refusal_by_rights_keeps_the_session(server: Server, make: Make, name: str) -> None:
    client = make(server)
    client.create(name, PASSWORD)
    with pytest.raises(NotAuthorized, match="Not for you"):
        client.call("pc.forbidden")
    assert client.call("rt.user") == {"user_id": name}


def test_anonymous_sessions_are_kept_too(server: Server, make: Make) -> None:
    client = make(server)
    first = client.call("rt.session")
    assert client.session.user_id == ""
    assert [client.call("rt.session") for _ in range(2)] == [first, first]


def test_a_failed_login_keeps_the_session(server: Server, make: Make, name: str) -> None:
    client = make(server)
    session = client.create(name, PASSWORD)
    with pytest.raises(UserNotFound):
        client.login(name, "wrong")
    assert client.session == session


def test_a_session_set_meanwhile_is_not_overwritten(unsigned_service: Server, name: str) -> None:
    url = f"http://127.0.0.1:{unsigned_service.port}/"
    with Client(url, signing=None) as client, Client(url, signing=None) as other:
        client.create(name, PASSWORD)
        mine = other.login(name, PASSWORD)
        waiting = threading.Thread(target=client.call, args=["rt.wait_user", {"event": name}])
        waiting.start()
        until(lambda: unsigned_service.stats()["handlers"] == 1)
        client.session = mine
        unsigned_service.call("rt.send", event=name)
        waiting.join(10)
        assert client.session == mine


def test_a_wrong_key_is_refused_by_the_service(user_id_service: Server, make: Make, name: str) -> None:
    client = make(user_id_service)
    session = client.create(name, PASSWORD)
    client.session = Session(session.session_id, "somebody else", session.expires)
    with pytest.raises(InvalidHMAC):
        client.call("rt.user")
    assert client.session is not None


def test_cookies_do_not_take_the_place_of_the_session(make: Make, name: str) -> None:
    toto = {"METHOD_MODULES": ["tests.service.realtime"], "USE_COOKIES": True, "HMAC": None}
    with Server(toto) as server:
        client = make(f"http://127.0.0.1:{server.port}/", signing=None)
        client.create(name, PASSWORD)
        client.session = None
        with pytest.raises(NotAuthorized):
            client.call("rt.user")


# Time and attempts


def test_calls_end_in_time(unsigned_service: Server, make: Make) -> None:
    with pytest.raises(CallTimeout) as caught:
        make(unsigned_service).call("rt.wait", {"event": "nothing"}, timeout=0.3)
    assert isinstance(caught.value, TimeoutError)


def test_what_may_run_twice_is_tried_again(unsigned_service: Server, make: Make, name: str) -> None:
    client = make(unsigned_service)
    with pytest.raises(Unavailable):
        client.call("pc.busy", {"name": name, "at": 2})
    assert client.call("pc.busy", {"name": name, "at": 3}, retry=True) == 3
    limited = {"name": f"{name}!", "at": 2, "retry_after": 0.1}
    assert client.call("pc.busy", limited, retry=True) == 2


def test_attempts_are_bounded_by_number_and_by_time(unsigned_service: Server, make: Make, name: str) -> None:
    client = make(unsigned_service, retries=1)
    with pytest.raises(Unavailable):
        client.call("pc.busy", {"name": name, "at": 9}, retry=True)
    assert client.call("pc.tries", {"name": name}) == 2
    with pytest.raises(RateLimited):
        client.call("pc.busy", {"name": f"{name}!", "at": 9, "retry_after": 60}, retry=True, timeout=5)
    assert client.call("pc.tries", {"name": f"{name}!"}) == 1


def test_who_cannot_be_reached_is_tried_again_and_told_apart(make: Make) -> None:
    client = make("http://127.0.0.1:9/", retries=1)
    with pytest.raises(NotConnected):
        client.call("rt.echo")


def test_a_logout_that_nobody_hears_keeps_the_session(make: Make) -> None:
    session = Session("A" * 22, "ada", 1e10)
    client = make("http://127.0.0.1:9/", retries=0, session=session)
    with pytest.raises(NotConnected):
        client.logout()
    assert client.session is session


# Long-polls


def test_messages_come_one_after_another(unsigned_service: Server, make: Make, name: str) -> None:
    given: list[Any] = []

    def parameters(last: Any) -> Any:
        given.append(last)
        return {"event": name}

    messages = make(unsigned_service).messages("rt.wait", parameters)
    sender = threading.Thread(target=_send_when_waited_for, args=[unsigned_service, name, given])
    sender.start()
    assert [next(messages) for _ in range(3)] == [{"got": number} for number in range(3)]
    messages.close()
    sender.join(10)
    assert not sender.is_alive()
    assert given == [None, {"got": 0}, {"got": 1}]


def _send_when_waited_for(server: Server, event: str, polls: list[Any]) -> None:
    """An event for each of three polls."""
    for number in range(3):
        until(lambda number=number: len(polls) > number)  # type: ignore[misc]
        server.until_handlers(1)
        server.call("rt.send", event=event, args=number)


def test_polls_without_a_message_and_outages_are_passed_over(
    unsigned_service: Server, make: Make, name: str
) -> None:
    client = make(unsigned_service)
    messages = client.messages("pc.busy", {"name": name, "at": 3})
    assert next(messages) == 3
    messages.close()
    ends = client.messages("rt.wait", {"event": name}, timeout=1.2)
    threading.Timer(1.8, unsigned_service.call, ["rt.send"], {"event": name, "args": 1}).start()
    assert next(ends) == {"got": 1}
    ends.close()


def test_errors_that_would_only_come_again_end_the_loop(unsigned_service: Server, make: Make) -> None:
    with pytest.raises(NotAuthorized):
        next(make(unsigned_service).messages("rt.user"))


# Options and secrets


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("ftp://localhost/", {}),
        ("/service/", {}),
        ("http://localhost/", {"codec": "form"}),
        ("http://localhost/", {"signing": "sha1"}),
    ],
)
def test_wrong_options_are_refused(kind: Any, url: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"begins with http|There is no"):
        kind(url, **options)


def test_nothing_secret_is_shown(
    session_key_service: Server, make: Make, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    client = make(session_key_service)
    session = client.create(name, PASSWORD)
    client.call("rt.user")
    request = client.conversation.request({"method": "x"}, None)
    shown = f"{client!r} {client.client!r}" if isinstance(client, Blocking) else repr(client)
    shown += f"{session!r} {request!r} {caplog.text}"
    for secret in (session.session_id, session.key, PASSWORD):
        assert secret not in shown
    assert "secret" not in repr(Client("http://ada:secret@localhost/?token=secret"))
