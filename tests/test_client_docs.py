"""The examples of docs/python-client.md and docs/testing.md run, against the example project."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.test_pytest_plugin import run

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
SHOWN_ADDRESS = "127.0.0.1:8000"

pytestmark = pytest.mark.server


def blocks(page: str) -> list[str]:
    return BLOCK.findall((ROOT / "docs" / page).read_text())


@contextmanager
def example_project(folder: Path) -> Iterator[str]:
    """The address of a server of it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EXAMPLE_")}
    environment |= {
        "DJANGO_SETTINGS_MODULE": "example_project.settings",
        "EXAMPLE_SQLITE": str(folder / "example.sqlite3"),
    }
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True, timeout=120
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        options = ["--lifespan", "off", "--fd", str(listener.fileno())]
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "example_project.asgi:application", *options],
            cwd=ROOT,
            env=environment,
            pass_fds=[listener.fileno()],
        )
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.terminate()
            process.wait(15)


def test_examples_of_the_client(tmp_path: Path) -> None:
    with example_project(tmp_path) as address:
        script = "\n".join(blocks("python-client.md")).replace(SHOWN_ADDRESS, address)
        done = subprocess.run(
            [sys.executable, "-W", "error::DeprecationWarning", "-c", script],
            cwd=tmp_path,
            env={name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert (tmp_path / "session.json").stat().st_mode & 0o777 == 0o600


def test_examples_of_testing(tmp_path: Path) -> None:
    sqlite = str(tmp_path / "project.sqlite3")
    settings = "from example_project.settings import *\n"
    settings += "PASSWORD_HASHERS = ['django.contrib.auth.hashers.MD5PasswordHasher']\n"
    settings += f"DATABASES['default']['TEST'] = {{'NAME': {sqlite!r} + '.test'}}\n"
    (tmp_path / "project_settings.py").write_text(settings)
    pages = blocks("testing.md")
    for number, block in enumerate(pages[1:]):
        (tmp_path / f"test_block_{number}.py").write_text(block)
    output = run(
        tmp_path,
        pages[0],
        EXAMPLE_SQLITE=sqlite,
        DJANGO_SETTINGS_MODULE="project_settings",
        PYTHONPATH=f"{ROOT}{os.pathsep}{tmp_path}",
    )
    assert re.search(r"\b8 passed\b", output)
