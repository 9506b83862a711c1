"""The example project on the Internet: its settings are complete, and the system checks find nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 120
HOST = "www.example.com"
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "example_project.production",
    "EXAMPLE_SECRET_KEY": "k3jf8w9a7s6d5f4g3h2j1k0l9q8w7e6r5t4y3u2i1o0pmznxbcv",
    "EXAMPLE_HOSTS": HOST,
    "EXAMPLE_DATABASE_URL": "postgresql://example:p%40ss@127.0.0.1:1/example",
    "EXAMPLE_REDIS": "redis://127.0.0.1:1/0",
    "EXAMPLE_PROXIES": "127.0.0.1",
    "EXAMPLE_STATIC": "/srv/example/static",
}
NEEDED = [name for name in ENVIRONMENT if name.startswith("EXAMPLE_")]


def environment(**changes: str) -> dict[str, str]:
    """That of a process; "" takes a variable out."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EXAMPLE_")}
    return {name: value for name, value in {**kept, **ENVIRONMENT, **changes}.items() if value}


def manage(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "manage.py", *arguments],
        cwd=ROOT,
        env=environment(**changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("level", [[], ["--fail-level", "WARNING"]], ids=["errors", "warnings"])
def test_check_for_deployment_finds_nothing(level: list[str]) -> None:
    done = manage("check", "--deploy", *level)
    assert done.returncode == 0, done.stdout
    assert done.stdout.strip() == "System check identified no issues (0 silenced)."


def test_check_for_deployment_finds_what_is_wrong() -> None:
    done = manage("check", "--deploy", "--fail-level", "WARNING", EXAMPLE_PROXIES="0.0.0.0/0")
    assert done.returncode == 1
    assert "(toto_django.W063)" in done.stdout


@pytest.mark.parametrize("name", NEEDED)
def test_variable_that_is_missing_is_named(name: str) -> None:
    done = manage("check", **{name: ""})
    assert done.returncode != 0
    assert f"ImproperlyConfigured: {name} is missing in the environment" in done.stdout


@pytest.mark.parametrize("url", ["sqlite:///db.sqlite3", "postgresql://host", "example"])
def test_url_of_no_postgresql_is_refused(url: str) -> None:
    done = manage("check", EXAMPLE_DATABASE_URL=url)
    assert "ImproperlyConfigured: EXAMPLE_DATABASE_URL is not of the form" in done.stdout


def test_parts_of_the_url_are_decoded() -> None:
    code = "from django.db import connection; print(connection.settings_dict)"
    shown = manage("shell", "--verbosity=0", "--command", code).stdout
    for name, value in {"USER": "example", "PASSWORD": "p@ss", "HOST": "127.0.0.1", "PORT": "1"}.items():
        assert f"'{name}': '{value}'" in shown
