"""Which accounts require signatures v2, in the admin."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client, override_settings

from tests.admin.site import ACCOUNTS, act, allow, log_of, page_of, shown_messages, wire_error
from tests.admin.test_stores import IN_MEMORY
from toto_django import accounts, sessions
from toto_django.models import Account

Toto = Callable[..., None]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def upgrading(toto: Toto) -> Toto:
    toto(HMAC_UPGRADE=True)
    return toto


@pytest.fixture
def bob(db: None) -> Account:
    accounts.create_account("bob", "x")
    return Account.objects.get(user_id="bob")


def test_selected_accounts_require_v2_until_that_is_taken_back(
    admin_client: Client, live: sessions.Session, alice: Account, bob: Account
) -> None:
    other = sessions.create_session("bob")
    assert shown_messages(act(admin_client, "require_v2", alice)) == ["1 account requires v2 now."]
    assert (wire_error(live), wire_error(other)) == (1004, None)
    assert (accounts.requires_v2("alice"), accounts.requires_v2("bob")) == (True, False)
    assert sessions.create_session("alice").key is not None
    answer = act(admin_client, "require_v2_no_longer", alice, bob)
    assert shown_messages(answer) == ["2 accounts require v2 no longer."]
    assert not accounts.requires_v2("alice")
    assert wire_error(sessions.create_session("alice")) is None
    assert log_of(alice) == ["Changed required signatures.", "Changed required signatures."]


def test_inactive_accounts_are_told_of_and_left_out(
    admin_client: Client, alice: Account, bob: Account
) -> None:
    Account.objects.filter(user_id="bob").update(is_active=False)
    answer = act(admin_client, "require_v2", alice, bob)
    assert shown_messages(answer) == ["1 account is not active.", "1 account requires v2 now."]
    assert (accounts.requires_v2("alice"), accounts.requires_v2("bob")) == (True, False)


@pytest.mark.usefixtures("alice")
def test_there_is_nothing_of_it_without_the_setting(
    admin_client: Client, upgrading: Toto, alice: Account
) -> None:
    assert "require_v2" in admin_client.get(ACCOUNTS).text
    assert "Requires signatures v2" in admin_client.get(page_of(alice)).text
    upgrading(HMAC_UPGRADE=False)
    assert "require_v2" not in admin_client.get(ACCOUNTS).text
    assert "signatures v2" not in admin_client.get(page_of(alice)).text
    act(admin_client, "require_v2", alice)
    assert not accounts.requires_v2("alice")


def test_who_may_only_view_accounts_is_offered_no_action(staff: Client, alice: Account) -> None:
    allow(staff, "view_account")
    assert "require_v2" not in staff.get(ACCOUNTS).text


@override_settings(TOTO={**IN_MEMORY, "HMAC_UPGRADE": True})
def test_sessions_in_another_store_end_too(admin_client: Client, alice: Account) -> None:
    live = sessions.create_session("alice")
    act(admin_client, "require_v2", alice)
    assert sessions.load_session(live.session_id) is None
    assert accounts.requires_v2("alice")


# The stored property


def test_it_is_not_among_the_properties(admin_client: Client, staff: Client, alice: Account) -> None:
    Account.objects.update(properties={"color": "red"})
    accounts.require_v2("alice")
    page = admin_client.get(page_of(alice))
    assert json.loads(page.context["adminform"].form["properties"].value()) == {"color": "red"}
    assert "toto_signing" not in page.text
    allow(staff, "view_account")
    text = staff.get(page_of(alice)).text
    assert "color" in text
    assert "toto_signing" not in text


@pytest.mark.parametrize(
    "shown", [None, {"color": "red"}, {"color": "red", "toto_signing": "v2"}, {"toto_signing": "old"}]
)
@pytest.mark.parametrize("properties", [{"color": "blue"}, {}])
def test_saving_other_properties_keeps_it(
    admin_client: Client, alice: Account, shown: Any, properties: Any
) -> None:
    Account.objects.update(properties={"color": "red"})
    accounts.require_v2("alice")
    data = {"is_active": "on", "properties": json.dumps(properties)}
    if shown is not None:
        data["initial-properties"] = json.dumps(shown)
    assert admin_client.post(page_of(alice), data).status_code == 302
    assert accounts.requires_v2("alice")
    kept = {"color": "red"} if shown == {"toto_signing": "old"} and not properties else properties
    assert dict(accounts.Account("alice")) == kept


def test_it_is_not_set_as_a_property(admin_client: Client, alice: Account) -> None:
    data = {"is_active": "on", "properties": '{"toto_signing": "v2"}'}
    answer = admin_client.post(page_of(alice), data)
    (error,) = answer.context["adminform"].form.errors["properties"]
    assert error == "These are no properties: toto_signing."
    assert not accounts.requires_v2("alice")
