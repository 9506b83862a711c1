"""The fixtures, in projects of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
USES = """
import asyncio

import pytest
from asgiref.sync import async_to_sync

from toto_django.accounts import require_v2
from toto_django.test import assert_toto_error


def test_client_and_accounts(toto_client, toto_account):
    ada, somebody = toto_account("Ada", display_name="Ada L."), toto_account()
    assert ada.user_id == "ada" != somebody.user_id
    assert ada.password not in repr(ada)
    toto_client.login(ada.user_id, ada.password)
    assert toto_client.methods.notes.profile()["display_name"] == "Ada L."
    toto_client.force_login(somebody.user_id)
    assert toto_client.methods.notes.list() == []


def test_each_test_has_its_own(toto_client, toto_account):
    toto_account("ada")
    assert toto_client.session is None


def test_asynchronous_client(async_toto_client, toto_account):
    async def use():
        await async_toto_client.force_login(toto_account_id)
        said = await async_toto_client.methods.chat.post(text="Hello")
        return said["author"]

    toto_account_id = toto_account("ada").user_id
    assert async_to_sync(use)() == "ada"


@pytest.fixture(params=["user_id", "session_key", "v2", None])
def scheme(settings, request):
    settings.TOTO = {**settings.TOTO, "HMAC": request.param}


@pytest.fixture
def upgrading(settings):
    settings.TOTO = {**settings.TOTO, "HMAC": "user_id", "HMAC_UPGRADE": True}


def test_live_client(scheme, toto_live_client, toto_account):
    toto_live_client.login("ada", toto_account("ada").password)
    assert toto_live_client.methods.notes.add(text="Buy milk")["text"] == "Buy milk"
    assert toto_live_client.url.endswith("/service/")
    with assert_toto_error(2001):
        toto_live_client.call("notes.delete", {"id": 0})


@pytest.mark.parametrize("is_required", [True, False])
def test_live_client_during_an_upgrade(upgrading, toto_live_client, toto_account, is_required):
    ada = toto_account("ada")
    require_v2("ada", is_required)
    toto_live_client.login("ada", ada.password)
    assert toto_live_client.session.key is not None
    assert toto_live_client.methods.notes.list() == []
"""
WITHOUT_DJANGO = """
import sys


def test_plain():
    assert "toto_django.models" not in sys.modules
    from django.conf import settings

    assert not settings.configured


def test_client(toto_client):
    pass


def test_account(toto_account):
    pass
"""


def run(folder: Path, source: str, *options: str, **environment: str) -> str:
    """The output of pytest on one file, which has to end well."""
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (folder / "test_project.py").write_text(source)
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DJANGO_", "EXAMPLE_", "PYTEST_", "TOTO_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", *options],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.server
def test_fixtures_in_a_project(tmp_path: Path) -> None:
    sqlite = str(tmp_path / "project.sqlite3")
    settings = "from example_project.settings import *\n"
    settings += "PASSWORD_HASHERS = ['django.contrib.auth.hashers.MD5PasswordHasher']\n"
    settings += f"DATABASES['default']['TEST'] = {{'NAME': {sqlite!r} + '.test'}}\n"
    (tmp_path / "project_settings.py").write_text(settings)
    output = run(
        tmp_path,
        USES,
        EXAMPLE_SQLITE=sqlite,
        DJANGO_SETTINGS_MODULE="project_settings",
        PYTHONPATH=f"{ROOT}{os.pathsep}{tmp_path}",
    )
    assert "9 passed" in output


def test_pytest_without_pytest_django_runs_and_skips(tmp_path: Path) -> None:
    output = run(tmp_path, WITHOUT_DJANGO, "-p", "no:django")
    assert "1 passed, 2 skipped" in output
    assert "need pytest-django" in output


def test_a_project_without_settings_is_left_alone(tmp_path: Path) -> None:
    assert "1 passed" in run(tmp_path, WITHOUT_DJANGO.partition("\n\ndef test_client")[0])


def test_the_fixtures_are_listed(tmp_path: Path) -> None:
    output = run(tmp_path, "", "--fixtures", "--co", "-q")
    for name in ("toto_client", "async_toto_client", "toto_account", "toto_live_client"):
        assert name in output
