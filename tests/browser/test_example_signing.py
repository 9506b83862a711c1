"""The example project's pages under the schemes that give each session a key, in Chromium."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import test_start_page as start_page
from tests.browser.chromium import CHROMIUM
from tests.browser.test_chat import Server
from tests.browser.test_start_page import ROOT, TIMEOUT, add_note, expect, sign_up

browser = start_page.browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
]

HEADERS = {
    "session_key": r"x-toto-hmac: [\w+/]{27}=\n",
    "v2": r"x-toto-hmac: v2:\d+:[\w-]+:[\w+/]{43}=\n",
}


@pytest.fixture(params=HEADERS)
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(scheme: str, tmp_path: Path) -> Iterator[Server]:
    """The example project with the scheme, and an empty database."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("EXAMPLE_")},
        "DJANGO_SETTINGS_MODULE": "example_project.settings",
        "EXAMPLE_SQLITE": str(tmp_path / "example.sqlite3"),
        "EXAMPLE_HMAC": scheme,
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    server = Server(tmp_path, environment)
    yield server
    server.stop()


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    """The start page, that of somebody new."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(server.address)
    expect(page.locator("#count")).to_have_text("0")
    yield page
    context.close()
    assert complaints == []


def test_both_pages_sign_in_one_session(page: Any, server: Server, scheme: str) -> None:
    page.get_by_role("button", name="Add one").click()
    expect(page.locator("#count")).to_have_text("1")
    sign_up(page, "ada")
    expect(page.locator("#exchanges")).to_contain_text('"key": "••••••••"')
    add_note(page, "Süßes 🎈")
    exchange = page.locator("#exchanges details[open]")
    expect(exchange.locator("summary")).to_have_text("notes.add answer signed ✓")
    expect(exchange.locator(".request")).to_contain_text(re.compile(HEADERS[scheme]))
    expect(page.locator("#wire .hint")).to_contain_text(scheme)

    page.goto(f"{server.address}/chat/")
    expect(page.locator("#user-id")).to_have_text("ada")
    for way, name in (("by long-poll", "long-poll"), ("over a web socket", "web socket")):
        page.get_by_label(way).check()
        expect(page.locator("#connection")).to_have_text(f"live, {name}")
        page.get_by_role("textbox", name="Message").fill(f"by {name}")
        page.keyboard.press("Enter")
        expect(page.locator("#messages .text").last).to_have_text(f"by {name}")
    page.get_by_role("button", name="Log out").click()
    expect(page.locator("#login")).to_be_visible()
