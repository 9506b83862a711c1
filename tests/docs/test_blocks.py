"""Every block of Python of every page is run: here, by the tests named in ELSEWHERE, or it is in NOT_RUN."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, Block, python_blocks

ELSEWHERE = {
    "docs/comparison.md": "tests/docs/test_comparison.py",
    "docs/python-client.md": "tests/test_client_docs.py",
    "docs/testing.md": "tests/test_client_docs.py",
    "docs/tutorial.md": "tests/docs/test_tutorial.py",
}
"""Pages whose blocks another test runs, all of them."""

NOT_RUN = {
    ("docs/moving-from-toto.md", "@tornado.gen.coroutine"): "the original's way, for Python 2",
    ("docs/describing.md", "from service import Service"): "for type checkers, and wrong on purpose",
    ("docs/events.md", "import asyncio"): "talks to a server of the reader's",
    ("docs/server.md", "import os"): "serves until it is stopped",
    ("docs/server.md", "# toto.conf"): "options, which are read and never run",
}
"""By page and first line: why a block is only parsed."""

GIVEN = {
    "README.md": {"mysite/settings.py": "INSTALLED_APPS.remove('toto_django')\n"},
    "docs/chat.md": {
        "mysite/urls.py": "from django.views.generic import TemplateView\n",
        "mysite/asgi.py": (
            "from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler\n"
            "from toto_django.asgi import get_asgi_application\napplication = get_asgi_application()\n"
        ),
        "mysite/settings.py": "INSTALLED_APPS += ['chat']\n",
    },
    "docs/events.md": {"": "from toto_django.events import EventManager\n"},
    "docs/moving-from-toto.md": {"mysite/settings.py": "INSTALLED_APPS.remove('toto_django')\n"},
    "docs/signing.md": {
        "": "from toto_django.accounts import create_account\n"
        "create_account('ada@example.com', 'correct horse battery')\n"
    },
    "docs/quickstart.md": {"mysite/settings.py": "INSTALLED_APPS += ['greetings']\n"},
}
"""By page: what the reader's files hold already, and under "" what was imported before."""

SETTINGS = """
INSTALLED_APPS += ["toto_django", "shop"]
MIDDLEWARE += ["toto_django.middleware.TotoMiddleware"]
DATABASES["default"]["NAME"] = ":memory:"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
"""
PATIENCE = 300


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def run_here(page: Path) -> list[Block]:
    return [block for block in python_blocks(page) if (block.page, block.first_line) not in NOT_RUN]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `startproject` makes."""
    folder = tmp_path_factory.mktemp("project")
    command = [sys.executable, "-m", "django", "startproject", "mysite", str(folder)]
    subprocess.run(command, check=True, timeout=PATIENCE, cwd=folder)
    return folder


@pytest.mark.parametrize(
    "page", [page for page in PAGES if name_of(page) not in ELSEWHERE and run_here(page)], ids=name_of
)
def test_blocks_of_the_page_run(page: Path, project: Path, tmp_path: Path) -> None:
    parts = [part for block in run_here(page) for part in block.files()]
    given = GIVEN.get(name_of(page), {})
    for path in project.glob("mysite/*.py"):
        (tmp_path / "mysite").mkdir(exist_ok=True)
        (tmp_path / "mysite" / path.name).write_text(path.read_text())
    add(tmp_path, "mysite/settings.py", SETTINGS)
    add(tmp_path, "mysite/urls.py", "from django.urls import include\n")
    for app in ("shop", "chat", "greetings"):
        add(tmp_path, f"{app}/__init__.py", "")
    for name, code in given.items():
        if name:
            add(tmp_path, name, code)
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", "-m", "tests.docs.run"],
        input=json.dumps({"parts": parts, "given": given.get("", "")}),
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "TOTO_"))}
        | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def add(folder: Path, name: str, code: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        file.write(code)


def test_exceptions_are_of_blocks_that_are_there() -> None:
    there = [(block.page, block.first_line) for page in PAGES for block in python_blocks(page)]
    assert [key for key in NOT_RUN if there.count(key) != 1] == []
    names = {name_of(page) for page in PAGES}
    assert ELSEWHERE.keys() | GIVEN.keys() <= names
    for test in ELSEWHERE.values():
        assert (ROOT / test).exists()
