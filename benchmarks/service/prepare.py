"""Fill the database of the service; prints the ids of sessions: `python -m benchmarks.service.prepare`.

BENCH_STATE is the size of their states, in bytes.
"""

import json
import os
import sys

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import transaction  # noqa: E402

from benchmarks.queries import NAME  # noqa: E402
from benchmarks.users import COUNT, PASSWORD, USER_ID  # noqa: E402
from toto_django.accounts import create_account  # noqa: E402
from toto_django.exceptions import UserIDExists  # noqa: E402
from toto_django.sessions import create_session  # noqa: E402

STATE = int(os.environ.get("BENCH_STATE", "0"))


def main() -> None:
    call_command("migrate", verbosity=0)
    call_command("toto_prepare", stdout=sys.stderr)
    User.objects.get_or_create(username=NAME)
    try:
        create_account(USER_ID, PASSWORD)
    except UserIDExists:
        """Another store of the same accounts has been prepared."""
    with transaction.atomic():
        print(json.dumps({"session": [_session() for _ in range(COUNT)]}))


def _session() -> str:
    session = create_session(USER_ID)
    if STATE:
        session["text"] = "x" * STATE
        session.save()
    return session.session_id


if __name__ == "__main__":
    main()
