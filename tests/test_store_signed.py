"""The signed store."""

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.test import Client

from tests.calls import Login, Service, envelope, signature, signed
from tests.store_contract import RevocationContract, SessionContract, soon
from toto_django import sessions
from toto_django.exceptions import TooLarge, Unavailable
from toto_django.stores.signed import SignedStore

BACKEND = "toto_django.stores.signed.SignedStore"
LARGE = 4 * 1024 * 1024

Toto = Callable[..., None]


class TestSignedStore(RevocationContract):
    backend = BACKEND

    @pytest.fixture(autouse=True)
    def place(self) -> None:
        self.options = {"MAX_SIZE": LARGE, "REVOCATION_CACHE": "default"}
        caches["default"].clear()


class TestSignedStoreWithoutRevocation(SessionContract):
    backend = BACKEND

    @pytest.fixture(autouse=True)
    def place(self) -> None:
        self.options = {"MAX_SIZE": LARGE}


@pytest.fixture
def store() -> SignedStore:
    return SignedStore("default", {})


@pytest.fixture
def use(toto: Toto, db: None) -> Callable[..., None]:
    """Accounts in the database, sessions in the signed store with these OPTIONS."""

    def used(**options: Any) -> None:
        database = {"BACKEND": "toto_django.stores.database.DatabaseStore"}
        toto(
            STORES={"default": database, "signed": {"BACKEND": BACKEND, "OPTIONS": options}},
            SESSIONS="signed",
        )

    return used


class BrokenCache(LocMemCache):
    """A cache whose server is down."""

    def get(self, *args: Any, **kwargs: Any) -> Any:
        raise ConnectionError("refused")

    def get_many(self, *args: Any, **kwargs: Any) -> Any:
        raise ConnectionError("refused")

    def add(self, *args: Any, **kwargs: Any) -> Any:
        raise ConnectionError("refused")


# What an id holds


def test_id_shows_nothing_of_its_session(store: SignedStore) -> None:
    ids = [store.create_session("a user id", 2e9, b"a state").session_id for _ in range(2)]
    tokens = [urlsafe_b64decode(session_id + "=" * (-len(session_id) % 4)) for session_id in ids]
    assert not any(text in token for token in tokens for text in (b"user", b"state", b"e9"))
    # A version and a time, then nothing that two sessions share.
    assert not {tokens[0][at : at + 3] for at in range(9, 90)} & {
        tokens[1][at : at + 3] for at in range(9, 90)
    }


def test_id_with_any_character_changed_opens_nothing(store: SignedStore) -> None:
    session_id = store.create_session("ann", soon(), b"state").session_id
    changed = [
        session_id[:at] + ("A" if session_id[at] != "A" else "B") + session_id[at + 1 :]
        for at in range(len(session_id))
    ]
    assert store.load_sessions(changed) == {}


def test_ids_of_another_secret_open_nothing_until_it_is_a_fallback(store: SignedStore, settings: Any) -> None:
    settings.SECRET_KEY = "the old one"
    old = store.create_session("ann", soon())
    settings.SECRET_KEY = "the new one"
    assert store.load_session(old.session_id) is None
    settings.SECRET_KEY_FALLBACKS = ["the old one"]
    assert store.load_session(old.session_id) == old
    renewed = store.renew_session(old, old.expires + 500)
    settings.SECRET_KEY_FALLBACKS = []
    assert store.load_session(old.session_id) is None
    assert store.load_session(renewed.session_id) == renewed


def test_session_above_the_size_is_too_large(store: SignedStore) -> None:
    record = store.create_session("ann", soon(), b"x" * 2700)
    assert len(record.session_id) <= 4000
    with pytest.raises(TooLarge):
        store.swap_state(record, b"x" * 3000)
    with pytest.raises(TooLarge):
        store.create_session("ann", soon(), b"x" * 3000)


# The revocation list


def test_end_holds_as_long_as_any_id_of_the_session_could_live(toto: Toto, settings: Any) -> None:
    seen: list[float] = []

    class Recording(LocMemCache):
        def add(self, key: Any, value: Any, timeout: Any = None, version: Any = None) -> bool:
            seen.append(timeout)
            return super().add(key, value, timeout, version)

        def set(self, key: Any, value: Any, timeout: Any = None, version: Any = None) -> None:
            seen.append(timeout)
            super().set(key, value, timeout, version)

    settings.CACHES = {**settings.CACHES, "revoked": {"BACKEND": "tests.test_store_signed.Recording"}}
    globals()["Recording"] = Recording
    toto(SESSION_TTL=1000, SESSION_RENEW=3000, ANON_SESSION_TTL=10)
    store = SignedStore("default", {"REVOCATION_CACHE": "revoked"})
    long = store.create_session("ann", time.time() + 9000)
    store.delete_session(store.create_session("ann", time.time() + 500).session_id)
    store.delete_session(long.session_id)
    store.delete_sessions_of("ann")
    assert seen == [pytest.approx(each, abs=5) for each in (3000, 9000, 3000)]


def test_list_that_does_not_answer_is_unavailable(settings: Any) -> None:
    settings.CACHES = {**settings.CACHES, "broken": {"BACKEND": "tests.test_store_signed.BrokenCache"}}
    store = SignedStore("default", {"REVOCATION_CACHE": "broken"})
    record = store.create_session("ann", soon())
    for ask in (
        lambda: store.load_session(record.session_id),
        lambda: store.swap_state(record, b"new"),
        lambda: store.delete_session(record.session_id),
        lambda: store.ping(),
    ):
        with pytest.raises(Unavailable):
            ask()


# Over the wire


@pytest.mark.parametrize("options", [{}, {"REVOCATION_CACHE": "default"}])
def test_state_and_its_new_id_travel_with_each_answer(
    use: Callable[..., None], service: Service, options: Any
) -> None:
    use(**options)
    login = service.create()
    answers = [service.call("sess.counter", {}, login)]
    for _ in range(3):
        login = login._replace(session_id=answers[-1]["session"]["session_id"])
        answers.append(service.call("sess.counter", {}, login))
    assert [answer["result"]["count"] for answer in answers] == [1, 2, 3, 4]
    assert len({answer["session"]["session_id"] for answer in answers}) == 4


def test_members_of_a_batch_share_the_newest_state(use: Callable[..., None], service: Service) -> None:
    use()
    answer = service.batch({name: {"method": "sess.counter"} for name in "abc"}, service.create())
    assert [answer["batch"][name]["result"]["count"] for name in "abc"] == [1, 2, 3]


def test_signing_key_stays_while_the_id_changes(
    use: Callable[..., None], toto: Toto, service: Service
) -> None:
    use()
    toto(HMAC="session_key")
    login = service.create()
    assert login.key is not None
    ids = [login.session_id]
    for expected in (1, 2, 3):
        body = envelope("sess.counter")
        hmac = signature(login.key, b"POST/" + body)
        response = service.send("POST", "/", body, x_toto_session_id=ids[-1], x_toto_hmac=hmac)
        answer = json.loads(response.content)
        assert answer["result"] == {"count": expected}
        ids.append(answer["session"]["session_id"])
        message = ids[-1].encode() + response.content
        assert response.headers["x-toto-hmac"] == signature(login.key, message)
    assert len(set(ids)) == 4


def test_logout_ends_every_id_where_there_is_a_list(use: Callable[..., None], service: Service) -> None:
    use(REVOCATION_CACHE="default")
    first = service.create()
    later = first._replace(session_id=service.call("sess.counter", {}, first)["session"]["session_id"])
    assert service.call("account.logout", {}, first)["result"] == {"authenticated": False}
    for login in (first, later):
        assert service.call("sess.counter", {}, login)["error"]["code"] == 1004


def test_new_password_ends_older_sessions_where_there_is_a_list(
    use: Callable[..., None], service: Service
) -> None:
    use(REVOCATION_CACHE="default")
    old = service.create(password="first")
    answer = service.call("account.update", {"password": "first", "new_password": "second"}, old)
    fresh = Login(**answer["session"])
    assert service.call("sess.counter", {}, old)["error"]["code"] == 1004
    assert service.call("sess.counter", {}, fresh)["result"] == {"count": 1}


def test_state_above_the_size_is_an_error_of_the_call_and_nothing_is_lost(
    use: Callable[..., None], service: Service
) -> None:
    use()
    login = service.create()
    answer = service.call("sess.counter", {}, login)
    login = login._replace(session_id=answer["session"]["session_id"])
    body = envelope("sess.set", {"k": "long", "v": "x" * 5000})
    response = service.send("POST", "/", body, **signed(login, body))
    assert (response.status_code, json.loads(response.content)["error"]["code"]) == (200, 1103)
    assert service.call("sess.counter", {}, login)["result"] == {"count": 2}


def test_cookie_follows_the_id(use: Callable[..., None], toto: Toto, client: Client) -> None:
    use()
    toto(USE_COOKIES=True, HMAC=None)
    client.post("/account.create", {"user_id": "ann", "password": "secret"}, "application/json")
    results = [client.post("/sess.counter", {}, "application/json").json()["result"] for _ in range(3)]
    assert results == [{"count": 1}, {"count": 2}, {"count": 3}]


def test_authenticated_call_asks_the_database_nothing(
    use: Callable[..., None], wsgi: Service, django_assert_num_queries: Any
) -> None:
    use(REVOCATION_CACHE="default")
    login = wsgi.create()
    with django_assert_num_queries(0):
        assert wsgi.call("sess.counter", {}, login)["result"] == {"count": 1}


def test_renewal_travels_too(use: Callable[..., None], toto: Toto, wsgi: Service) -> None:
    use()
    login = wsgi.create()
    toto(SESSION_RENEW_INTERVAL=0)
    answer = wsgi.call("sess.info", {}, login)
    renewed = sessions.load_session(answer["session"]["session_id"])
    assert renewed is not None
    assert renewed.expires > login.expires
