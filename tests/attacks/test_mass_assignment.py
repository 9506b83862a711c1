"""Accounts are created and updated with names that would be columns, attributes or operators elsewhere."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User

from tests.calls import PASSWORD, Login, Service
from toto_django import accounts, sessions
from toto_django.accounts import RESERVED
from toto_django.models import Account
from toto_django.stores import account_store

Toto = Callable[..., None]

PRIVILEGES: dict[str, Any] = {
    "is_staff": True,
    "is_superuser": True,
    "is_active": False,
    "is_authenticated": False,
    "is_anonymous": True,
    "groups": [1],
    "user_permissions": [1],
    "last_login": "1970-01-01T00:00:00Z",
    "date_joined": "1970-01-01T00:00:00Z",
    "created": "1970-01-01T00:00:00Z",
}
IDENTITIES: dict[str, Any] = {
    "pk": 1,
    "id": 1,
    "username": "root",
    "email": "root@example.com",
    "account_pk": "1",
    "userId": "root",
    "user_id ": "root",
    "USER_ID": "root",
    "_id": "root",
    "session": "x",
    "session_id": "x",
    "key": "x",
}
INSIDE: dict[str, Any] = {
    "__class__": "x",
    "__dict__": {},
    "__init__": "x",
    "__proto__": {"is_staff": True},
    "_state": {"adding": True},
    "_meta": "x",
    "_password": "x",
    "_toto_has_new_password": True,
    "_toto_user_id": "root",
    "properties": {"is_staff": True},
    "objects": "x",
    "save": "x",
    "set_password": "x",
    "ACCOUNT_FIELDS": ["is_staff"],
    "password_": "x",
    "Password": "x",
    "self": "x",
    "handler": "x",
    "verify_password": False,
    "additional_values": {"password": "x"},
    "$set": {"is_staff": True},
    "properties.is_staff": True,
    "password$": "x",
    "p:password": "x",
    "creation": "x",
}
EVERYTHING = {**PRIVILEGES, **IDENTITIES, **INSIDE}


def call(service: Service, name: str, parameters: Any, login: Login | None = None) -> Any:
    return service.call(name, parameters, login)


def facts(account: Any) -> dict[str, Any]:
    """All columns of an account but its properties."""
    return {
        field.attname: getattr(account, field.attname)
        for field in account._meta.fields
        if field.attname != "properties"
    }


# Accounts of this package


def test_account_of_ours_has_nothing_but_properties_to_give(service: Service) -> None:
    login = Login(
        **call(service, "account.create", {"user_id": "ann", "password": PASSWORD, **EVERYTHING})["result"]
    )
    account = Account.objects.get()
    assert (account.user_id, account.is_active, account.properties) == ("ann", True, EVERYTHING)
    assert account.check_password(PASSWORD)
    assert type(account) is Account
    before = facts(account)
    answer = call(service, "account.update", {"password": PASSWORD, **EVERYTHING}, login)
    assert set(answer["result"]["updated_fields"]) == EVERYTHING.keys()
    account = Account.objects.get()
    assert facts(account) == before
    assert account.properties == EVERYTHING


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_reserved_name_is_never_kept(service: Service, name: str) -> None:
    parameters = {"user_id": "ann", "password": PASSWORD, name: PASSWORD if name == "password" else "ann"}
    login = Login(**call(service, "account.create", parameters)["result"])
    assert Account.objects.get().properties == {}
    if name not in ("user_id", "password", "new_password"):
        call(service, "account.update", {"password": PASSWORD, name: "x", "kept": 1}, login)
        assert Account.objects.get().properties == {"kept": 1}


@pytest.mark.usefixtures("store_kind", "without_signatures")
def test_names_of_the_store_itself_are_properties_as_any(wsgi: Service) -> None:
    given = {"user_id": "ann", "password": PASSWORD, **EVERYTHING}
    session_id = call(wsgi, "account.create", given)["result"]["session_id"]
    account = account_store().get_account("ann")
    assert account is not None
    assert (account.user_id, account.is_active, dict(account.properties)) == ("ann", True, EVERYTHING)
    body = {
        "method": "account.update",
        "parameters": {"password": PASSWORD, "is_active": False, "creation": "y"},
    }
    assert "result" in wsgi.post(body, x_toto_session_id=session_id).json()
    changed = account_store().get_account("ann")
    assert changed is not None
    assert (changed.password, changed.is_active) == (account.password, True)
    assert accounts.authenticate("ann", PASSWORD) == "ann"


# A project's own user model


@pytest.fixture
def users(toto: Toto, db: None) -> None:
    """Accounts are Django's users, of which clients may write the first name."""
    toto(ACCOUNT_MODEL="auth.User", ACCOUNT_FIELDS=["first_name"])
    User.objects.create_superuser("root", "root@example.com", "the password of root")


@pytest.mark.usefixtures("users")
def test_user_of_the_project_keeps_its_columns(service: Service) -> None:
    given = {"user_id": "ann", "password": PASSWORD, "first_name": "Ann", **EVERYTHING}
    login = Login(**call(service, "account.create", given)["result"])
    user = User.objects.get(username="ann")
    assert user.first_name == "Ann"
    assert (user.is_staff, user.is_superuser, user.is_active) == (False, False, True)
    assert (user.email, user.last_name, user.last_login) == ("", "", None)
    before = facts(user)
    body = {"password": PASSWORD, "last_name": "Root", **EVERYTHING}
    assert "result" in call(service, "account.update", body, login)
    user = User.objects.get(username="ann")
    assert facts(user) == before
    assert not user.groups.exists()
    assert not user.user_permissions.exists()
    assert User.objects.get(username="root").check_password("the password of root")


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("value", [True, {"$set": 1}, ["x"], 5, None, "x" * 151], ids=repr)
def test_field_that_clients_may_write_takes_its_own_kind_only(service: Service, value: Any) -> None:
    given = {"user_id": "ann", "password": PASSWORD, "first_name": value}
    answer = call(service, "account.create", given)
    if "error" in answer:
        assert answer["error"]["code"] == 1100
        assert not User.objects.filter(username="ann").exists()
    else:
        assert isinstance(User.objects.get(username="ann").first_name, str)


@pytest.mark.usefixtures("users")
def test_groups_and_permissions_are_out_of_reach(service: Service) -> None:
    group = Group.objects.create(name="admins")
    permission = Permission.objects.first()
    assert permission is not None
    given = {
        "groups": [group.pk],
        "user_permissions": [permission.pk],
        "groups_id": group.pk,
        "group": "admins",
    }
    call(service, "account.create", {"user_id": "ann", "password": PASSWORD, **given})
    user = User.objects.get(username="ann")
    assert not user.groups.exists()
    assert not user.get_all_permissions()


@pytest.mark.usefixtures("users")
def test_somebody_elses_account_is_not_the_one_that_is_changed(service: Service) -> None:
    login = Login(**call(service, "account.create", {"user_id": "ann", "password": PASSWORD})["result"])
    for name, value in (("user_id", "root"), ("user_id", "ROOT"), ("user_id", 1), ("user_id", ["root"])):
        parameters = {"password": PASSWORD, "first_name": "Mallory", "new_password": "mine now", name: value}
        assert call(service, "account.update", parameters, login)["error"]["code"] == 1010
    for name in ("pk", "id", "username"):
        parameters = {"password": PASSWORD, "first_name": "Mallory", name: 1}
        assert "result" in call(service, "account.update", parameters, login)
    root = User.objects.get(username="root")
    assert (root.first_name, root.check_password("the password of root")) == ("", True)
    assert User.objects.get(username="ann").first_name == "Mallory"


# States


def test_state_of_a_session_is_no_part_of_the_session(service: Service, without_signatures: None) -> None:
    names = {
        **EVERYTHING,
        "user_id": "root",
        "expires": 9e9,
        "ended": True,
        "_record": "x",
        "_state": {},
        "_store": 1,
    }
    session_id = service.call("auth.anon")["session"]["session_id"]
    for name, value in names.items():
        body = {"method": "sess.set", "parameters": {"k": name, "v": value}}
        answer = service.post(body, x_toto_session_id=session_id).json()
        assert answer["session"]["session_id"] == session_id
    session = sessions.load_session(session_id)
    assert session is not None
    assert (session.user_id, session.ended, dict(session)) == ("", False, names)
    body = {"method": "auth.required", "parameters": {}}
    assert service.post(body, x_toto_session_id=session_id).json()["error"]["code"] == 1004
