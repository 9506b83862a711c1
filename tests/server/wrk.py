"""wrk: many connections that call without a pause, and a count of what went wrong."""

import json
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

__all__ = ["Calling", "calling", "needs_wrk"]

SCRIPT = """
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init(arguments) wrong = 0 end
function response(status, headers, body)
    if status ~= 200 or not body:find('"result"', 1, true) then wrong = wrong + 1 end
end
function done(summary)
    local errors, count = summary.errors, 0
    for _, thread in ipairs(threads) do count = count + thread:get("wrong") end
    print(string.format(
        '{"calls": %d, "wrong": %d, "connect": %d, "read": %d, "write": %d, "timeout": %d}',
        summary.requests, count, errors.connect, errors.read, errors.write, errors.timeout))
end
"""
"""`wrong` are answers without a result; the last four are wrk's own errors."""
CONNECTIONS = 32
LONGEST = 60
"""Seconds."""

needs_wrk = [
    pytest.mark.service,
    pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is missing (Debian: apt-get install wrk)"),
]
"""The marks of tests that call with it."""


@dataclass
class Calling:
    """What came of it; nothing before the end."""

    calls: int = 0
    failures: dict[str, int] | None = None


@contextmanager
def calling(port: int) -> Iterator[Calling]:
    """Call `server.pid` until the block ends."""
    outcome = Calling()
    url = f"http://127.0.0.1:{port}/server/pid"
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT)
        script.flush()
        options = (f"-c{CONNECTIONS}", f"-d{LONGEST}s", "-t1", "--timeout=10s", f"--script={script.name}")
        with subprocess.Popen(["wrk", *options, url], stdout=subprocess.PIPE, text=True) as process:
            try:
                yield outcome
                process.send_signal(signal.SIGINT)
                said, _ = process.communicate(timeout=20)
            finally:
                process.kill()
    counts = json.loads(said.splitlines()[-1])
    outcome.calls = counts.pop("calls")
    outcome.failures = {name: count for name, count in counts.items() if count}
