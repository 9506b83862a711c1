"""Fill the database and the cache of a peer; prints credentials: `python -m benchmarks.peers.prepare`."""

import json
from importlib import import_module
from typing import Any

import django

django.setup()

from django.apps import apps  # noqa: E402
from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402

from benchmarks.users import COUNT, PASSWORD, USER_ID  # noqa: E402


def main() -> None:
    call_command("migrate", verbosity=0)
    User.objects.create_user(USER_ID, password=PASSWORD)
    users = User.objects.bulk_create([User(username=f"user{number}") for number in range(COUNT)])
    print(json.dumps({"token": _tokens(users), "session": _sessions()}))


def _tokens(users: list[User]) -> list[str]:
    if not apps.is_installed("rest_framework.authtoken"):
        return []
    from rest_framework.authtoken.models import Token

    return [Token.objects.create(user=user).key for user in users]


def _sessions() -> list[str]:
    """In the cache of settings that have one."""
    caches: Any = settings.CACHES
    if "redis" not in caches["default"]["BACKEND"]:
        return []
    keys = []
    for _ in range(COUNT):
        session = import_module(settings.SESSION_ENGINE).SessionStore()
        session["user_id"] = USER_ID
        session.create()
        keys.append(session.session_key)
    return keys


if __name__ == "__main__":
    main()
