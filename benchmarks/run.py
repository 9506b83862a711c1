"""Calls per second of this app beside its peers, as ratios: `python -m benchmarks.run`.

One server process on one core, the load generator wrk on another, every case in turn,
several rounds; the table shows medians.
"""

import json
import os
import platform
import statistics
import tempfile

from benchmarks.load import BATCH, SERVERS, USER, Case, arguments, load, running, setup

SESSIONS = 1000

CASES = [
    Case("Django, async view", "ASGI", "/django/coroutine"),
    Case("Django, plain view", "ASGI", "/django/plain"),
    Case("toto, async def method", "ASGI", method="bench.coroutine", against="Django, async view"),
    Case("toto, plain method", "ASGI", method="bench.plain", against="Django, plain view"),
    Case(
        "toto, signed, 1000 sessions",
        "ASGI",
        method="bench.signed",
        credentials="session",
        against="DRF, token",
    ),
    Case("DRF, token", "ASGI", "/drf/token", credentials="token"),
    Case("Django, plain view", "WSGI", "/django/plain"),
    Case("toto, plain method", "WSGI", method="bench.plain", against="Django, plain view"),
    Case("DRF, public", "WSGI", "/drf/public", against="Django, plain view"),
    Case("DRF, token", "WSGI", "/drf/token", credentials="token"),
    Case(
        "toto, signed, 1000 sessions",
        "WSGI",
        method="bench.signed",
        credentials="session",
        against="DRF, token",
    ),
    Case("toto, batch of 20", "WSGI", method="bench.plain", calls=BATCH, against="toto, plain method"),
]


def main() -> None:
    options = arguments(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        settings = {"DATABASES": {"default": {**_SQLITE, "NAME": f"{folder}/bench.sqlite3"}}}
        credentials = {"": [], **json.loads(setup(settings, _SETUP))}
        figures: dict[Case, list[float]] = {case: [] for case in CASES}
        for _ in range(options.rounds):
            for server in SERVERS:
                with running(server, settings) as port:
                    for case in (case for case in CASES if case.server == server):
                        given = credentials[case.credentials]
                        done = load(case, port, given, options.connections, options.seconds, folder)
                        figures[case].append(done.per_second)
    report({case: statistics.median(values) for case, values in figures.items()})


_SQLITE = {"ENGINE": "django.db.backends.sqlite3", "CONN_MAX_AGE": None}

_SETUP = f"""
import json
from benchmarks import service
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
from toto_django.accounts import create_account
from toto_django.sessions import create_session
create_account({USER!r}, "a long password")
users = [User.objects.create(username=f"user{{n}}") for n in range({SESSIONS})]
print(json.dumps({{
    "session": [create_session({USER!r}).session_id for _ in users],
    "token": [Token.objects.create(user=user).key for user in users],
}}))
"""


def report(medians: dict[Case, float]) -> None:
    by_name = {(case.server, case.name): figure for case, figure in medians.items()}
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores\n")
    print("| server | case | calls/s | ratio |\n|---|---|---:|---|")
    for case, figure in medians.items():
        ratio = f"{figure / by_name[case.server, case.against]:.2f} x {case.against}" if case.against else ""
        print(f"| {case.server} | {case.name} | {figure:,.0f} | {ratio} |")


if __name__ == "__main__":
    main()
