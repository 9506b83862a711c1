"""The wheel, which is built once, and environments with it."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packaging.commands import ROOT, run

Environment = Callable[..., Path]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the files that git knows or would add."""
    source = tmp_path_factory.mktemp("source")
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    built = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", built, source, cwd=source)
    [path] = built.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """``environment("uvicorn")``: the interpreter of a new environment with the wheel, and with this too.

    Each is a copy of one that has the wheel alone, whose making takes the most time.
    """
    plain = tmp_path_factory.mktemp("plain")
    run(sys.executable, "-m", "venv", plain, cwd=plain)
    run(plain / "bin" / "python", "-m", "pip", "install", "--quiet", wheel, cwd=plain)

    def make(*requirements: str) -> Path:
        folder = tmp_path_factory.mktemp("environment")
        shutil.copytree(plain, folder, symlinks=True, dirs_exist_ok=True)
        python = folder / "bin" / "python"
        run(python, "-m", "pip", "install", "--quiet", *requirements, cwd=folder)
        return python

    return make
