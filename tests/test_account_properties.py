"""The properties of accounts: toto_django.accounts.Account, and where the database store keeps them."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.signals import post_delete, post_save, pre_save
from django.test import Client

from toto_django import accounts, receivers, sessions
from toto_django.accounts import Account
from toto_django.exceptions import InvalidParameters, InvalidUserID, UserIDExists, UserNotFound
from toto_django.models import AccountProperties
from toto_django.signing import sign
from toto_django.stores import get_store


@pytest.fixture
def account(settings: Any) -> Account:
    """The properties of an account in memory."""
    stores = {"default": {"BACKEND": "toto_django.stores.memory.MemoryStore"}}
    settings.TOTO = {**settings.TOTO, "STORES": stores}
    accounts.create_account("ann", "secret", {"name": "Ann"})
    return Account("ann")


def kept() -> dict[str, Any]:
    return dict(get_store("default").get_account("ann").properties)


def test_missing_property_reads_none(account: Account) -> None:
    assert (account["missing"], "missing" in account) == (None, False)


def test_default_of_a_missing_property_is_given(account: Account) -> None:
    assert account.get("missing", 5) == 5
    assert account.pop("missing", 5) == 5
    assert account.setdefault("missing", 5) == 5


def test_id_is_read_and_the_password_is_not(account: Account) -> None:
    assert (account["user_id"], account["password"]) == ("ann", None)
    assert ("user_id" in account, "password" in account) == (True, False)
    assert dict(account) == {"name": "Ann"}
    assert len(account) == 1
    assert repr(account) == "<Account 'ann'>"


@pytest.mark.parametrize("name", ["user_id", "password", "new_password"])
def test_reserved_name_cannot_be_set(account: Account, name: str) -> None:
    with pytest.raises(InvalidParameters) as error:
        account[name] = "x"
    assert list(error.value.fields) == [name]
    with pytest.raises(InvalidParameters):
        account.update({name: "x"})


@pytest.mark.parametrize("value", [0, False, "", [], {}, None, "\x00", 2**70, 0.1, [{"a": None}]], ids=repr)
def test_saved_property_reads_as_it_was(account: Account, value: Any) -> None:
    account["key"] = value
    assert Account("ann")["key"] is None
    account.save()
    read = Account("ann")
    assert (read["key"], type(read["key"])) == (value, type(value))
    assert "key" in read


def test_saved_property_reads_as_json_makes_of_it(account: Account) -> None:
    account["key"] = (1, {2: b"bytes"})
    account.save()
    assert account["key"] == Account("ann")["key"] == [1, {"2": "Ynl0ZXM="}]


def test_deleted_property_is_gone(account: Account) -> None:
    del account["name"]
    del account["missing"]
    account.save()
    assert kept() == {}


def test_names_changed_by_two_requests_both_survive(account: Account) -> None:
    other = Account("ann")
    assert other["name"] == "Ann"
    account["a"], other["b"] = 1, 2
    del other["name"]
    account.save()
    other.save()
    assert kept() == {"a": 1, "b": 2}


def test_nested_change_of_a_property_is_noticed(account: Account) -> None:
    account["list"] = [1]
    account.save()
    account["list"].append(2)
    account.save()
    assert kept() == {"name": "Ann", "list": [1, 2]}


def test_load_property_reads_the_newest_value_and_drops_the_change(account: Account) -> None:
    other = Account("ann")
    other.update({"name": "Anna", "new": 1})
    account["name"], account["kept"] = "unsaved", 1
    other.save()
    account.load_property("name", "new", "missing")
    assert (account["name"], account["new"], account["kept"]) == ("Anna", 1, 1)
    account.save()
    assert kept() == {"name": "Anna", "new": 1, "kept": 1}


def test_value_that_cannot_be_kept_is_refused_and_nothing_saved(account: Account) -> None:
    account.update({"fine": 1, "bad": object()})
    with pytest.raises(InvalidParameters) as error:
        account.save()
    assert list(error.value.fields) == ["bad"]
    assert kept() == {"name": "Ann"}


def test_properties_of_a_deleted_account_cannot_be_saved(account: Account) -> None:
    account["a"] = 1
    get_store("default").delete_account("ann")
    with pytest.raises(UserNotFound):
        account.save()
    assert get_store("default").get_account("ann") is None


def test_properties_are_used_on_an_event_loop(account: Account) -> None:
    async def use() -> None:
        await account.aload()
        account["a"] = 1
        await account.asave()

    asyncio.run(use())
    assert kept() == {"name": "Ann", "a": 1}


# Accounts of the project's own user model


@pytest.fixture
def user_model(db: None, settings: Any) -> Iterator[None]:
    """Accounts are auth.User objects, as in a project that starts with this setting."""
    settings.TOTO = {
        **settings.TOTO,
        "ACCOUNT_MODEL": "auth.User",
        "ACCOUNT_FIELDS": ["email", "first_name"],
    }
    receivers.connect(User)
    yield
    for signal, receiver in (
        (pre_save, receivers._compare),
        (post_save, receivers._end_if_closed),
        (post_delete, receivers._end_for_good),
    ):
        uid = f"toto_django.{receiver.__name__}.{User._meta.label}"
        assert signal.disconnect(sender=User, dispatch_uid=uid)


in_user_model = pytest.mark.usefixtures("user_model")


@in_user_model
def test_fields_are_read_and_written_in_the_user_and_the_rest_beside_it() -> None:
    accounts.create_account("ann", "secret", {"email": "ann@example.org", "color": "red"})
    user = User.objects.get(username="ann")
    assert user.check_password("secret")
    assert (user.email, user.first_name) == ("ann@example.org", "")
    assert AccountProperties.objects.get().properties == {"color": "red"}
    account = Account("ann")
    assert dict(account) == {"email": "ann@example.org", "first_name": "", "color": "red"}
    account.update({"first_name": "Ann", "size": 1})
    del account["color"]
    account.save()
    user.refresh_from_db()
    assert (user.email, user.first_name) == ("ann@example.org", "Ann")
    assert AccountProperties.objects.get().properties == {"size": 1}


@in_user_model
def test_account_without_properties_has_no_row_of_them() -> None:
    accounts.create_account("ann", "secret")
    assert not AccountProperties.objects.exists()
    assert dict(Account("ann")) == {"email": "", "first_name": ""}


@in_user_model
@pytest.mark.parametrize("name", ["is_staff", "is_superuser", "is_active", "last_name", "username", "id"])
def test_other_fields_of_the_user_are_neither_read_nor_written(name: str) -> None:
    accounts.create_account("ann", "secret", {name: "1"})
    account = Account("ann")
    assert account[name] == "1"
    account[name] = "3"
    account.save()
    assert AccountProperties.objects.get().properties == {name: "3"}
    user = User.objects.get()
    assert (user.username, user.is_active, user.is_staff, user.is_superuser) == ("ann", True, False, False)
    assert user.last_name == ""


@in_user_model
def test_password_of_the_user_is_out_of_reach() -> None:
    accounts.create_account("ann", "secret", {"password": "x", "new_password": "y"})
    account = Account("ann")
    assert account["password"] is None
    assert "password" not in account
    with pytest.raises(InvalidParameters):
        account["password"] = "x"
    account.load_property("password")
    assert account["password"] is None
    assert accounts.authenticate("ann", "secret") == "ann"


@in_user_model
def test_value_that_a_field_refuses_is_an_error_and_nothing_is_saved() -> None:
    with pytest.raises(InvalidParameters) as error:
        accounts.create_account("ann", "secret", {"email": "no address", "color": "red"})
    assert list(error.value.fields) == ["email"]
    assert not User.objects.exists()
    accounts.create_account("ann", "secret")
    account = Account("ann")
    account.update({"email": 5, "color": "red"})
    with pytest.raises(InvalidParameters):
        account.save()
    assert dict(Account("ann")) == {"email": "", "first_name": ""}


@in_user_model
def test_removed_field_is_empty() -> None:
    accounts.create_account("ann", "secret", {"email": "ann@example.org"})
    account = Account("ann")
    del account["email"]
    account.save()
    assert User.objects.get().email == ""


@in_user_model
def test_taken_name_is_refused() -> None:
    User.objects.create_user("ann")
    with pytest.raises(UserIDExists):
        accounts.create_account("Ann", "secret")


@in_user_model
def test_id_longer_than_the_name_of_a_user_may_be_is_refused() -> None:
    with pytest.raises(InvalidUserID):
        accounts.create_account("x" * 151, "secret")


@in_user_model
def test_deletion_takes_properties_and_sessions_along() -> None:
    for user_id in ("ann", "bob"):
        accounts.create_account(user_id, "secret", {"of": user_id})
    ended, other = sessions.create_session("ann"), sessions.create_session("bob")
    User.objects.filter(username="ann").delete()
    assert [row.properties for row in AccountProperties.objects.all()] == [{"of": "bob"}]
    assert sessions.load_session(ended.session_id) is None
    assert sessions.load_session(other.session_id) is not None
    with pytest.raises(UserNotFound):
        accounts.authenticate("ann", "secret")


@in_user_model
def test_new_name_ends_the_sessions_of_the_old_and_keeps_the_properties() -> None:
    accounts.create_account("ann", "secret", {"color": "red"})
    session = sessions.create_session("ann")
    user = User.objects.get()
    user.username = "anna"
    user.save()
    assert sessions.load_session(session.session_id) is None
    assert accounts.authenticate("anna", "secret") == "anna"
    assert Account("anna")["color"] == "red"


@in_user_model
def test_user_of_the_project_logs_in_over_the_wire(client: Client) -> None:
    User.objects.create_user("ann", "ann@example.org", "secret", is_staff=True)
    body = {"method": "account.login", "parameters": {"user_id": "ANN", "password": "secret"}}
    answer = client.post("/", body, content_type="application/json").json()
    session_id = answer["result"]["session_id"]
    request = json.dumps({"method": "acct.get", "parameters": {"k": "email"}})
    headers = {"x-toto-session-id": session_id, "x-toto-hmac": sign("ann", request.encode()).decode()}
    answer = client.post("/", request, content_type="application/json", headers=headers).json()
    assert answer["result"] == {"value": "ann@example.org"}
