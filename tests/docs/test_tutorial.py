"""docs/tutorial.md is followed from an empty folder: files written, commands run, the service called."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import CHROMIUM, FLAGS
from tests.docs.pages import DOCS, Block, add_python, blocks
from tests.docs.shell import Shell
from tests.servers.base import free_port
from toto_django.client import Client, NotAuthorized

pytestmark = pytest.mark.server

TIMEOUT = 30_000
"""Milliseconds."""
PAGE = DOCS / "tutorial.md"
INSTALLATION = {
    "python3 -m venv venv && . venv/bin/activate": "true",
    'python -m pip install --quiet "/path/to/toto-django[server,client,typed]"': "true",
}
"""The environment of the tests has it all; tests/packaging installs the project into a new one."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of the service at the end of the tutorial."""
    folder = tmp_path_factory.mktemp("empty")
    port = str(free_port())
    leading = ("PYTHON", "DJANGO_", "TOTO_", "COVERAGE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(leading)}
    environment["PYTHONUNBUFFERED"] = "1"  # As in a terminal.
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    shell = Shell(folder, environment, {**INSTALLATION, "8000": port})
    *steps, stop = blocks(PAGE)
    assert "--stop" in stop.code
    try:
        for block in steps:
            follow(block, folder / "tutorial", shell)
        yield f"127.0.0.1:{port}"
        shell.follow(stop.code)
    finally:
        shell.process.stdin.write("python manage.py toto --stop\n")  # type: ignore[union-attr]
        shell.close()


def follow(block: Block, project: Path, shell: Shell) -> None:
    if block.language == "console":
        shell.follow(block.code)
        return
    [name] = block.paths
    code = block.code.replace("8000", shell.substitutes["8000"])
    path = project / name if "/" in name or name.startswith("try_") else next(project.glob(f"**/{name}"))
    if name.endswith(".py"):
        if name in {"mysite/urls.py", "mysite/asgi.py", "talk/models.py"}:
            path.unlink()
        add_python(path, code)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(with_function(path.read_text(), code) if path.exists() else code)


def with_function(script: str, function: str) -> str:
    """The script with another function of that name."""
    head = function.partition("{")[0]
    replaced, count = re.subn(
        rf"^{re.escape(head)}\{{.*?^\}}\n", lambda _: function, script, flags=re.M | re.S
    )
    assert count == 1, head
    return replaced


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(f"http://{address}/service/") as client:
        yield client


def test_said_is_heard_and_listed(client: Client) -> None:
    client.login("grace", "a short swim")
    said = client.methods.talk.say(text="The end?")
    assert said in client.methods.talk.listed(after=said["id"] - 1)
    assert client.methods.talk.heard(after=said["id"] - 1) == [said]


def test_strangers_hear_nothing(client: Client) -> None:
    for name in ("say", "listed", "heard", "follow"):
        with pytest.raises(NotAuthorized):
            client.call(f"talk.{name}", {"text": "?"} if name == "say" else {})


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_two_people_talk_on_the_page(address: str) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as api:
        browser = api.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        linus, margaret = (browser.new_context().new_page() for _ in range(2))
        for page, name in ((linus, "linus"), (margaret, "margaret")):
            page.set_default_timeout(TIMEOUT)
            page.goto(f"http://{address}/")
            page.fill("[name=user_id]", name)
            page.fill("[name=password]", "a long walk")
            page.click("[name=create]")
            page.wait_for_selector("#say:visible")
        linus.fill("[name=text]", "<b>Hello</b>")
        linus.press("[name=text]", "Enter")
        for page in (margaret, linus):
            page.get_by_text("linus: <b>Hello</b>").wait_for()
        browser.close()
