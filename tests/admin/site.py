"""The service with Django's admin beside it, and what its tests do with it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.dispatch import Signal
from django.test import Client, override_settings

from toto_django import sessions
from toto_django.models import Account, Session
from toto_django.signing import sign

ACCOUNTS = "/admin/toto_django/account/"
SESSIONS = "/admin/toto_django/session/"
APPS = [
    "django.contrib.admin",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]


@contextmanager
def admin_installed() -> Iterator[None]:
    """The test suite's service has no admin; within this context it has one, tables and all."""
    with override_settings(**_settings()):
        _register()
        for label in ("admin", "sessions"):
            call_command("migrate", label, verbosity=0)
        yield
        for label in ("admin", "sessions"):
            call_command("migrate", label, "zero", verbosity=0)


def _register() -> None:
    """Both models, also where the store was another one when the admin was first installed."""
    from toto_django.admin import AccountAdmin, SessionAdmin

    for model, options in ((Account, AccountAdmin), (Session, SessionAdmin)):
        if not admin.site.is_registered(model):
            admin.site.register(model, options)


def _settings() -> dict[str, Any]:
    installed = settings.INSTALLED_APPS
    return {
        "INSTALLED_APPS": [*(app for app in APPS if app not in installed), *installed],
        "ROOT_URLCONF": "tests.admin.urls",
        "STATIC_URL": "/static/",
        "MIDDLEWARE": [
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "toto_django.middleware.TotoMiddleware",
        ],
        "TEMPLATES": [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
    }


def allow(client: Client, *names: str) -> None:
    """Grant permissions of this app to the client's user."""
    user = get_user_model().objects.get(pk=client.session["_auth_user_id"])
    granted = Permission.objects.filter(codename__in=names, content_type__app_label="toto_django")
    user.user_permissions.add(*granted)


def page_of(account: Account, view: str = "change") -> str:
    return f"{ACCOUNTS}{account.pk}/{view}/"


def page_of_session(view: str = "change") -> str:
    """A page of the only session."""
    return f"{SESSIONS}{Session.objects.get().id_hash[:32]}/{view}/"


def act(client: Client, action: str, *selected: Account) -> Any:
    """Run an action on accounts."""
    data = {"action": action, "_selected_action": [account.pk for account in selected]}
    return client.post(ACCOUNTS, data, follow=True)


def signed_call(session: sessions.Session) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a call that only a session of an account may make."""
    body = json.dumps({"method": "auth.required"}).encode()
    signature = sign(session.user_id, body).decode()
    return body, {"x-toto-session-id": session.session_id, "x-toto-hmac": signature}


def wire_error(session: sessions.Session) -> Any:
    """The error code with which a call of this session is answered; None when it is welcome."""
    body, headers = signed_call(session)
    answer = Client().post("/service/", body, content_type="application/json", headers=headers)
    return answer.json().get("error", {}).get("code")


def shown_messages(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def log_of(account: Account) -> list[str]:
    """What the admin's log says about an account."""
    from django.contrib.admin.models import LogEntry

    return [entry.get_change_message() for entry in LogEntry.objects.filter(object_id=str(account.pk))]


@contextmanager
def emitted(signal: Signal) -> Iterator[list[str]]:
    """The user ids with which a signal is sent within this context."""
    user_ids: list[str] = []

    def receive(user_id: str, **kwargs: Any) -> None:
        user_ids.append(user_id)

    signal.connect(receive)
    yield user_ids
    signal.disconnect(receive)
