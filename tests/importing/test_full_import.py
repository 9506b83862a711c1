"""From every kind of original into the store: accounts, old passwords, live sessions (docs/importing.md)."""

import datetime
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.calls import Login, Service, error_of
from tests.importing.conftest import Import
from tests.importing.originals import SECRET, Original, pickled
from toto_django.stores import account_store, session_store

IDS = [f"{letter * 5}-session_id_{letter * 5}" for letter in "abcdefgh"]
LATER = time.time() + 10_000.5


def fields_of(kind: str) -> dict[str, Any]:
    """Application fields, each kind's types for the same values."""
    fields: dict[str, Any] = {"nickname": "Ännchen", "height": Decimal("1.75")}
    if kind in ("mysql", "postgresql"):
        return fields | {"born": datetime.date(1815, 12, 10), "data": "schön".encode()}
    if kind == "mongodb":
        return {"nickname": "Ännchen", "height": "1.75", "born": "1815-12-10", "data": "schön".encode()}
    return {"nickname": "Ännchen", "height": "1.75", "born": "1815-12-10", "data": "schön"}


def test_old_password_logs_in_and_its_hash_is_replaced(
    original: Original, take: Import, service: Service
) -> None:
    original.add_account("ada@example.com", **fields_of(original.kind))
    original.add_account("bob", None)
    run = take(original)
    assert run.error == ""
    assert run.accounts == "Accounts: 2 read, 2 taken, 0 already there, 0 skipped."
    imported = account_store().get_account("ada@example.com")
    assert imported is not None
    assert imported.password == SECRET[1:]

    assert (
        error_of(service.call("account.login", {"user_id": "ada@example.com", "password": "Secret"}))[0]
        == 1005
    )
    assert account_store().get_account("ada@example.com") == imported
    answer = service.call("account.login", {"user_id": "Ada@Example.com", "password": "secret"})
    login = Login(**answer["result"])
    upgraded = account_store().get_account("ada@example.com")
    assert upgraded is not None
    assert upgraded.password.startswith("md5$")
    for name, value in (
        ("nickname", "Ännchen"),
        ("height", "1.75"),
        ("born", "1815-12-10"),
        ("data", "schön"),
    ):
        assert service.call("acct.get", {"k": name}, login)["result"] == {"value": value}
    again = service.call("account.login", {"user_id": "ada@example.com", "password": "secret"})
    assert again["result"]["user_id"] == "ada@example.com"


def test_live_session_goes_on_with_its_state_and_expiry(
    original: Original, take: Import, wsgi: Service
) -> None:
    original.add_account("ada")
    original.add_session(IDS[0], "ada", LATER, pickled({"counter": 41, "cart": ["☃", 1.5, None, (1, 2)]}))
    original.add_session(IDS[1], "ada", LATER)
    run = take(original, "--sessions")
    assert run.error == ""
    assert run.sessions == "Sessions: 2 read, 2 taken, 0 already there, 0 skipped."
    login = Login(IDS[0], "ada", LATER)
    record = session_store().load_session(IDS[0])
    assert record is not None
    assert record.expires == pytest.approx(LATER)
    answer = wsgi.call("sess.counter", {}, login)
    assert answer["result"] == {"count": 42}
    assert answer["session"]["session_id"] == IDS[0]
    assert wsgi.call("sess.get", {"k": "cart"}, login)["result"] == {"value": ["☃", 1.5, None, [1, 2]]}
    assert wsgi.call("sess.counter", {}, Login(IDS[1], "ada", LATER))["result"] == {"count": 1}


def test_anonymous_session_goes_on_and_expired_and_orphaned_ones_do_not(
    original: Original, take: Import, wsgi: Service
) -> None:
    original.add_account("ada")
    original.add_session(IDS[0], None, LATER, pickled({"cart": [1]}))
    original.add_session(IDS[1], "ada", 1_000_000_000.5)
    original.add_orphan(IDS[2], LATER)
    run = take(original, "--sessions")
    assert run.sessions == "Sessions: 3 read, 1 taken, 0 already there, 2 skipped."
    assert "skipped: it has expired: 1 (aaaaab…)".replace("aaaaab", IDS[1][:6]) in run.out
    assert "skipped: its account is not " in run.out
    assert session_store().load_session(IDS[2]) is None
    assert session_store().load_session(IDS[1]) is None
    anonymous = session_store().load_session(IDS[0])
    assert anonymous is not None
    assert anonymous.user_id == ""
    answer = wsgi.send(
        "POST", "/", b'{"method": "sess.get", "parameters": {"k": "cart"}}', x_toto_session_id=IDS[0]
    )
    assert answer.json()["result"] == {"value": [1]}


def test_many_accounts_come_in_small_batches(original: Original, take: Import) -> None:
    names = [f"user{number:02}" for number in range(23)]
    for number, name in enumerate(names):
        original.add_account(name)
        original.add_session(f"{number:022}", name, LATER)
    run = take(original, "--sessions", "--batch-size", "5")
    assert run.accounts == "Accounts: 23 read, 23 taken, 0 already there, 0 skipped."
    assert run.sessions == "Sessions: 23 read, 23 taken, 0 already there, 0 skipped."
    assert all(session_store().count_sessions_of(name) == 1 for name in names)


def test_second_run_takes_nothing_and_changes_nothing(original: Original, take: Import) -> None:
    original.add_account("ada", nickname="old")
    original.add_session(IDS[0], "ada", LATER)
    take(original, "--sessions")
    account_store().change_properties("ada", {"nickname": "new"}, [])
    original.add_account("late")
    run = take(original, "--sessions")
    assert run.accounts == "Accounts: 2 read, 1 taken, 1 already there, 0 skipped."
    assert run.sessions == "Sessions: 1 read, 0 taken, 1 already there, 0 skipped."
    account = account_store().get_account("ada")
    assert account is not None
    assert account.properties["nickname"] == "new"


def test_dry_run_reports_the_same_and_writes_nothing(original: Original, take: Import) -> None:
    original.add_account("ada")
    original.add_account("broken", "x")
    original.add_session(IDS[0], "ada", LATER)
    original.add_session(IDS[1], "broken", LATER)
    original.add_session(IDS[2], "ada", LATER, pickled(["no dict"]))
    dry = take(original, "--sessions", "--dry-run")
    assert dry.error == ""
    assert account_store().get_account("ada") is None
    assert session_store().load_session(IDS[0]) is None
    real = take(original, "--sessions")
    assert session_store().load_session(IDS[0]) is not None
    assert dry.accounts == real.accounts.replace("taken", "would be taken")
    assert dry.sessions == real.sessions.replace("taken", "would be taken")
    assert "1 taken" in real.sessions


@pytest.mark.service
def test_ids_that_a_collation_takes_for_equal_are_told_apart(
    original_of: Callable[[str], Original], take: Import
) -> None:
    original = original_of("mysql-folding")
    original.add_account("Ada")
    original.add_session("abcdefghijklmnopqrstuV", "Ada", LATER)
    take(original, "--sessions")
    assert session_store().load_session("abcdefghijklmnopqrstuV") is not None
    assert session_store().load_session("abcdefghijklmnopqrstuv") is None
    assert session_store().count_sessions_of("ada") == 1
