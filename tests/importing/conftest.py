"""Originals to import from, and the command."""

import io
import itertools
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.management import CommandError, call_command

from tests.importing.originals import JSONFile, MongoDB, MySQL, Original, PostgreSQL, RedisKeys
from tests.servers.redis import RedisServer

_numbers = itertools.count()


class Run(NamedTuple):
    """One run of the command; ``error`` is "" when it succeeded."""

    out: str
    error: str
    code: int

    @property
    def accounts(self) -> str:
        """The line of the report."""
        return next(line for line in self.out.splitlines() if line.startswith("Accounts:"))

    @property
    def sessions(self) -> str:
        return next(line for line in self.out.splitlines() if line.startswith("Sessions:"))


Import = Callable[..., Run]


@pytest.fixture
def old_hashes(settings: Any) -> None:
    """PASSWORD_HASHERS knows the original's hashes."""
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",
        "toto_django.hashers.TotoPBKDF2PasswordHasher",
    ]


@pytest.fixture
def take(old_hashes: None, db: None) -> Import:
    """``take(original, "--sessions")`` runs the command on an original or a URL."""

    def run(source: Original | str, *arguments: str, **options: Any) -> Run:
        url = source if isinstance(source, str) else source.url
        out, error, code = io.StringIO(), "", 0
        try:
            call_command("toto_import", url, *arguments, stdout=out, **options)
        except CommandError as refusal:
            error, code = str(refusal), refusal.returncode
        return Run(out.getvalue(), error, code)

    return run


@pytest.fixture
def database_name(isolation: str) -> str:
    """Of a database that no other test has."""
    return f"{isolation}_import_{next(_numbers)}"


def _needs_port(name: str, port: int) -> None:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError as error:
        pytest.skip(f"{name} does not answer on port {port}: {error}")


@pytest.fixture
def original_of(
    request: pytest.FixtureRequest, tmp_path: Path, database_name: str
) -> Iterator[Callable[[str], Original]]:
    """``original_of("mysql-binary")`` makes an original of this kind, dropped in the end."""

    def make(kind: str) -> Original:
        if kind.startswith("mysql"):
            _needs_port("MariaDB", 3306)
            options: dict[str, Any] = {
                "mysql": {},
                "mysql-binary": {"key": "binary"},
                "mysql-folding": {"collation": "utf8mb4_general_ci"},
            }[kind]
            return MySQL(database_name, **options)
        if kind == "postgresql":
            _needs_port("PostgreSQL", 5432)
            return PostgreSQL(database_name)
        if kind == "mongodb":
            return MongoDB(request.getfixturevalue("mongodb_url"), database_name)
        if kind == "redis":
            return RedisKeys(request.getfixturevalue("redis_of_imports"))
        return JSONFile(tmp_path / "toto.json")

    with ExitStack() as stack:
        yield lambda kind: stack.enter_context(make(kind))


@pytest.fixture(scope="session")
def redis_of_imports() -> Iterator[RedisServer]:
    """The original's keys have no prefix: it has the server to itself."""
    if not RedisServer.is_available():
        pytest.skip(RedisServer.reason())
    with RedisServer() as server:
        yield server


SERVED = [
    pytest.param(kind, marks=pytest.mark.service)
    for kind in ("mysql", "mysql-binary", "mysql-folding", "postgresql", "mongodb", "redis")
]


@pytest.fixture(params=[*SERVED, "json"])
def original(request: pytest.FixtureRequest, original_of: Callable[[str], Original]) -> Original:
    """An empty original of every kind."""
    return original_of(request.param)


@pytest.fixture
def file(tmp_path: Path) -> JSONFile:
    """An empty original in a JSON file."""
    return JSONFile(tmp_path / "toto.json")
