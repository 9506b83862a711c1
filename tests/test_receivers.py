"""toto_django.receivers: changes of the account model end sessions."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import serializers
from django.db import IntegrityError, transaction

from toto_django import accounts, sessions
from toto_django.models import Account
from toto_django.signals import password_changed, session_ended
from toto_django.stores import get_store

pytestmark = pytest.mark.django_db


class OldHasher(MD5PasswordHasher):
    """What hashes were made with before."""

    algorithm = "old"


@pytest.fixture
def account() -> Account:
    """An account with two sessions; another one has one."""
    for user_id in ("ann", "bob"):
        accounts.create_account(user_id, "secret", {"name": user_id})
    for user_id in ("ann", "ann", "bob", ""):
        sessions.create_session(user_id)
    return Account.objects.get(user_id="ann")


@pytest.fixture
def changed() -> Iterator[list[str]]:
    """Whose passwords were said to have changed."""
    seen: list[str] = []

    def see(user_id: str, **kwargs: Any) -> None:
        seen.append(user_id)

    password_changed.connect(see)
    yield seen
    password_changed.disconnect(see)


def counts() -> list[int]:
    """How many sessions Ann, Bob and nobody have."""
    return [get_store("default").count_sessions_of(user_id) for user_id in ("ann", "bob", "")]


def set_password(account: Account) -> None:
    account.set_password("new")
    account.save()


def set_password_alone(account: Account) -> None:
    account.set_password("new")
    account.save(update_fields=["password"])


def deactivate(account: Account) -> None:
    account.is_active = False
    account.save()


def rename(account: Account) -> None:
    account.user_id = "anna"
    account.save()


def rename_alone(account: Account) -> None:
    account.user_id = "anna"
    account.save(update_fields=["user_id"])


def delete(account: Account) -> None:
    account.delete()


def delete_by_query(account: Account) -> None:
    Account.objects.filter(pk=account.pk).delete()


@pytest.mark.parametrize(
    "change",
    [set_password, set_password_alone, deactivate, rename, rename_alone, delete, delete_by_query],
    ids=lambda change: change.__name__,
)
def test_change_ends_the_sessions_of_its_account(account: Account, change: Callable[[Account], None]) -> None:
    assert counts() == [2, 1, 1]
    change(account)
    assert counts() == [0, 1, 1]


def disable_password(account: Account) -> None:
    account.set_unusable_password()
    account.save()


def test_disabled_password_ends_the_sessions(account: Account) -> None:
    disable_password(account)
    assert counts() == [0, 1, 1]


def save(account: Account) -> None:
    account.save()


def change_properties(account: Account) -> None:
    account.properties = {"name": "Anna"}
    account.save(update_fields=["properties"])


def save_over_the_wire(account: Account) -> None:
    properties = accounts.Account("ann")
    properties["name"] = "Anna"
    properties.save()


def create_another(account: Account) -> None:
    Account.objects.create(user_id="eve", password="!")


def load_fixture(account: Account) -> None:
    """As manage.py loaddata does."""
    for loaded in serializers.deserialize("json", serializers.serialize("json", [account])):
        loaded.save()


@pytest.mark.parametrize(
    "change",
    [save, change_properties, save_over_the_wire, create_another, load_fixture],
    ids=lambda change: change.__name__,
)
def test_other_change_ends_no_session(
    account: Account, changed: list[str], change: Callable[[Account], None]
) -> None:
    change(account)
    assert (counts(), changed) == ([2, 1, 1], [])


def test_new_account_has_changed_no_password(changed: list[str]) -> None:
    sessions.create_session("eve")
    eve = Account(user_id="eve")
    eve.set_password("secret")
    eve.save()
    assert changed == []
    assert get_store("default").count_sessions_of("eve") == 1


def test_upgraded_hash_ends_no_session(account: Account, changed: list[str], settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.OldHasher", *settings.PASSWORD_HASHERS]
    assert account.check_password("secret")
    account.refresh_from_db()
    assert account.password.startswith("old$")
    assert (counts(), changed) == ([2, 1, 1], [])


def test_changed_password_is_told_once(account: Account, changed: list[str]) -> None:
    set_password(account)
    account.save()
    assert changed == ["ann"]


def test_inactive_account_keeps_no_session_that_it_gets(account: Account) -> None:
    deactivate(account)
    sessions.create_session("ann")
    account.save()
    assert counts() == [0, 1, 1]


def test_ending_is_told(account: Account) -> None:
    ended = []

    def see(user_id: str, **kwargs: Any) -> None:
        ended.append(user_id)

    session_ended.connect(see)
    rename(account)
    session_ended.disconnect(see)
    assert ended == ["ann"]


def test_new_owner_of_a_name_does_not_inherit_sessions(account: Account) -> None:
    rename(account)
    accounts.create_account("ann", "other")
    assert counts()[0] == 0


def test_refused_change_of_name_ends_no_session_with_its_transaction(account: Account) -> None:
    account.user_id = "bob"
    with pytest.raises(IntegrityError), transaction.atomic():
        account.save()
    assert counts() == [2, 1, 1]


def test_sessions_in_another_store_end_too(account: Account, settings: Any) -> None:
    memory = {"BACKEND": "toto_django.stores.memory.MemoryStore"}
    database = {"BACKEND": "toto_django.stores.database.DatabaseStore"}
    settings.TOTO = {
        **settings.TOTO,
        "STORES": {"default": database, "memory": memory},
        "SESSIONS": "memory",
    }
    session = sessions.create_session("ann")
    set_password(account)
    assert sessions.load_session(session.session_id) is None
