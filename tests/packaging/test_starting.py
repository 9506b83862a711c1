"""The starting points: from the wheel to a project that passes its tests and answers calls."""

import asyncio
import json
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.packaging.commands import run, serving
from tests.packaging.conftest import Environment
from toto_django.client import AsyncClient, Client

NAMES = ["accounts", "chat"]
PASSWORD = "a long walk on the beach"
SERVER = ["manage.py", "toto", "--port", "{port}"]
KEY = "k3jf8w9a7s6d5f4g3h2j1k0l9q8w7e6r5t4y3u2i1o0pmznxbcv"


@pytest.fixture(scope="module")
def python(wheel: Path, environment: Environment) -> Path:
    """The interpreter of a new environment, as docs/starting.md makes it."""
    return environment(f"{wheel}[server,typed]")


@pytest.fixture(scope="module")
def projects(python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """New projects with their tables, called ``my`` and the name of the starting point."""
    folder = tmp_path_factory.mktemp("projects")
    for name in NAMES:
        template = run(python, "-m", "toto_django.starting", name, cwd=folder).strip()
        run(python, "-m", "django", "startproject", "--template", template, f"my{name}", cwd=folder)
        run(python, "manage.py", "migrate", "--verbosity=0", cwd=folder / f"my{name}")
    return {name: folder / f"my{name}" for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_project_is_complete(python: Path, projects: dict[str, Path], name: str) -> None:
    project = projects[name]
    output = run(python, "-W", "error", "manage.py", "check", "--fail-level", "DEBUG", cwd=project)
    assert output.strip() == "System check identified no issues (0 silenced)."
    output = run(python, "manage.py", "makemigrations", "--check", "--dry-run", cwd=project)
    assert output.strip() == "No changes detected"
    assert not [path for path in project.rglob("*") if path.suffix.endswith("-tpl")]


@pytest.mark.parametrize("name", NAMES)
def test_its_own_tests_pass(python: Path, projects: dict[str, Path], name: str) -> None:
    output = run(python, "-W", "error", "manage.py", "test", cwd=projects[name])
    assert "\nOK\n" in output
    assert "Found 0 test(s)" not in output


def test_keys_are_made_anew(projects: dict[str, Path]) -> None:
    keys = {
        line
        for name, project in projects.items()
        for line in (project / f"my{name}" / "settings.py").read_text().splitlines()
        if "django-insecure-" in line
    }
    assert len(keys) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_little_is_left_to_do_for_deployment(python: Path, projects: dict[str, Path], name: str) -> None:
    environment = {"DJANGO_SECRET_KEY": KEY, "DJANGO_HTTPS": "1"}
    output = run(python, "manage.py", "check", "--deploy", cwd=projects[name], **environment)
    warnings = {line.split("(")[1].split(")")[0] for line in output.splitlines() if line.startswith("?: (")}
    assert warnings == {"security.W004", "toto_django.W023", "toto_django.W041", "toto_django.W054"}
    insecure = run(python, "manage.py", "check", "--deploy", cwd=projects[name])
    assert {"W008", "W009", "W012", "W016"} <= {word[-5:-1] for word in insecure.split() if word[0] == "("}


def test_accounts_answer_calls(python: Path, projects: dict[str, Path]) -> None:
    with serving(python, projects["accounts"], SERVER) as url, Client(f"{url}/", signing="v2") as client:
        profiles = client.methods.profiles
        assert profiles.hello(name="Ada") == "Hello, Ada!"
        client.create("ada", PASSWORD)
        profiles.change(display_name="Ada L.")
        client.logout()
        client.login("ada", PASSWORD)
        assert profiles.show() == {"user_id": "ada", "display_name": "Ada L."}


def test_chat_answers_calls_and_serves_its_page(python: Path, projects: dict[str, Path]) -> None:
    with serving(python, projects["chat"], SERVER, DJANGO_DEBUG="1") as url:
        asyncio.run(talk(f"{url}/"))
        root = url.removesuffix("/service")
        for path, text in (("/", "chat/chat.js"), ("/static/chat/chat.js", "toto.js")):
            with urlopen(root + path, timeout=30) as response:
                assert text in response.read().decode()
        with urlopen(f"{root}/service/openrpc.json", timeout=30) as response:
            assert "chat.post" in {each["name"] for each in json.load(response)["methods"]}


async def talk(url: str) -> None:
    """Two accounts, one at a web socket and one at a long-poll, both hear of a third one's message."""
    ada, grace, mary = (AsyncClient(url, signing="v2") for _ in range(3))
    async with ada, grace, mary:
        for name, client in {"ada": ada, "grace": grace, "mary": mary}.items():
            await client.create(name, PASSWORD)
        async with ada.socket() as socket:
            await socket.call("chat.subscribe")
            waiting = asyncio.create_task(grace.methods.chat.receive(after=0))
            await asyncio.sleep(0.5)
            assert not waiting.done()
            said = await mary.methods.chat.post(text="Hello")
            assert await waiting == [said]
            async for message in socket.messages():
                assert message.data == [said]
                break
