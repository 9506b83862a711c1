"""toto_import: its options, refusals, and what it says; never a password (docs/importing.md)."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.importing.conftest import Import
from tests.importing.originals import SECRET, JSONFile, MySQL, Original, PostgreSQL
from tests.servers.base import needs
from tests.servers.postgresql import PostgreSQLServer
from tests.servers.redis import RedisServer
from toto_django.exceptions import Unavailable
from toto_django.importing.address import parsed
from toto_django.importing.base import SourceError
from toto_django.models import Account
from toto_django.stores import account_store, session_store

ROOT = Path(__file__).resolve().parent.parent.parent
LATER = 4_000_000_000.0
HIDDEN = "hid#en/pass@w0rd"
QUOTED = "hid%23en%2Fpass%40w0rd"
SETTINGS = """
from tests.service.settings import *

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.MD5PasswordHasher",
    "toto_django.hashers.TotoPBKDF2PasswordHasher",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "%s"}}
"""


# The password


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://root:{QUOTED}@127.0.0.1:1/x",
        f"postgresql://postgres:{QUOTED}@127.0.0.1:1/x",
        f"mongodb://ann:{QUOTED}@127.0.0.1:1/x?serverSelectionTimeoutMS=10",
        f"mongodb://ann:{HIDDEN}@127.0.0.1:1/x",
        f"redis://ann:{QUOTED}@127.0.0.1:1/0",
        f"mysql://root:{HIDDEN}@127.0.0.1:1/x",
        f"postgresql://root:{HIDDEN}@127.0.0.1/x",
        f"oracle://root:{QUOTED}@127.0.0.1/x",
        f"mysql://root:{QUOTED}@127.0.0.1:{QUOTED}/x",
    ],
)
@pytest.mark.parametrize("verbosity", [1, 3])
def test_password_in_an_address_that_does_not_answer_is_not_shown(
    url: str, verbosity: int, take: Import, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toto_django.importing.mongodb.PATIENCE", 100)
    run = take(url, verbosity=verbosity)
    assert run.code == 1
    assert run.error.startswith("The source: ")
    shown = run.out + run.error + caplog.text
    for part in (HIDDEN, QUOTED, "hid#en", "hid%23en", "w0rd"):
        assert part not in shown


def test_address_does_not_tell_its_password() -> None:
    address = parsed(f"mysql://root:{QUOTED}@host/name")
    assert address.password == HIDDEN
    assert repr(address) == "<Address mysql>"
    assert address.hidden(f"a {HIDDEN} b {QUOTED}") == "a *** b ***"
    with pytest.raises(SourceError) as caught:
        parsed(f"mysql://root:{HIDDEN}@host/name")
    assert "hid" not in str(caught.value)


@pytest.fixture
def guarded_redis() -> Iterator[Any]:
    """A Redis that asks for HIDDEN."""
    from redis import Redis

    with RedisServer() as server:
        with Redis.from_url(server.url) as client:
            client.config_set("requirepass", HIDDEN)
        with Redis.from_url(server.url, password=HIDDEN) as client:
            client.hset("account:ada", mapping={"user_id": "ada", "password": SECRET})
        yield server


@pytest.mark.parametrize("mark", [pytest.param("", marks=needs(RedisServer))])
def test_password_is_taken_from_the_environment(
    mark: str, guarded_redis: RedisServer, take: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "authenticated" in take(guarded_redis.url).error
    monkeypatch.setenv("TOTO_IMPORT_PASSWORD", "wrong")
    assert "wrong" not in take(guarded_redis.url).error
    monkeypatch.setenv("TOTO_IMPORT_PASSWORD", HIDDEN)
    assert "1 taken" in take(guarded_redis.url).accounts
    monkeypatch.delenv("TOTO_IMPORT_PASSWORD")
    with_password = guarded_redis.url.replace("://", f"://:{QUOTED}@")
    assert "1 already there" in take(with_password).accounts


@pytest.mark.service
def test_mysql_password_is_taken_from_the_environment(
    original_of: Callable[[str], Original], take: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = original_of("mysql")
    assert isinstance(original, MySQL)
    original.add_account("ada")
    user = f"toto_{os.getpid()}"
    original.execute(f"CREATE USER {user}@'%%' IDENTIFIED BY %s", (HIDDEN,))
    try:
        original.execute(f"GRANT SELECT ON `{original.name}`.* TO {user}@'%%'")
        url = original.url.replace("root@", f"{user}@")
        assert HIDDEN not in take(url).error
        monkeypatch.setenv("TOTO_IMPORT_PASSWORD", HIDDEN)
        assert "1 taken" in take(url).accounts
    finally:
        original.execute(f"DROP USER {user}@'%%'")


# Refusals


def test_import_does_not_begin_without_the_hasher(file: JSONFile, take: Import, settings: Any) -> None:
    file.add_account("ada")
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    run = take(file)
    assert '    "toto_django.hashers.TotoPBKDF2PasswordHasher",' in run.error.splitlines()
    assert account_store().get_account("ada") is None


def test_import_does_not_begin_where_the_old_hasher_is_preferred(
    file: JSONFile, take: Import, settings: Any
) -> None:
    settings.PASSWORD_HASHERS = settings.PASSWORD_HASHERS[::-1]
    assert "stands first in PASSWORD_HASHERS" in take(file).error


@pytest.mark.parametrize("size", ["0", "-1", "x", "10001"])
def test_batch_size_has_bounds(size: str, file: JSONFile, take: Import) -> None:
    assert "a whole number from 1 to 10000" in take(file, "--batch-size", size).error


@pytest.mark.parametrize("content", ["{", "[]", '{"account": []}', '{"session": 5}', "[" * 100_000])
def test_file_of_another_kind_is_refused(content: str, tmp_path: Path, take: Import) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    assert take(str(path)).error.startswith(f"The source: {path} ")


def test_file_that_is_not_there_is_named(tmp_path: Path, take: Import) -> None:
    path = tmp_path / "none.json"
    assert take(str(path)).error == f"The source: {path}: No such file or directory"


@pytest.mark.service
@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_database_without_the_tables_is_refused(
    kind: str, original_of: Callable[[str], Original], take: Import
) -> None:
    original = original_of(kind)
    assert isinstance(original, MySQL | PostgreSQL)
    original.execute("DROP TABLE session")
    original.add_account("ada")
    assert "session" in take(original, "--sessions").error
    original.execute("DROP TABLE account")
    assert "account" in take(original).error


@pytest.mark.parametrize(
    ("kind", "module", "extra"), [("mysql", "MySQLdb", "mysql"), ("postgresql", "psycopg", "postgresql")]
)
def test_missing_driver_is_named_with_its_extra(kind: str, module: str, extra: str, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.modules[{module!r}] = None; sys.modules['psycopg2'] = None\n"
        "from django.core.management import execute_from_command_line\n"
        f"execute_from_command_line(['manage.py', 'toto_import', '{kind}://u:pw@127.0.0.1/x'])"
    )
    done = in_project(tmp_path, "-c", code)
    assert done.returncode == 1
    assert f"'toto-django[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr


# Reading only


@pytest.mark.service
@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_source_is_read_in_transactions_that_cannot_write(
    kind: str, original_of: Callable[[str], Original], old_hashes: None, db: None
) -> None:
    from toto_django.importing.base import Selection
    from toto_django.importing.sql import SQLSource

    original = original_of(kind)
    original.add_account("ada")
    with closing(SQLSource(parsed(original.url), Selection())) as source:
        with pytest.raises(SourceError, match=r"(?i)read.only"):
            source._fetch("DELETE FROM account")
        assert source.count_accounts() == 1


@pytest.mark.service
@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_server_too_old_for_django_is_read(
    kind: str, original_of: Callable[[str], Original], take: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib

    features = importlib.import_module(f"django.db.backends.{kind}.features").DatabaseFeatures
    original = original_of(kind)
    original.add_account("ada")
    monkeypatch.setattr(features, "minimum_database_version", (99, 0))
    monkeypatch.setattr("django.db.backends.base.base.RAN_DB_VERSION_CHECK", {"default"})
    assert "1 taken" in take(original).accounts


# The report


def test_reasons_are_counted_with_a_few_examples(file: JSONFile, take: Import) -> None:
    for number in range(1200):
        file.stored["account"][f"user{number:04}"] = {"user_id": f"user{number:04}", "password": None}
    file.add_account("ok")
    run = take(file)
    assert run.accounts == "Accounts: 1,201 read, 1,201 taken, 0 already there, 0 skipped."
    assert "1,200 (user0000, user0001, user0002, user0003, user0004, …)" in run.out
    assert len(run.out.splitlines()) == 2
    Account.objects.all().delete()
    every = take(file, verbosity=2)
    assert every.out.count("has no password") == 1201
    assert "accounts: user1199 taken: it has no password" in every.out
    Account.objects.all().delete()
    assert take(file, verbosity=0).out == ""
    assert Account.objects.count() == 1201


def test_reasons_are_bounded(file: JSONFile, take: Import) -> None:
    file.add_account("ada")
    for number in range(80):
        state = f"cmodule{number}\nx\n(tR.".encode()
        file.add_session(f"{number:022}", "ada", LATER, state)
    run = take(file, "--sessions")
    assert "80 skipped" in run.sessions
    assert "skipped: for other reasons: 30 (" in run.out


def in_project(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """A Python process with the test settings, and a SQLite database in the folder."""
    return subprocess.run(
        [sys.executable, *arguments], env=project(folder), cwd=ROOT, capture_output=True, text=True, **options
    )


def project(folder: Path) -> dict[str, str]:
    (folder / "import_settings.py").write_text(SETTINGS % (folder / "target.sqlite3"))
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "import_settings",
        "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
    }


def migrated(folder: Path) -> Path:
    done = in_project(folder, "-m", "django", "migrate", "-v0")
    assert done.returncode == 0, done.stderr
    return folder


def test_progress_is_one_line_on_a_terminal_and_nothing_elsewhere(file: JSONFile, tmp_path: Path) -> None:
    folder = migrated(tmp_path)
    for number in range(1000):
        file.stored["account"][f"user{number}"] = {"user_id": f"user{number}", "password": SECRET}
    file.add_account("last")
    quiet = in_project(folder, "-m", "django", "toto_import", file.url)
    assert (quiet.returncode, quiet.stderr) == (0, "")
    shown = on_terminal(folder, "toto_import", file.url, "--batch-size", "50")
    assert re.search(r"\raccounts: [\d,]+ of 1,001 \(\d+%\), [\d,]+/s", shown.replace("\x1b[K", ""))
    assert shown.endswith("\r\x1b[K")
    assert "\n" not in shown
    assert on_terminal(folder, "toto_import", file.url, "--no-progress") == ""
    assert on_terminal(folder, "toto_import", file.url, "-v0") == ""


def on_terminal(folder: Path, *arguments: str) -> str:
    """What a command writes to stderr where that is a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "django", *arguments]
    with subprocess.Popen(
        command, env=project(folder), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=theirs
    ) as process:
        os.close(theirs)
        written = b""
        while chunk := _read(ours):
            written += chunk
    os.close(ours)
    assert process.returncode == 0
    return written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


# Interruptions


@pytest.mark.service
def test_interrupted_import_says_how_far_it_came_and_goes_on(
    original_of: Callable[[str], Original], tmp_path: Path
) -> None:
    folder = migrated(tmp_path)
    original = original_of("postgresql")
    assert isinstance(original, PostgreSQL)
    original.execute(
        "INSERT INTO account (user_id, password) SELECT 'user' || n, %s FROM generate_series(1, 20000) n",
        (SECRET,),
    )
    command = [sys.executable, "-m", "django", "toto_import", original.url, "--batch-size", "10"]
    with subprocess.Popen(
        command, env=project(folder), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for_accounts(folder)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.strip() == "CommandError: Interrupted. Run the same command again: it goes on from there."
    [taken] = re.findall(r"([\d,]+) taken", out)
    assert 0 < int(taken.replace(",", "")) < 20_000
    again = in_project(folder, "-m", "django", "toto_import", original.url)
    [more, there] = re.findall(r"([\d,]+) taken, ([\d,]+) already there", again.stdout)[0]
    assert int(more.replace(",", "")) + int(there.replace(",", "")) == 20_000
    assert int(there.replace(",", "")) >= int(taken.replace(",", ""))


def wait_for_accounts(folder: Path) -> None:
    import sqlite3

    until = time.monotonic() + 60
    database = sqlite3.connect(folder / "target.sqlite3", timeout=20)
    try:
        while database.execute("SELECT COUNT(*) FROM toto_django_account").fetchone()[0] < 20:
            assert time.monotonic() < until
            time.sleep(0.02)
    finally:
        database.close()


@pytest.mark.parametrize("mark", [pytest.param("", marks=needs(PostgreSQLServer))])
def test_source_that_dies_in_the_middle_ends_the_import_cleanly(
    mark: str, take: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PostgreSQLServer() as server:
        original = PostgreSQL("toto_dies", server.url)
        for number in range(30):
            original.add_account(f"user{number:02}")
        store = type(account_store())
        create = store.create_accounts

        def create_and_stop(self: Any, accounts: Any) -> Any:
            created = create(self, accounts)
            if accounts[0].user_id == "user10":
                server.stop()
            return created

        with monkeypatch.context() as patched:
            patched.setattr(store, "create_accounts", create_and_stop)
            run = take(original, "--batch-size", "10")
        assert run.code == 1
        assert run.error.startswith("The source: ")
        assert run.error.endswith("Run the same command again: it goes on from there.")
        assert run.accounts == "Accounts: 20 read, 20 taken, 0 already there, 0 skipped."
        original.connection.close()
        server.start()
        again = take(original.url, "--batch-size", "10")
        assert again.accounts == "Accounts: 30 read, 10 taken, 20 already there, 0 skipped."
        psycopg.connect(server.url).close()


def test_store_that_does_not_answer_ends_the_import_cleanly(
    file: JSONFile, take: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        file.add_account(f"user{number:02}")
    store = type(account_store())
    create = store.create_accounts

    def create_at_first(self: Any, accounts: Any) -> Any:
        if accounts[0].user_id == "user10":
            raise Unavailable from OSError("the disk\nis full")
        return create(self, accounts)

    monkeypatch.setattr(store, "create_accounts", create_at_first)
    run = take(file, "--batch-size", "10")
    assert run.code == 1
    assert run.error == (
        "A store of this service failed: the disk is full\nRun the same command again: it goes on from there."
    )
    assert run.accounts == "Accounts: 10 read, 10 taken, 0 already there, 0 skipped."


def test_project_without_its_tables_is_told_so(file: JSONFile, tmp_path: Path) -> None:
    file.add_account("ada")
    done = in_project(tmp_path, "-m", "django", "toto_import", file.url)
    assert done.returncode == 1
    assert "no such table: toto_django_account" in done.stderr
    assert "Traceback" not in done.stderr


def test_sessions_are_counted_too(file: JSONFile, take: Import) -> None:
    file.add_session("a" * 22, None, LATER)
    take(file, "--sessions")
    assert session_store().load_session("a" * 22) is not None
