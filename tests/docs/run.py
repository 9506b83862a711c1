"""Runs the blocks of one page in a project of its own: `run.py`, with what to run on stdin, as JSON.

The project is in the current folder. Files are written and imported, what belongs to no file is run in
one namespace, and settings are tried by the system checks.
"""

import ast
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.docs.pages import add_python

FOLDER = Path.cwd()
WITHOUT_ADMIN = """
ROOT_URLCONF = "toto_django.urls"
INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "django.contrib.admin"]
"""
"""Pages show the lines of a list that matter, and the admin objects to what is left out."""
CHECK = [sys.executable, "-m", "django", "check"]


def is_settings(code: str) -> bool:
    """It sets names in capitals, and does nothing else."""
    nodes = ast.parse(code).body
    names = [name for node in nodes if isinstance(node, ast.Assign) for name in node.targets]
    return all(isinstance(node, ast.Assign) for node in nodes) and all(
        isinstance(name, ast.Name) and name.id.isupper() for name in names
    )


def main(parts: list[tuple[str | None, str]], given: str) -> None:
    sys.path.insert(0, str(FOLDER))
    modules = [write(path, code) for path, code in parts if path]
    os.environ["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", run_syncdb=True, verbosity=0)
    for module in dict.fromkeys(modules):
        importlib.import_module(module)
    page: Any = ModuleType("shop.page")
    sys.modules["shop.page"] = page
    exec(given, page.__dict__)
    for number, (path, code) in enumerate(parts):
        if path is None and is_settings(code):
            check(f"settings_{number}", code)
        elif path is None:
            exec(compile(code, f"<block {number}>", "exec"), page.__dict__)


def write(path: str, code: str) -> str:
    """The name of the module, with whose package the project is told of a new app."""
    if "/" not in path:
        path = f"mysite/{path}"
    add_python(FOLDER / path, code)
    for parent in [*Path(path).parents][:-1]:
        (FOLDER / parent / "__init__.py").touch()
    return path.removesuffix(".py").replace("/", ".")


def check(name: str, code: str) -> None:
    """No system check finds an error in these settings."""
    (FOLDER / f"{name}.py").write_text(f"from mysite.settings import *\n{code}\n{WITHOUT_ADMIN}")
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": name}
    done = subprocess.run(CHECK, env=environment, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{code}\n{done.stderr}"


if __name__ == "__main__":
    main(**json.load(sys.stdin))
