"""Who may do what with accounts in the admin."""

import pytest
from django.test import Client

from tests.admin.site import ACCOUNTS, SESSIONS, act, allow, log_of, page_of, wire_error
from toto_django import accounts, sessions
from toto_django.models import Account

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("view", ["change", "password", "generate-password", "log-out", "delete"])
@pytest.mark.parametrize("granted", [(), ("view_account",)])
def test_an_account_is_changed_with_permission_only(
    staff: Client, live: sessions.Session, alice: Account, view: str, granted: tuple[str, ...]
) -> None:
    allow(staff, *granted)
    data = {"post": "yes", "password1": "new password", "password2": "new password", "properties": '{"a": 1}'}
    assert staff.post(page_of(alice, view), data).status_code == 403
    assert accounts.authenticate("alice", "old password") == "alice"
    assert wire_error(live) is None
    assert not log_of(alice)


@pytest.mark.parametrize("action", ["log_out_everywhere", "deactivate", "delete_selected", "require_v2"])
def test_an_action_takes_permission(
    staff: Client, live: sessions.Session, alice: Account, action: str
) -> None:
    allow(staff, "view_account")
    act(staff, action, alice)
    assert wire_error(live) is None
    assert Account.objects.get().is_active


def test_who_may_view_an_account_sees_its_properties_and_no_buttons(staff: Client, alice: Account) -> None:
    allow(staff, "view_account")
    Account.objects.update(properties={"a": "<b>"})
    text = staff.get(page_of(alice)).text
    assert "&quot;a&quot;: &quot;&lt;b&gt;&quot;" in text
    assert "generate-password" not in text
    assert alice.password not in text


def test_who_may_change_accounts_may_do_so(staff: Client, live: sessions.Session, alice: Account) -> None:
    allow(staff, "change_account")
    assert staff.post(page_of(alice, "log-out")).status_code == 302
    assert wire_error(live) == 1004
    assert staff.post(f"{ACCOUNTS}add/").status_code == 403
    assert SESSIONS not in staff.get(ACCOUNTS).text
