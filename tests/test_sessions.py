"""toto_django.sessions."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.dispatch import Signal

from toto_django import sessions
from toto_django.exceptions import NotAuthorized, ServerError, TooLarge
from toto_django.sessions import Session
from toto_django.signals import session_created, session_ended
from toto_django.stores import get_store

Configure = Callable[..., None]
Sent = list[tuple[str, str]]

HOUR = 3600
DAY = 24 * HOUR
TTLS = [
    *[("ann", {}, 365 * DAY), ("ann", {"SESSION_TTL": 9}, 9)],
    *[("", {}, DAY), ("", {"ANON_SESSION_TTL": 8}, 8)],
]
RENEWALS = [
    *[("ann", {}, 365 * DAY - HOUR / 2, None), ("ann", {}, 365 * DAY - 2 * HOUR, 365 * DAY)],
    *[("", {}, 0.995 * DAY, None), ("", {}, 0.98 * DAY, DAY)],
    *[("ann", {"SESSION_TTL": 1000}, 995, None), ("ann", {"SESSION_TTL": 1000}, 985, 1000)],
    ("ann", {"SESSION_RENEW_INTERVAL": 0}, 365 * DAY - 1, 365 * DAY),
    ("ann", {"SESSION_RENEW_INTERVAL": 100}, 365 * DAY - 95, None),
    ("ann", {"SESSION_RENEW_INTERVAL": 100}, 365 * DAY - 105, 365 * DAY),
    ("ann", {"SESSION_RENEW": 100, "SESSION_RENEW_INTERVAL": 0}, 50, 100),
    ("ann", {"SESSION_RENEW": 100, "SESSION_RENEW_INTERVAL": 0}, 150, None),
    ("", {"ANON_SESSION_RENEW": 100, "SESSION_RENEW_INTERVAL": 0}, 50, 100),
    ("", {"SESSION_RENEW": 100, "SESSION_RENEW_INTERVAL": 0}, 50, DAY),
]
"""Whose session, settings, seconds left before and after a renewal; None where it is not due."""


@pytest.fixture(autouse=True)
def configure(settings: Any) -> Configure:
    """Sessions in memory; called, it sets keys of TOTO and begins with an empty store."""
    memory = {"default": {"BACKEND": "toto_django.stores.memory.MemoryStore"}}

    def change(**keys: Any) -> None:
        settings.TOTO = {**settings.TOTO, "STORES": memory, **keys}

    change()
    return change


@pytest.fixture
def session() -> Session:
    """An account's session with a state."""
    session = sessions.create_session("ann")
    session.update({"number": 1, "list": [1], "nested": {"a": {"b": 1}}})
    session.save()
    return session


def again(session: Session) -> Session:
    """The same session as another request loads it."""
    loaded = sessions.load_session(session.session_id)
    assert loaded is not None
    return loaded


def state(session: Session) -> dict[str, Any]:
    """What is kept of the session's state."""
    return dict(again(session))


def expiring_in(seconds: float, user_id: str = "ann") -> Session:
    store = get_store("default")
    return Session(store.create_session(user_id, time.time() + seconds), store)


def awaited(twin: Callable[..., Any]) -> Callable[..., Any]:
    """The coroutine function as a plain one."""
    return lambda *arguments: asyncio.run(twin(*arguments))


# The mapping


def test_missing_key_reads_none(session: Session) -> None:
    assert session["missing"] is None
    assert session.get("missing") is None
    assert session.get("missing", 5) == 5
    assert "missing" not in session


@pytest.mark.parametrize("value", [0, 0.0, False, "", [], {}, None, b"", ()])
def test_falsy_value_stays_as_it_is(session: Session, value: Any) -> None:
    session["key"] = value
    session.save()
    loaded = again(session)
    assert (loaded["key"], type(loaded["key"])) == (value, type(value))
    assert "key" in loaded
    assert loaded.get("key", 5) == value


def test_state_iterates_counts_and_contains_as_a_dict_does(session: Session) -> None:
    assert list(session) == list(session.iterkeys()) == list(session.keys()) == ["number", "list", "nested"]
    assert len(session) == 3
    assert "number" in session
    assert dict(session.items())["list"] == [1]


def test_pop_setdefault_and_deletion_are_kept(session: Session) -> None:
    assert session.pop("number") == 1
    assert session.pop("number", 7) == 7
    with pytest.raises(KeyError):
        session.pop("number")
    assert session.setdefault("new", []) == []
    assert session.setdefault("list", "other") == [1]
    del session["nested"]
    del session["missing"]
    session.save()
    assert state(session) == {"list": [1], "new": []}


def test_session_is_true_even_without_state() -> None:
    assert bool(sessions.create_session("ann")) is True


def test_sessions_of_equal_state_are_not_equal() -> None:
    assert sessions.create_session("ann") != sessions.create_session("bob")


# Saving


def test_unsaved_changes_are_not_kept(session: Session) -> None:
    session["number"] = 2
    session.update({"a": 1}, b=2)
    session.update([("c", 3)])
    assert (session["number"], session["a"], session["b"], session["c"]) == (2, 1, 2, 3)
    assert state(session) == {"number": 1, "list": [1], "nested": {"a": {"b": 1}}}


@pytest.mark.parametrize("save", [Session.save, Session.save_state, awaited(Session.asave)])
def test_saved_changes_are_kept(session: Session, save: Callable[[Session], None]) -> None:
    session["number"] = 2
    save(session)
    assert session["number"] == state(session)["number"] == 2


def test_nested_change_is_noticed(session: Session) -> None:
    session["list"].append(2)
    session["nested"]["a"]["b"] = 2
    session.save()
    assert state(session) == {"number": 1, "list": [1, 2], "nested": {"a": {"b": 2}}}


def test_change_of_type_alone_is_noticed(session: Session) -> None:
    session["number"] = True
    session.save()
    assert state(session)["number"] is True


def test_nested_change_after_a_save_is_noticed(session: Session) -> None:
    values = session["list"]
    values.append(2)
    session.save()
    values.append(3)
    session.save()
    assert state(session)["list"] == [1, 2, 3]


def test_save_without_changes_writes_nothing(session: Session) -> None:
    version = get_store("default").load_session(session.session_id).version
    session.save()
    session["number"] = 1
    session.save()
    assert get_store("default").load_session(session.session_id).version == version


def test_keys_changed_by_two_requests_both_survive(session: Session) -> None:
    one, other = again(session), again(session)
    one["one"], other["other"] = 1, 2
    del other["number"]
    one.save()
    other.save()
    assert state(session) == {"list": [1], "nested": {"a": {"b": 1}}, "one": 1, "other": 2}


def test_unchanged_key_does_not_overwrite_what_another_request_saved(session: Session) -> None:
    slow, fast = again(session), again(session)
    assert slow["number"] == 1
    fast["number"] = 2
    fast.save()
    slow["other"] = 1
    slow.save()
    assert (state(session)["number"], slow["number"]) == (2, 2)


def test_refresh_reads_the_newest_state_and_drops_changes(session: Session) -> None:
    for refresh in (Session.refresh, awaited(Session.arefresh)):
        other = again(session)
        other["number"] += 1
        other.save()
        session["unsaved"] = 1
        refresh(session)
        assert (session["unsaved"], session["number"]) == (None, other["number"])


# Atomic updates


def increment(kept: dict[str, Any]) -> None:
    kept["number"] += 1


def test_update_with_a_function_changes_the_newest_state(session: Session) -> None:
    stale = again(session)
    assert stale["number"] == 1
    session.update(increment)
    stale["unsaved"] = 1
    stale.update(increment)
    assert stale["number"] == state(session)["number"] == 3
    assert stale["unsaved"] is None


def test_aupdate_changes_the_newest_state(session: Session) -> None:
    async def increments() -> None:
        await asyncio.gather(*[again(session).aupdate(increment) for _ in range(10)])

    asyncio.run(increments())
    assert state(session)["number"] == 11


def test_function_that_raises_changes_nothing(session: Session) -> None:
    def fail(kept: dict[str, Any]) -> None:
        kept["number"] = 5
        raise LookupError

    with pytest.raises(LookupError):
        session.update(fail)
    assert state(session)["number"] == session["number"] == 1


# What cannot be kept


@pytest.mark.parametrize(
    ("serializer", "value"),
    [("msgpack", object()), ("msgpack", "\ud800"), ("json", b"bytes"), ("json", float("nan"))],
)
def test_value_that_cannot_be_kept_is_an_error_and_changes_nothing(
    configure: Configure, serializer: str, value: Any
) -> None:
    configure(STATE_SERIALIZER=serializer)
    session = sessions.create_session("ann")
    session["key"] = [value]
    with pytest.raises(ServerError, match="The session cannot keep"):
        session.save()
    with pytest.raises(ServerError):
        session.update(lambda kept: kept.update(key=value))
    with pytest.raises(ServerError):
        asyncio.run(session.aupdate(lambda kept: kept.update(key=value)))
    assert state(session) == {}


def test_too_large_state_is_an_error_and_changes_nothing(configure: Configure) -> None:
    configure(MAX_STATE=100)
    session = sessions.create_session("ann")
    session["key"] = "x" * 101
    with pytest.raises(TooLarge, match="larger than 100 bytes"):
        session.save()
    assert state(session) == {}
    session["key"] = "x" * 10
    session.save()
    assert state(session) == {"key": "x" * 10}


def test_json_serializer_keeps_json(configure: Configure) -> None:
    configure(STATE_SERIALIZER="json")
    session = sessions.create_session("ann")
    session["tuple"] = (1, {"a": None})
    session.save()
    assert get_store("default").load_session(session.session_id).state == b'{"tuple":[1,{"a":null}]}'
    assert state(session) == {"tuple": [1, {"a": None}]}


def test_pickle_serializer_keeps_objects(configure: Configure) -> None:
    configure(STATE_SERIALIZER="pickle")
    session = sessions.create_session("ann")
    session["range"], session["list"] = range(3), [range(2)]
    session.save()
    session["list"].append(1)
    session.save()
    assert state(session) == {"range": range(3), "list": [range(2), 1]}


# Lives of sessions


@pytest.fixture
def sent() -> Iterator[Sent]:
    """The signals that were sent."""
    seen: Sent = []

    def see(signal: Signal, user_id: str, **kwargs: Any) -> None:
        seen.append(("created" if signal is session_created else "ended", user_id))

    for signal in (session_created, session_ended):
        signal.connect(see)
    yield seen
    for signal in (session_created, session_ended):
        signal.disconnect(see)


def test_session_ends_with_a_signal_of_its_own(sent: Sent) -> None:
    session = sessions.create_session("ann")
    sessions.remove_session(session)
    assert session.ended
    assert sessions.load_session(session.session_id) is None
    assert sent == [("created", "ann"), ("ended", "ann")]


def test_twins_do_the_same(sent: Sent) -> None:
    async def live() -> None:
        session = await sessions.acreate_session()
        loaded = await sessions.aload_session(session.session_id)
        assert loaded is not None
        assert (loaded.user_id, loaded.expires) == ("", session.expires)
        await sessions.aremove_session(session)
        assert await sessions.aload_session(session.session_id) is None

    asyncio.run(live())
    assert sent == [("created", ""), ("ended", "")]


@pytest.mark.parametrize(
    "use",
    [
        Session.refresh,
        lambda session: session.update(increment),
        lambda session: asyncio.run(session.aupdate(increment)),
        awaited(Session.arefresh),
        lambda session: (session.update(other=1), session.save()),
    ],
    ids=["refresh", "update", "aupdate", "arefresh", "save"],
)
def test_ended_session_is_unauthorized_and_does_not_come_back(
    session: Session, use: Callable[[Session], Any]
) -> None:
    sessions.remove_session(again(session))
    with pytest.raises(NotAuthorized):
        use(session)
    sessions.renew(session)
    assert sessions.load_session(session.session_id) is None


def test_anonymous_session_has_state_and_no_account() -> None:
    session = sessions.create_session()
    session["cart"] = [1]
    session.save()
    assert (session.user_id, state(session)) == ("", {"cart": [1]})
    with pytest.raises(NotAuthorized):
        session.get_account()
    with pytest.raises(NotAuthorized):
        asyncio.run(session.aget_account())


@pytest.mark.parametrize(("user_id", "toto", "ttl"), TTLS)
def test_new_session_lives_as_long_as_the_settings_say(
    configure: Configure, user_id: str, toto: dict[str, Any], ttl: float
) -> None:
    configure(**toto)
    assert sessions.create_session(user_id).expires == pytest.approx(time.time() + ttl, abs=5)


@pytest.mark.parametrize(("user_id", "toto", "left", "renewed_to"), RENEWALS)
@pytest.mark.parametrize("renew", [sessions.renew, awaited(sessions.arenew)])
def test_session_is_renewed_when_it_is_due(
    configure: Configure,
    renew: Callable[[Session], None],
    user_id: str,
    toto: dict[str, Any],
    left: float,
    renewed_to: float | None,
) -> None:
    configure(**toto)
    session = expiring_in(left, user_id)
    before = session.expires
    renew(session)
    expected = before if renewed_to is None else pytest.approx(time.time() + renewed_to, abs=0.9)
    assert session.expires == again(session).expires == expected
