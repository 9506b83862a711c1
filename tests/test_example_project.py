"""The example project passes its own tests, which need its own settings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    "arguments",
    [
        "check --fail-level WARNING",
        "makemigrations --check --dry-run",
        "test example_project",
    ],
)
def test_manage_command_succeeds(arguments: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EXAMPLE_")}
    environment |= {
        "DJANGO_SETTINGS_MODULE": "example_project.settings",
        "EXAMPLE_SQLITE": str(tmp_path / "example.sqlite3"),
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "manage.py", *arguments.split()],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
