"""A server process to be measured: started on cores of its own, and what it takes of the machine. Linux."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.machine import FIRST_CORE, on_cores
from benchmarks.tally import TALLIES
from tests.servers.base import free_port

__all__ = ["Running", "Server", "prepared", "running"]

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 30
"""Seconds within which a server has to listen."""
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Server:
    """How a server is started: the arguments of Python, which hold ``{port}``."""

    name: str
    command: tuple[str, ...]
    modules: tuple[str, ...] = ()
    """What has to be installed for it, beyond the extra dev."""
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Django settings that it needs, whatever the store."""
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    prepare: str = ""
    """The module that fills the database, and prints credentials as JSON."""

    @property
    def missing(self) -> str:
        """What it lacks on this machine, "" when it is all there."""
        absent = [module for module in self.modules if find_spec(module) is None]
        return f"the Python module {absent[0]} is not installed" if absent else ""


class Running:
    """The processes of a started server."""

    def __init__(self, pid: int, ports: list[int], tallies: Path) -> None:
        self.pid = pid
        self.ports = ports
        self._tallies = tallies

    @property
    def port(self) -> int:
        return self.ports[0]

    def count(self, name: str) -> int:
        """What its processes have counted with a `benchmarks.tally.Tally` of this name."""
        files = self._tallies.glob(f"{name}.*")
        return sum(int.from_bytes(file.read_bytes(), sys.byteorder) for file in files)

    def cpu(self) -> float:
        """Seconds that its processes have worked."""
        return sum(_ticks(pid) for pid in self._pids()) / TICKS

    def busiest(self) -> int:
        """The id of the process that has worked most."""
        return max(self._pids(), key=_ticks)

    def memory(self) -> int:
        """Bytes that are resident."""
        return PAGE * sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self._pids())

    def threads(self) -> int:
        return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in self._pids())

    def _pids(self) -> Iterator[int]:
        waiting = [self.pid]
        while waiting:
            pid = waiting.pop()
            yield pid
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                waiting += map(int, children.read_text().split())


def _ticks(pid: int) -> int:
    """Of user and system time: see proc(5)."""
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(times[11]) + int(times[12])


def prepared(server: Server, settings: Mapping[str, Any]) -> dict[str, list[str]]:
    """The credentials that are in the database afterwards, by kind."""
    with tempfile.TemporaryDirectory() as tallies:
        command = [sys.executable, "-m", server.prepare]
        environment = _environment(server, settings, tallies)
        done = subprocess.run(
            command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
    credentials: dict[str, list[str]] = json.loads(done.stdout)
    return credentials


@contextmanager
def running(
    server: Server, settings: Mapping[str, Any], cores: Collection[int] = FIRST_CORE, ports: int = 1
) -> Iterator[Running]:
    """Started, on these cores alone; ``ports`` is how many in a row it listens on."""
    first = _free_ports(ports)
    arguments = [argument.format(port=first) for argument in server.command]
    command = on_cores(cores, [sys.executable, *arguments])
    with tempfile.TemporaryDirectory() as tallies, tempfile.TemporaryFile() as log:
        environment = _environment(server, settings, tallies)
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            for port in range(first, first + ports):
                _wait_for(port, process)
            yield Running(process.pid, list(range(first, first + ports)), Path(tallies))
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read()[-3000:].decode(errors="replace"))
            raise
        finally:
            process.terminate()
            _end(process)


def _environment(server: Server, settings: Mapping[str, Any], tallies: str) -> dict[str, str]:
    told = {TALLIES: tallies, "BENCH_SETTINGS": json.dumps({**server.settings, **settings})}
    return {**os.environ, **server.environment, **told}


def _free_ports(count: int) -> int:
    """The first of so many in a row."""
    while True:
        first = free_port()
        try:
            for port in range(first, first + count):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return first


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"no server on port {port}")


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
