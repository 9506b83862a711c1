"""Accounts in the admin: the list, adding, changing, deleting."""

import time
from typing import Any

import pytest
from django.test import Client

from tests.admin.site import ACCOUNTS, SESSIONS, emitted, log_of, page_of, wire_error
from toto_django import accounts, sessions
from toto_django.models import Account
from toto_django.signals import account_created
from toto_django.stores import session_store

VALIDATORS = [{"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"}]

pytestmark = pytest.mark.django_db


def test_accounts_are_listed_with_their_unexpired_sessions(admin_client: Client, live: Any) -> None:
    session_store().create_session("alice", time.time() - 1)
    sessions.create_session("")
    accounts.create_account("bob", "x")
    results = admin_client.get(ACCOUNTS).context["cl"].result_list
    assert {(account.user_id, account.attached_count) for account in results} == {("alice", 1), ("bob", 0)}


def test_a_longer_list_takes_no_more_queries(
    admin_client: Client, alice: Account, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(20) as first:
        admin_client.get(ACCOUNTS)
    for name in ("bob", "carol", "dave"):
        accounts.create_account(name, "x")
        sessions.create_session(name)
    with django_assert_num_queries(len(first.captured_queries)):
        admin_client.get(ACCOUNTS)


def test_the_number_of_sessions_leads_to_them(admin_client: Client, live: Any) -> None:
    sessions.create_session("")
    assert (
        f'href="{SESSIONS}?user_id__exact=alice&amp;expiry=unexpired">1</a>'
        in admin_client.get(ACCOUNTS).text
    )
    listed = admin_client.get(SESSIONS, {"user_id__exact": "alice", "expiry": "unexpired"})
    assert [session.user_id for session in listed.context["cl"].result_list] == ["alice"]


@pytest.mark.parametrize("term", ["lic", "ALICE", "\uff21lice"])
def test_accounts_are_found_by_what_normalizes_to_a_part_of_their_id(
    admin_client: Client, alice: Account, term: str
) -> None:
    accounts.create_account("bob", "x")
    assert list(admin_client.get(ACCOUNTS, {"q": term}).context["cl"].result_list) == [alice]


def test_accounts_are_filtered_by_active(admin_client: Client, alice: Account) -> None:
    accounts.create_account("bob", "x")
    Account.objects.filter(user_id="bob").update(is_active=False)
    results = admin_client.get(ACCOUNTS, {"is_active__exact": "1"}).context["cl"].result_list
    assert list(results) == [alice]


def test_password_hashes_cannot_be_asked_for_piece_by_piece(admin_client: Client, alice: Account) -> None:
    assert admin_client.get(ACCOUNTS, {"password__startswith": "md5"}).status_code == 400


def add(client: Client, user_id: str = "Bob", first: str = "a password", second: str = "a password") -> Any:
    data = {"user_id": user_id, "password1": first, "password2": second}
    return client.post(f"{ACCOUNTS}add/", data)


def test_a_new_account_has_the_normal_form_of_its_id_and_can_log_in(admin_client: Client) -> None:
    with emitted(account_created) as user_ids:
        answer = add(admin_client, "Stra\u00dfe")
    assert answer.status_code == 302
    assert accounts.authenticate("STRASSE", "a password") == "strasse"
    assert user_ids == ["strasse"]
    assert log_of(Account.objects.get()) == ["Added."]


@pytest.mark.parametrize(
    ("user_id", "first", "second", "field"),
    [
        ("ALICE", "a password", "a password", "user_id"),
        ("a\u200bb", "a password", "a password", "user_id"),
        ("", "a password", "a password", "user_id"),
        ("\ufb03" * 190, "a password", "a password", "user_id"),
        ("bob", "a password", "another", "password2"),
        ("bob", "", "", "password1"),
    ],
)
def test_a_new_account_is_refused(
    admin_client: Client, alice: Account, user_id: str, first: str, second: str, field: str
) -> None:
    assert field in add(admin_client, user_id, first, second).context["adminform"].form.errors
    assert Account.objects.count() == 1


def test_a_new_account_needs_a_password_that_the_validators_accept(
    admin_client: Client, settings: Any
) -> None:
    settings.AUTH_PASSWORD_VALIDATORS = VALIDATORS
    assert "too short" in add(admin_client, first="short", second="short").text
    assert not Account.objects.exists()


def change(client: Client, account: Account, properties: str, **data: Any) -> Any:
    values = {"is_active": "on", "properties": properties, **data}
    return client.post(page_of(account), {name: value for name, value in values.items() if value is not None})


def test_an_account_shows_its_properties_as_pretty_json(admin_client: Client, alice: Account) -> None:
    Account.objects.update(properties={"name": "Älice <b>", "n": [1, None]})
    text = admin_client.get(page_of(alice)).text
    assert "{\n  &quot;name&quot;: &quot;Älice &lt;b&gt;&quot;,\n  &quot;n&quot;: [" in text


def test_properties_that_are_no_unicode_text_are_shown_escaped(admin_client: Client, alice: Account) -> None:
    Account.objects.update(properties={"half": "\ud800"})
    assert "\\ud800" in admin_client.get(page_of(alice)).text


def test_properties_are_written(admin_client: Client, live: sessions.Session, alice: Account) -> None:
    Account.objects.update(properties={"gone": 1, "kept": 2, "one": 1})
    answer = change(admin_client, alice, '{"kept": 2, "one": true, "new": {"a": [1.5, "ä"]}}')
    assert answer.status_code == 302
    assert dict(accounts.Account("alice")) == {"kept": 2, "one": True, "new": {"a": [1.5, "ä"]}}
    assert accounts.Account("alice")["one"] is True
    assert wire_error(live) is None
    assert log_of(alice) == ["Changed Properties."]


def test_only_properties_changed_in_the_form_are_written(admin_client: Client, alice: Account) -> None:
    shown = '{"a": 1, "b": 2, "c": 3}'
    Account.objects.update(properties={"a": 1, "b": 20, "c": 3, "d": 4})
    change(admin_client, alice, '{"a": 10, "b": 2}', **{"initial-properties": shown})
    assert dict(accounts.Account("alice")) == {"a": 10, "b": 20, "d": 4}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "This is not JSON: Expecting property name"),
        ('{"a": NaN}', "NaN is not a number of JSON"),
        ("[1]", "Properties are a JSON object."),
        ("null", "Properties are a JSON object."),
        ("[" * 1000, "This is not JSON"),
        ("[" * 200 + "]" * 200, "levels"),
        ('{"a": "' + "b" * 70_000 + '"}', "Properties take at most 65536 bytes."),
        ('{"password": "x"}', "These are no properties: password."),
        ('{"user_id": "bob", "new_password": "x"}', "These are no properties: new_password, user_id."),
    ],
)
def test_text_that_is_no_properties_is_refused_and_kept_in_the_form(
    admin_client: Client, alice: Account, text: str, complaint: str
) -> None:
    answer = change(admin_client, alice, text)
    assert complaint in " ".join(answer.context["adminform"].form.errors["properties"])
    assert answer.context["adminform"].form["properties"].value() == text
    assert accounts.authenticate("alice", "old password") == "alice"
    assert dict(accounts.Account("alice")) == {}


def test_no_properties_is_an_empty_object(admin_client: Client, alice: Account) -> None:
    Account.objects.update(properties={"a": 1})
    change(admin_client, alice, "")
    assert dict(accounts.Account("alice")) == {}


def test_the_user_id_and_the_password_stay_what_they_are(admin_client: Client, alice: Account) -> None:
    change(admin_client, alice, "{}", user_id="bob", password="x", password1="x")
    assert accounts.authenticate("alice", "old password") == "alice"


def test_an_unchanged_account_is_not_written(
    admin_client: Client, live: sessions.Session, alice: Account
) -> None:
    assert change(admin_client, alice, "{}").status_code == 302
    assert wire_error(live) is None


def test_unticking_active_ends_the_sessions(
    admin_client: Client, live: sessions.Session, alice: Account
) -> None:
    change(admin_client, alice, "{}", is_active=None)
    assert wire_error(live) == 1004
    assert not Account.objects.get().is_active


def test_deleting_an_account_ends_its_sessions(
    admin_client: Client, live: sessions.Session, alice: Account
) -> None:
    assert admin_client.post(page_of(alice, "delete"), {"post": "yes"}).status_code == 302
    assert wire_error(live) == 1004


def test_deleting_selected_accounts_ends_their_sessions(
    admin_client: Client, live: sessions.Session, alice: Account
) -> None:
    admin_client.post(ACCOUNTS, {"action": "delete_selected", "_selected_action": alice.pk, "post": "yes"})
    assert not Account.objects.exists()
    assert wire_error(live) == 1004
