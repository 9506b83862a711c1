"""The admin when accounts or sessions are not in the app's own models, or their store is silent."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import Client, override_settings

from tests.admin.site import ACCOUNTS, act, page_of, page_of_session, shown_messages
from toto_django import accounts, sessions
from toto_django.exceptions import Unavailable
from toto_django.models import Account, Session
from toto_django.stores.memory import MemoryStore

IN_MEMORY = {
    "STORES": {
        "default": {"BACKEND": "toto_django.stores.database.DatabaseStore"},
        "memory": {"BACKEND": "toto_django.stores.memory.MemoryStore"},
    },
    "SESSIONS": "memory",
}

pytestmark = pytest.mark.django_db


@override_settings(TOTO=IN_MEMORY)
def test_sessions_in_another_store_are_counted_and_ended(admin_client: Client, alice: Account) -> None:
    live = sessions.create_session("alice")
    (listed,) = admin_client.get(ACCOUNTS).context["cl"].result_list
    assert (listed.attached_count, listed.attached_url) == (1, "")
    admin_client.post(page_of(alice, "log-out"))
    assert sessions.load_session(live.session_id) is None
    live = sessions.create_session("alice")
    act(admin_client, "deactivate", alice)
    assert sessions.load_session(live.session_id) is None


@override_settings(TOTO=IN_MEMORY)
@pytest.mark.parametrize("view", ["password", "generate-password", "log-out", "delete", "change"])
def test_a_silent_store_is_reported_and_nothing_is_changed(
    admin_client: Client, alice: Account, monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    def silent(*args: Any) -> int:
        raise Unavailable

    monkeypatch.setattr(MemoryStore, "delete_sessions_of", silent)
    monkeypatch.setattr(MemoryStore, "count_sessions_of", silent)
    data = {"password1": "new password", "password2": "new password", "post": "yes", "properties": "{}"}
    answer = admin_client.post(page_of(alice, view), data, follow=True)
    assert shown_messages(answer) == [
        "The store of the sessions does not answer, so nothing was changed. Try again later."
    ]
    assert accounts.authenticate("alice", "old password") == "alice"
    assert shown_messages(act(admin_client, "deactivate", alice)) == shown_messages(answer)
    assert Account.objects.get().is_active


def registered(toto: dict[str, Any]) -> set[str]:
    from toto_django.admin import register

    site = admin.AdminSite()
    with override_settings(TOTO=toto):
        register(site)
    return {model.__name__ for model in (Account, Session) if site.is_registered(model)}


@pytest.mark.parametrize(
    ("toto", "expected"),
    [
        ({}, {"Account", "Session"}),
        ({"ACCOUNT_MODEL": "auth.User"}, {"Session"}),
        (IN_MEMORY, {"Account"}),
        ({**IN_MEMORY, "ACCOUNTS": "memory"}, set()),
        ({"STORES": {"default": {"BACKEND": "no.such.Store"}}}, set()),
        ({"SESSIONS": "nowhere"}, {"Account"}),
    ],
)
def test_what_is_in_the_apps_models_is_registered(toto: dict[str, Any], expected: set[str]) -> None:
    assert registered(toto) == expected


def test_another_account_model_is_linked_from_its_sessions(admin_client: Client, settings: Any) -> None:
    settings.TOTO = {"ACCOUNT_MODEL": "auth.User"}
    user = get_user_model().objects.create_user("carol")
    sessions.create_session("carol")
    assert (
        f'<a href="/admin/auth/user/{user.pk}/change/">carol</a>' in admin_client.get(page_of_session()).text
    )


@pytest.mark.parametrize("model", [Account, Session])
def test_the_admins_pass_djangos_checks(model: Any) -> None:
    assert admin.site.get_model_admin(model).check() == []
