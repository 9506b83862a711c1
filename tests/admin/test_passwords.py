"""Passwords, logging out and deactivating in the admin: each ends the sessions of the account."""

from typing import Any

import pytest
from django.test import Client

from tests.admin.site import ACCOUNTS, act, emitted, log_of, page_of, shown_messages, wire_error
from toto_django import accounts, sessions
from toto_django.models import Account
from toto_django.signals import password_changed

VALIDATION = "django.contrib.auth.password_validation."
VALIDATORS = ["MinimumLengthValidator", "UserAttributeSimilarityValidator"]

pytestmark = pytest.mark.django_db


def test_a_set_password_replaces_the_old_one_and_ends_the_sessions(
    admin_client: Client, live: sessions.Session, alice: Account
) -> None:
    data = {"password1": "new password", "password2": "new password"}
    with emitted(password_changed) as user_ids:
        answer = admin_client.post(page_of(alice, "password"), data, follow=True)
    assert answer.redirect_chain == [(page_of(alice), 302)]
    assert shown_messages(answer) == ["Password changed successfully."]
    assert accounts.authenticate("alice", "new password") == "alice"
    assert wire_error(live) == 1004
    assert user_ids == ["alice"]
    assert log_of(alice) == ["Changed password."]


@pytest.mark.parametrize(
    ("first", "second", "complaint"),
    [
        ("new password", "another", "The two password fields didn\u2019t match."),
        ("short", "short", "This password is too short."),
        ("alice", "alice", "too similar to the"),
        ("", "", "This field is required."),
    ],
)
def test_an_unfit_password_is_refused(
    admin_client: Client,
    live: sessions.Session,
    alice: Account,
    settings: Any,
    first: str,
    second: str,
    complaint: str,
) -> None:
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": VALIDATION + name} for name in VALIDATORS]
    answer = admin_client.post(page_of(alice, "password"), {"password1": first, "password2": second})
    assert complaint in answer.content.decode().replace("&#x27;", "'")
    assert accounts.authenticate("alice", "old password") == "alice"
    assert wire_error(live) is None


def test_a_generated_password_is_shown_once_and_kept_nowhere(
    admin_client: Client, live: sessions.Session, alice: Account
) -> None:
    answer = admin_client.post(page_of(alice, "generate-password"))
    (message,) = shown_messages(answer)
    password = message.partition("<code>")[2].partition("</code>")[0]
    assert answer.text.count(password) == 1
    assert "no-store" in answer["Cache-Control"]
    assert accounts.authenticate("alice", password) == "alice"
    assert wire_error(live) == 1004
    assert password not in str(answer.cookies) + str(dict(admin_client.session))
    assert password not in admin_client.get(page_of(alice)).text
    assert log_of(alice) == ["Changed password."]


def test_an_inactive_account_gets_no_generated_password(admin_client: Client, alice: Account) -> None:
    Account.objects.update(is_active=False)
    assert "generate-password" not in admin_client.get(page_of(alice)).text
    answer = admin_client.post(page_of(alice, "generate-password"), follow=True)
    assert shown_messages(answer) == ["This account is not active."]
    assert Account.objects.get().check_password("old password")


def test_logging_out_everywhere_ends_the_sessions_of_this_account(
    admin_client: Client, live: sessions.Session, alice: Account
) -> None:
    accounts.create_account("bob", "x")
    other = sessions.create_session("bob")
    answer = admin_client.post(page_of(alice, "log-out"), follow=True)
    assert shown_messages(answer) == ["1 session was ended."]
    assert wire_error(live) == 1004
    assert wire_error(other) is None
    assert log_of(alice) == ["Logged out everywhere."]


@pytest.mark.parametrize("view", ["password", "generate-password", "log-out"])
def test_looking_at_a_page_changes_nothing(
    admin_client: Client, live: sessions.Session, alice: Account, view: str
) -> None:
    assert admin_client.get(page_of(alice, view)).status_code == 200
    assert accounts.authenticate("alice", "old password") == "alice"
    assert wire_error(live) is None


@pytest.mark.parametrize("view", ["password", "generate-password", "log-out"])
def test_a_page_of_an_unknown_account_is_not_found(admin_client: Client, view: str) -> None:
    assert admin_client.post(f"{ACCOUNTS}12345/{view}/").status_code == 404
    assert admin_client.post(f"{ACCOUNTS}nothing/{view}/").status_code == 404


@pytest.mark.parametrize("view", ["password", "generate-password", "log-out", "delete"])
def test_a_post_without_a_csrf_token_is_refused(
    admin_user: Any, live: sessions.Session, alice: Account, view: str
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    assert client.post(page_of(alice, view), {"post": "yes"}).status_code == 403
    assert wire_error(live) is None


def test_selected_accounts_are_logged_out(
    admin_client: Client, live: sessions.Session, alice: Account
) -> None:
    accounts.create_account("bob", "x")
    other = sessions.create_session("bob")
    answer = act(admin_client, "log_out_everywhere", *Account.objects.all())
    assert shown_messages(answer) == ["2 sessions were ended."]
    assert (wire_error(live), wire_error(other)) == (1004, 1004)
    assert log_of(alice) == ["Logged out everywhere."]


def test_selected_accounts_are_deactivated_and_activated(
    admin_client: Client, live: sessions.Session, alice: Account
) -> None:
    assert shown_messages(act(admin_client, "deactivate", alice)) == ["1 account was deactivated."]
    assert wire_error(live) == 1004
    assert not Account.objects.get().is_active
    assert shown_messages(act(admin_client, "deactivate", alice)) == ["0 accounts were deactivated."]
    assert shown_messages(act(admin_client, "activate", alice)) == ["1 account was activated."]
    assert Account.objects.get().is_active
    assert wire_error(live) == 1004
    assert log_of(alice) == ["Changed active.", "Changed active."]
