"""Which sessions go on, and which must not (docs/importing.md)."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.calls import Service
from tests.importing.conftest import Import
from tests.importing.originals import JSONFile, pickled
from toto_django import accounts
from toto_django.models import Account
from toto_django.stores import account_store, session_store

ID = "AAAAAA-session-of-ada-"
LATER = 4_000_000_000.0
Toto = Callable[..., None]


@pytest.fixture
def ada(file: JSONFile) -> JSONFile:
    """An original with one account and a session of it."""
    file.add_account("ada")
    file.add_session(ID, "ada", LATER, pickled({"counter": 1}))
    return file


def taken(run: Any) -> bool:
    return "1 taken" in run.sessions


def test_session_does_not_come_back_after_a_password_change_here(ada: JSONFile, take: Import) -> None:
    assert taken(take(ada, "--sessions"))
    accounts.set_password("ada", "a new password")
    assert session_store().load_session(ID) is None
    run = take(ada, "--sessions")
    assert "skipped: its account has another password here, or none: 1 (AAAAAA…)" in run.out
    assert session_store().load_session(ID) is None


def test_session_is_not_given_to_somebody_who_registered_the_id_here(
    ada: JSONFile, take: Import, wsgi: Service
) -> None:
    wsgi.create("ada")
    assert not taken(take(ada, "--sessions"))
    assert session_store().load_session(ID) is None


def test_session_of_a_deactivated_account_is_skipped(ada: JSONFile, take: Import) -> None:
    take(ada)
    Account.objects.filter(user_id="ada").update(is_active=False)
    assert "its account is not active here: 1" in take(ada, "--sessions").out
    assert session_store().load_session(ID) is None


def test_session_of_an_account_without_a_password_is_skipped(file: JSONFile, take: Import) -> None:
    file.add_account("ada", None)
    file.add_session(ID, "ada", LATER)
    for arguments in (["--sessions", "--dry-run"], ["--sessions"]):
        assert "0 already there, 1 skipped" in take(file, *arguments).sessions
    assert session_store().load_session(ID) is None


def test_sessions_are_left_alone_without_the_option(ada: JSONFile, take: Import) -> None:
    run = take(ada)
    assert "Sessions" not in run.out
    assert session_store().load_session(ID) is None


@pytest.mark.parametrize("scheme", ["session_key", "v2"])
def test_session_whose_client_would_need_a_key_is_skipped(
    ada: JSONFile, take: Import, toto: Toto, scheme: str
) -> None:
    toto(HMAC=scheme)
    run = take(ada, "--sessions")
    assert f"under '{scheme}' keys are new here: 1 (AAAAAA…)" in run.out
    assert session_store().load_session(ID) is None


def test_session_of_an_account_that_requires_v2_is_skipped(ada: JSONFile, take: Import, toto: Toto) -> None:
    toto(HMAC_UPGRADE=True)
    take(ada)
    accounts.require_v2("ada")
    assert "its account requires signatures v2 here: 1 (AAAAAA…)" in take(ada, "--sessions").out
    assert session_store().load_session(ID) is None
    accounts.require_v2("ada", False)
    assert taken(take(ada, "--sessions"))


def test_account_requires_nothing_because_the_original_says_so(
    file: JSONFile, take: Import, toto: Toto
) -> None:
    toto(HMAC_UPGRADE=True)
    file.add_account("ada", toto_signing="v2")
    take(file)
    assert not accounts.requires_v2("ada")
    assert session_store().load_session(ID) is None


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (b"cos\nsystem\n(S'true'\ntR.", "its state cannot be read: it holds an object ('os.system')"),
        (b"(lp1\n.", "its state is no dict"),
        (b"(dp1\nS'a'\n", "its state cannot be read: it is cut off"),
        (pickled({"a": "x" * 5000}), "its state does not fit into MAX_STATE"),
        (b"(dp1\nV\\ud800\nI1\ns.", "its state cannot be kept as msgpack"),
    ],
)
def test_session_whose_state_would_be_lost_is_skipped(
    state: bytes, reason: str, file: JSONFile, take: Import, toto: Toto
) -> None:
    toto(MAX_STATE=4000)
    file.add_account("ada")
    file.add_session(ID, "ada", LATER, state)
    assert reason in take(file, "--sessions").out
    assert session_store().load_session(ID) is None


def test_state_is_kept_in_the_configured_serialization(ada: JSONFile, take: Import, toto: Toto) -> None:
    toto(STATE_SERIALIZER="json")
    ada.add_session(ID[:-1] + "B", "ada", LATER, b"(dp1\nS's'\nc__builtin__\nset\n((lI1\natRs.")
    run = take(ada, "--sessions")
    assert "its state cannot be kept as json: Object of type set is not JSON serializable: 1" in run.out
    record = session_store().load_session(ID)
    assert record is not None
    assert record.state == b'{"counter":1}'


@pytest.mark.parametrize(
    ("session_id", "expires", "reason"),
    [
        ("short", LATER, "its id is none of Toto's"),
        ("", LATER, "its id is none of Toto's"),
        ("x" * 65, LATER, "its id is none of Toto's"),
        ("x" * 21 + "\n", LATER, "its id is none of Toto's"),
        ("ä" * 22, LATER, "its id is none of Toto's"),
        (ID, 1_000_000_000.5, "it has expired"),
        (ID, None, "its expiry is no time"),
        (ID, "4000000000", "its expiry is no time"),
        (ID, True, "its expiry is no time"),
        (ID, float("inf"), "its expiry is no time"),
        (ID, 10**400, "its expiry is no time"),
    ],
)
def test_odd_session_is_skipped_with_the_reason(
    session_id: str, expires: Any, reason: str, file: JSONFile, take: Import
) -> None:
    file.add_account("ada")
    file.add_session(session_id, "ada", expires)
    run = take(file, "--sessions")
    assert run.sessions == "Sessions: 1 read, 0 taken, 0 already there, 1 skipped."
    assert f"skipped: {reason}: 1 (" in run.out


def test_session_ids_are_never_written_in_full(file: JSONFile, take: Import) -> None:
    file.add_account("ada")
    file.add_session(ID, "nobody", LATER)
    file.add_session("short", "ada", LATER)
    run = take(file, "--sessions", verbosity=2)
    assert "AAAAAA…" in run.out
    assert ID not in run.out
    assert "short" not in run.out


def test_imported_sessions_end_with_a_password_change(ada: JSONFile, take: Import) -> None:
    take(ada, "--sessions")
    record = account_store().get_account("ada")
    assert record is not None
    accounts.change_password("ada", "secret", "an other password")
    assert session_store().load_session(ID) is None


def test_store_that_cannot_adopt_sessions_is_refused_before_anything_is_taken(
    ada: JSONFile, take: Import, toto: Toto
) -> None:
    stores = {
        "default": {"BACKEND": "toto_django.stores.database.DatabaseStore"},
        "signed": {"BACKEND": "toto_django.stores.signed.SignedStore"},
    }
    toto(STORES=stores, SESSIONS="signed")
    run = take(ada, "--sessions")
    assert "'signed'" in run.error
    assert "cannot keep sessions under their old ids" in run.error
    assert account_store().get_account("ada") is None
    assert take(ada).error == ""
