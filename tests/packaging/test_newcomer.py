"""A newcomer's way: wheel, new environment, new project, first signed call."""

import base64
import hashlib
import hmac
import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.packaging.commands import ROOT, run, serving
from tests.packaging.conftest import Environment

METHODS = '''
from toto_django import method
from toto_django.invocation import authenticated


@method
def hello(handler, parameters):
    """Greet."""
    return f"Hello, {parameters.get('name', 'world')}"


@method
@authenticated
async def whoami(handler, parameters):
    return handler.session.user_id
'''
URLS = """
from django.urls import include, path

urlpatterns = [path("service/", include("toto_django.urls"))]
"""
SETTINGS = """
INSTALLED_APPS += ["toto_django", "greetings"]
MIDDLEWARE += ["toto_django.middleware.TotoMiddleware"]
"""
SERVERS = {
    "runserver": ["manage.py", "runserver", "--noreload", "127.0.0.1:{port}"],
    "uvicorn": ["-m", "uvicorn", "newcomer.asgi:application", "--host", "127.0.0.1", "--port", "{port}"],
}


# The wheel


@pytest.fixture(scope="module")
def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_holds_every_file_of_the_package(contents: set[str]) -> None:
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "toto_django", cwd=ROOT)
    expected = {name for name in listed.splitlines() if (ROOT / name).is_file()}
    assert expected - contents == set()
    assert {"toto_django/py.typed", "toto_django/migrations/0001_initial.py"} <= contents


def test_wheel_holds_nothing_else(contents: set[str]) -> None:
    roots = {name.partition("/")[0] for name in contents}
    assert {root for root in roots if not root.endswith(".dist-info")} == {"toto_django"}
    assert not [name for name in contents if "__pycache__" in name or "/tests/" in name]


def test_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = archive.read(name).decode()
        assert any(name.endswith("/LICENSE") for name in archive.namelist())
    head, _, description = metadata.partition("\n\n")
    assert "Name: toto-django" in head
    assert "Requires-Python: >=3.11" in head
    assert "License-Expression: MIT" in head
    assert description.strip(), "the README is missing"


# The project


@pytest.fixture(scope="module")
def python(environment: Environment) -> Path:
    """The interpreter of a new environment with the wheel and uvicorn."""
    return environment("uvicorn")


@pytest.fixture(scope="module")
def project(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project with the app, one app of its own, and its tables."""
    project = tmp_path_factory.mktemp("project")
    run(python, "-m", "django", "startproject", "newcomer", ".", cwd=project)
    run(python, "manage.py", "startapp", "greetings", cwd=project)
    (project / "greetings" / "methods.py").write_text(METHODS)
    (project / "newcomer" / "urls.py").write_text(URLS)
    with open(project / "newcomer" / "settings.py", "a", encoding="utf-8") as settings:
        settings.write(SETTINGS)
    run(python, "manage.py", "migrate", cwd=project)
    return project


def test_installed_package_is_the_wheels(python: Path, project: Path) -> None:
    path = run(python, "-c", "import toto_django; print(toto_django.__file__)", cwd=project).strip()
    assert Path(path).is_relative_to(python.parent.parent)


def test_check_is_silent(python: Path, project: Path) -> None:
    output = run(python, "-W", "error", "manage.py", "check", "--fail-level", "DEBUG", cwd=project)
    assert output.strip() == "System check identified no issues (0 silenced)."


def test_migrations_are_complete(python: Path, project: Path) -> None:
    output = run(python, "manage.py", "makemigrations", "--check", "--dry-run", cwd=project)
    assert output.strip() == "No changes detected"


def test_commands_of_the_app_run(python: Path, project: Path) -> None:
    listed = run(python, "manage.py", "toto_methods", cwd=project)
    assert "greetings.hello" in listed
    assert "Greet." in listed
    assert run(python, "manage.py", "toto_clearsessions", cwd=project) == "0 expired sessions deleted.\n"


# The calls


def curl(url: str, body: bytes, *headers: str) -> tuple[dict[str, str], bytes]:
    """Headers (names in lower case) and body of the answer to a POST."""
    words = [word for header in ("Content-Type: application/json", *headers) for word in ("-H", header)]
    done = subprocess.run(
        [
            "curl",
            "--silent",
            "--show-error",
            "--include",
            "--max-time",
            "30",
            *words,
            "--data-binary",
            "@-",
            url,
        ],
        input=body,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    head, _, answer = done.stdout.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    assert " 200" in status, done.stdout.decode()
    pairs = (line.split(":", 1) for line in lines)
    return {name.lower(): value.strip() for name, value in pairs}, answer


def signature(key: str, message: bytes) -> str:
    return base64.b64encode(hmac.digest(key.encode(), message, hashlib.sha1)).decode()


@pytest.mark.parametrize("name", SERVERS)
def test_public_call_account_and_signed_call_are_answered(python: Path, project: Path, name: str) -> None:
    with serving(python, project, SERVERS[name]) as service:
        _, answer = curl(service, b'{"method": "greetings.hello", "parameters": {"name": "Anna"}}')
        assert json.loads(answer) == {"result": "Hello, Anna"}

        user_id = f"anna.{name}@example.test"
        account = {"user_id": user_id, "password": "correct horse battery staple"}
        headers, answer = curl(f"{service}/account.create", json.dumps(account).encode())
        session = json.loads(answer)["session"]
        assert session["user_id"] == user_id
        assert headers["x-toto-hmac"] == signature(user_id, answer)

        body = b'{"method": "greetings.whoami"}'
        signed = [f"x-toto-session-id: {session['session_id']}", f"x-toto-hmac: {signature(user_id, body)}"]
        headers, answer = curl(service, body, *signed)
        assert json.loads(answer)["result"] == user_id
        assert headers["x-toto-hmac"] == signature(user_id, answer)

        _, answer = curl(service, body, signed[0], "x-toto-hmac: wrong")
        assert json.loads(answer) == {"error": {"code": 1008, "value": "Invalid HMAC"}}
