"""Commands and servers in an environment that knows nothing of the working copy."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

__all__ = ["ROOT", "clean_environment", "run", "serving"]

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 300
"""Seconds for one command; pip may have to download."""


def run(*command: Any, cwd: Path, **environment: str) -> str:
    """The command's output; it has to succeed."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**clean_environment(), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}"
    return done.stdout


def clean_environment() -> dict[str, str]:
    """This environment without what leads Python or Django to the working copy."""
    leading = ("PYTHON", "DJANGO_", "TOTO_", "VIRTUAL_ENV", "COVERAGE")
    return {name: value for name, value in os.environ.items() if not name.startswith(leading)}


@contextmanager
def serving(python: Path, project: Path, command: list[str], **environment: str) -> Iterator[str]:
    """The address of the service while a server runs."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    words = [word.format(port=port) for word in command]
    with open(project / "server.log", "w+", encoding="utf-8") as log:
        server = subprocess.Popen(
            [python, *words],
            cwd=project,
            env={**clean_environment(), **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(port, server, log)
            yield f"http://127.0.0.1:{port}/service"
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def wait_for(port: int, server: "subprocess.Popen[bytes]", log: Any) -> None:
    """Return once the server listens."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    log.seek(0)
    pytest.fail(f"the server does not listen: {log.read()}")
