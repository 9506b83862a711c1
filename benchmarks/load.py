"""A server process on the first core, and calls on it from others: by hand, and by wrk.

Needs wrk (Debian: apt-get install wrk).
"""

import argparse
import base64
import hmac
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["BATCH", "SERVERS", "USER", "Case", "Figures", "arguments", "call", "load", "running", "setup"]

ROOT = Path(__file__).resolve().parent.parent
BATCH = 20
PARAMETERS = {"a": 1, "b": 2}
USER = "bench"
PATIENCE = 30
"""Seconds within which a server process has to listen."""

SERVERS = {
    "ASGI": [
        *("-m", "uvicorn", "benchmarks.service:asgi", "--log-level", "warning", "--lifespan", "off"),
        "--port",
    ],
    "WSGI": [
        *("-m", "gunicorn", "benchmarks.service:wsgi", "-k", "gthread", "--threads", "8"),
        *("--log-level", "warning", "-b"),
    ],
}


@dataclass(frozen=True)
class Case:
    """``calls`` is how many calls one request carries; ``against`` names the case it is compared with."""

    name: str
    server: str
    path: str = "/toto/"
    method: str = ""
    calls: int = 1
    credentials: str = ""
    """What each request has another one of: ``session`` or ``token``."""
    against: str = ""


@dataclass(frozen=True)
class Figures:
    """What came of a load: calls that succeeded, and what each took of the service's CPU, in seconds."""

    done: int
    per_second: float
    cpu: float


def arguments(description: str | None) -> argparse.Namespace:
    """The command line's. Exits where wrk is missing."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seconds", type=int, default=3, help="of load for each case and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--quick", action="store_true", help="one round of one second: is all of it there?")
    options = parser.parse_args()
    if options.quick:
        options.seconds = options.rounds = 1
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing (Debian: apt-get install wrk).")
    return options


def setup(settings: Mapping[str, Any], code: str) -> str:
    """What the code prints, which is run beside the service, with these settings."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=_environment(settings),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


@contextmanager
def running(server: str, settings: Mapping[str, Any]) -> Iterator[int]:
    """A process of one of SERVERS, alone on the first core; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    address = f"127.0.0.1:{port}" if server == "WSGI" else str(port)
    command = _pinned(0, [sys.executable, *SERVERS[server], address])
    process = subprocess.Popen(command, cwd=ROOT, env=_environment(settings))
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _environment(settings: Mapping[str, Any]) -> dict[str, str]:
    return {**os.environ, "BENCH_SETTINGS": json.dumps(settings)}


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"no server on port {port}")


def _pinned(core: int, command: list[str]) -> list[str]:
    is_possible = shutil.which("taskset") is not None and (os.cpu_count() or 1) > 1
    return ["taskset", "-c", str(core), *command] if is_possible else command


def call(port: int, method: str, parameters: Any = None) -> Any:
    """The result of one call without a session."""
    body = json.dumps({"method": method, "parameters": parameters}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/toto/", body, headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)["result"]


def load(
    case: Case, port: int, credentials: list[str], connections: int, seconds: int, folder: str
) -> Figures:
    """Each connection sends its next request when it has the answer. Exits when a call failed.

    Failed calls are answers with status 200 as well, so the service counts what it has done.
    """
    script = Path(folder, "load.lua")
    script.write_text(_script(case, credentials))
    url = f"http://127.0.0.1:{port}{case.path}"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url]
    before = call(port, "bench.figures")
    output = subprocess.run(_pinned(1, command), check=True, capture_output=True, text=True).stdout
    after = call(port, "bench.figures")
    done = after["done"] - before["done"]
    answered = int(next(line.split()[0] for line in output.splitlines() if " requests in " in line))
    if "Non-2xx" in output or "Socket errors" in output or not 0 < answered * case.calls <= done:
        sys.exit(f"{case.server}, {case.name}: {done} calls done, and wrk says:\n{output}")
    rate = float(next(line.split()[1] for line in output.splitlines() if line.startswith("Requests/sec")))
    return Figures(done, rate * case.calls, (after["cpu"] - before["cpu"]) / done)


def _script(case: Case, credentials: list[str]) -> str:
    """wrk's: the same body each time, with the next of the credentials."""
    one = {"method": case.method, "parameters": PARAMETERS}
    body = json.dumps({"batch": {f"{n:02}": one for n in range(case.calls)}} if case.calls > 1 else one)
    lines = [
        "wrk.method = 'POST'",
        "wrk.headers['Content-Type'] = 'application/json'",
        f"wrk.body = '{body}'",
    ]
    if case.credentials:
        header, value = "x-toto-session-id", "ids[n]"
        if case.credentials == "token":
            header, value = "Authorization", "'Token ' .. ids[n]"
        signature = base64.b64encode(hmac.digest(USER.encode(), body.encode(), "sha1")).decode()
        ids = ",".join(f"'{item}'" for item in credentials)
        lines += [
            f"local ids, n = {{{ids}}}, 0",
            f"wrk.headers['x-toto-hmac'] = '{signature}'",
            "function request()",
            f"n = n % #ids + 1; wrk.headers['{header}'] = {value}; return wrk.format()",
            "end",
        ]
    return "\n".join(lines)
