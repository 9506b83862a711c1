"""The JavaScript client passes its own tests; its built files are part of the package."""

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "toto_django"
NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="there is no node")
def test_javascript_tests_pass() -> None:
    assert NODE is not None
    options = f"{os.environ.get('NODE_OPTIONS', '')} --experimental-websocket"
    done = subprocess.run(
        [NODE, "--test"],
        cwd=ROOT / "clients" / "js",
        env={**os.environ, "TOTO_PYTHON": sys.executable, "NODE_OPTIONS": options.strip()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["toto.js", "toto.classic.js"])
def test_built_file_is_package_data(name: str) -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    patterns = setup["options.package_data"]["toto_django"].split()
    packaged = {path for pattern in patterns for path in PACKAGE.glob(f"{pattern}/*")}
    assert PACKAGE / "static" / "toto_django" / name in packaged
