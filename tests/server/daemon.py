"""``manage.py toto`` as an operator runs it, and an end to whatever a test leaves running."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.realtime import HERE, ROOT, until
from toto_django.server.pidfiles import PidFiles

__all__ = ["MANAGE", "Operator", "fetched", "operator_in"]

MARK = "TOTO_TEST_OPERATOR"
PATIENCE = 40.0
"""Seconds that a start may take, where many tests start servers at once."""
TOTO = {**HERE, "METHOD_MODULES": ["tests.server.methods", "tests.service.realtime"]}
MANAGE = (sys.executable, "-W", "error", "-m", "django", "toto")


class Operator:
    """Runs the command in a folder of its own. All its processes carry a mark in their environment."""

    def __init__(self, folder: Path, toto: Mapping[str, Any]) -> None:
        self.folder = folder
        self.files = PidFiles(folder / "toto.daemon.pid")
        self.mark = uuid.uuid4().hex
        self.said = ""
        """What `start` printed."""
        self.started: list[subprocess.Popen[bytes]] = []
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.service.settings",
            "PYTHONPATH": str(ROOT),
            "TOTO_TEST_TOTO": json.dumps(toto),
            MARK: self.mark,
        }

    def run(self, *arguments: str, code: int = 0, command: tuple[str, ...] = MANAGE) -> str:
        """What the command prints, which ends with this exit code."""
        done = subprocess.run(
            [*command, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == code, (done.stdout, self.log)
        return done.stdout

    def start(self, *arguments: str) -> list[int]:
        """Start a daemon that logs, on free ports unless told otherwise; the ports of its processes."""
        self.said = self.run("--start", "--port=0", "--log-file=toto.log", *arguments)
        return [process["port"] for process in self.processes]

    def begin(self, *arguments: str, command: tuple[str, ...] = MANAGE) -> "subprocess.Popen[bytes]":
        """Serve in the foreground; return when it does."""
        process = self.popen("--port=0", "--pidfile=toto.daemon.pid", *arguments, command=command)
        until(lambda: process.poll() is not None or self.serving, PATIENCE)
        assert process.poll() is None, self.log
        return process

    def popen(self, *arguments: str, command: tuple[str, ...] = MANAGE) -> "subprocess.Popen[bytes]":
        """The command in a process group of its own; its output goes to the log."""
        with open(self.folder / "toto.log", "ab") as log:
            process = subprocess.Popen(
                [*command, *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        self.started.append(process)
        return process

    @property
    def serving(self) -> bool:
        """All processes serve."""
        return bool(self.processes) and all(process["pid"] for process in self.processes)

    @property
    def processes(self) -> list[dict[str, Any]]:
        """As in the status file."""
        return list(self.files.read().get("processes", ()))

    @property
    def pids(self) -> list[int]:
        """Of the processes that serve, from their pidfiles."""
        return [int(self.files.process(process["number"]).read_text()) for process in self.processes]

    @property
    def port(self) -> int:
        """Of the first process."""
        return int(self.processes[0]["port"])

    @property
    def log(self) -> str:
        """What has been logged."""
        path = self.folder / "toto.log"
        return path.read_text() if path.exists() else ""

    def living(self) -> list[int]:
        """The process ids of whatever this operator has started, directly or not, and runs still."""
        mark = f"{MARK}={self.mark}".encode()
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if mark in _environ(pid)]


def _environ(pid: int) -> bytes:
    with suppress(OSError):
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            return Path(f"/proc/{pid}/environ").read_bytes()
    return b""


@contextmanager
def operator_in(folder: Path, toto: Mapping[str, Any] = TOTO) -> Iterator[Operator]:
    """An operator; what still runs in the end is killed."""
    operator = Operator(folder, toto)
    try:
        yield operator
    finally:
        deadline = time.monotonic() + 10
        while (living := operator.living()) and time.monotonic() < deadline:
            for pid in living:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        for process in operator.started:
            process.wait()


def fetched(port: int, path: str) -> Any:
    """The result of a call."""
    connection = HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        connection.request("GET", path)
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    assert "result" in answer, answer
    return answer["result"]
