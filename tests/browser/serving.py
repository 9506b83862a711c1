"""ASGI applications under uvicorn, each in a process of its own."""

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["ROOT", "serving", "wait_for"]

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def serving(application: str, folder: Path, environment: Mapping[str, str], path: str = "/") -> Iterator[str]:
    """The application's address, once it answers on this path; its log is in the folder."""
    with socket.create_server(("127.0.0.1", 0)) as listener, (folder / "server.log").open("wb") as log:
        fd = listener.fileno()
        options = ["--fd", str(fd), "--lifespan", "off", "--timeout-graceful-shutdown", "1"]
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", application, *options],
            cwd=ROOT,
            env=environment,
            pass_fds=[fd],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            wait_for(f"{address}{path}", process)
            yield address
        finally:
            process.terminate()
            process.wait(20)


def wait_for(address: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(100):
        assert process.poll() is None, "the server ended"
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")
