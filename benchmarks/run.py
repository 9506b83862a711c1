"""Calls per second of this app beside its peers, as ratios: `make bench`.

One server process on one core, the load generator wrk on another, every case in turn,
several rounds; the table shows medians. Needs wrk (Debian: apt-get install wrk).
"""

import argparse
import base64
import hmac
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SESSIONS = 1000
BATCH = 20
PARAMETERS = {"a": 1, "b": 2}
USER = "bench"

SERVERS = {
    "ASGI": [
        "-m",
        "uvicorn",
        "benchmarks.service:asgi",
        "--log-level",
        "warning",
        "--lifespan",
        "off",
        "--port",
    ],
    "WSGI": [
        "-m",
        "gunicorn",
        "benchmarks.service:wsgi",
        "-k",
        "gthread",
        "--threads",
        "8",
        "--log-level",
        "warning",
        "-b",
    ],
}


@dataclass(frozen=True)
class Case:
    """``calls`` is how many calls one request carries; ``against`` names the case it is compared with."""

    name: str
    server: str
    path: str
    method: str = ""
    calls: int = 1
    credentials: str = ""
    against: str = ""


CASES = [
    Case("Django, async view", "ASGI", "/django/coroutine"),
    Case("Django, plain view", "ASGI", "/django/plain"),
    Case("toto, async def method", "ASGI", "/toto/", "bench.coroutine", against="Django, async view"),
    Case("toto, plain method", "ASGI", "/toto/", "bench.plain", against="Django, plain view"),
    Case(
        "toto, signed, 1000 sessions",
        "ASGI",
        "/toto/",
        "bench.signed",
        credentials="session",
        against="DRF, token",
    ),
    Case("DRF, token", "ASGI", "/drf/token", credentials="token"),
    Case("Django, plain view", "WSGI", "/django/plain"),
    Case("toto, plain method", "WSGI", "/toto/", "bench.plain", against="Django, plain view"),
    Case("DRF, public", "WSGI", "/drf/public", against="Django, plain view"),
    Case("DRF, token", "WSGI", "/drf/token", credentials="token"),
    Case(
        "toto, signed, 1000 sessions",
        "WSGI",
        "/toto/",
        "bench.signed",
        credentials="session",
        against="DRF, token",
    ),
    Case("toto, batch of 20", "WSGI", "/toto/", "bench.plain", calls=BATCH, against="toto, plain method"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3, help="of load for each case and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing (Debian: apt-get install wrk).")
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "BENCH_DATABASE": f"{folder}/bench.sqlite3"}
        credentials = json.loads(_python(environment, _SETUP))
        figures: dict[Case, list[float]] = {case: [] for case in CASES}
        for _ in range(options.rounds):
            for server in SERVERS:
                with running(server, environment) as port:
                    for case in (case for case in CASES if case.server == server):
                        script = Path(folder, "load.lua")
                        script.write_text(load_script(case, credentials))
                        figures[case].append(case.calls * measured(case, port, script, options))
    report({case: statistics.median(values) for case, values in figures.items()})


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


def _python(environment: dict[str, str], code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout


@contextmanager
def running(server: str, environment: dict[str, str]) -> Iterator[int]:
    """A server process pinned to the first core; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    address = f"127.0.0.1:{port}" if server == "WSGI" else str(port)
    process = subprocess.Popen(
        _pinned(0, [sys.executable, *SERVERS[server], address]), cwd=ROOT, env=environment
    )
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"no server on port {port}")


def _pinned(core: int, command: list[str]) -> list[str]:
    is_possible = shutil.which("taskset") is not None and (os.cpu_count() or 1) > 1
    return ["taskset", "-c", str(core), *command] if is_possible else command


def load_script(case: Case, credentials: dict[str, list[str]]) -> str:
    """wrk's script: the same body each time, another session or token each time."""
    call = {"method": case.method, "parameters": PARAMETERS}
    body = json.dumps({"batch": {f"{n:02}": call for n in range(case.calls)}} if case.calls > 1 else call)
    lines = [
        "wrk.method = 'POST'",
        "wrk.headers['Content-Type'] = 'application/json'",
        f"wrk.body = '{body}'",
    ]
    if case.credentials:
        ids = ",".join(f"'{item}'" for item in credentials[case.credentials])
        header, value = "x-toto-session-id", "ids[n]"
        if case.credentials == "token":
            header, value = "Authorization", "'Token ' .. ids[n]"
        signature = base64.b64encode(hmac.digest(USER.encode(), body.encode(), "sha1")).decode()
        lines += [
            f"local ids, n = {{{ids}}}, 0",
            f"wrk.headers['x-toto-hmac'] = '{signature}'",
            "function request()",
            f"n = n % #ids + 1; wrk.headers['{header}'] = {value}; return wrk.format()",
            "end",
        ]
    return "\n".join(lines)


def measured(case: Case, port: int, script: Path, options: argparse.Namespace) -> float:
    """Requests per second. Fails when an answer was no success."""
    url = f"http://127.0.0.1:{port}{case.path}"
    command = ["wrk", "-t1", f"-c{options.connections}", f"-d{options.seconds}s", "-s", str(script), url]
    output = subprocess.run(_pinned(1, command), check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in output:
        sys.exit(f"{case.name}: {output}")
    return float(next(line.split()[1] for line in output.splitlines() if line.startswith("Requests/sec")))


def report(medians: dict[Case, float]) -> None:
    by_name = {(case.server, case.name): figure for case, figure in medians.items()}
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores\n")
    print("| server | case | calls/s | ratio |\n|---|---|---:|---|")
    for case, figure in medians.items():
        ratio = f"{figure / by_name[case.server, case.against]:.2f} x {case.against}" if case.against else ""
        print(f"| {case.server} | {case.name} | {figure:,.0f} | {ratio} |")


if __name__ == "__main__":
    main()
