"""The example project's start page, in Chromium, over the example project under uvicorn."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.browser.chromium import CHROMIUM, FLAGS
from tests.browser.serving import ROOT, serving

playwright = pytest.importorskip("playwright.sync_api")

TIMEOUT = 30_000
"""Milliseconds, for machines that are busy while passwords are hashed."""
PASSWORD = "a long walk on the beach"
expect = playwright.expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the example project, with an empty database."""
    folder = tmp_path_factory.mktemp("example")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EXAMPLE_")}
    environment |= {
        "DJANGO_SETTINGS_MODULE": "example_project.settings",
        "EXAMPLE_SQLITE": str(folder / "example.sqlite3"),
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    with serving("example_project.asgi:application", folder, environment) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator["playwright.Browser"]:
    expect.set_options(timeout=TIMEOUT)
    with playwright.sync_playwright() as api:
        browser = api.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=[(1280, 900), (360, 740)], ids=["wide", "narrow"])
def page(
    request: pytest.FixtureRequest, server: str, browser: "playwright.Browser"
) -> Iterator["playwright.Page"]:
    """The start page of a new visitor. Afterwards: nothing in the console, nothing wider than the window."""
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(server)
    expect(page.locator("#count")).to_have_text("0")
    yield page
    widest = page.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert complaints == []
    assert widest <= width


@pytest.fixture
def user_id(request: pytest.FixtureRequest) -> str:
    """A new one for each test."""
    return re.sub(r"\W+", "-", request.node.name)


def log_in(page: "playwright.Page", user_id: str, button: str = "Log in") -> None:
    page.get_by_label("User ID").fill(user_id)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name=button).click()
    expect(message(page, "account")).to_have_text("Welcome!")
    expect(page.locator("#user-id")).to_have_text(user_id.lower())


def sign_up(page: "playwright.Page", user_id: str) -> None:
    log_in(page, user_id, "Sign up")


def add_note(page: "playwright.Page", text: str) -> None:
    page.get_by_label("New note").fill(text)
    page.get_by_role("button", name="Add note").click()
    expect(notes(page).first).to_have_text(text)


def notes(page: "playwright.Page") -> "playwright.Locator":
    return page.locator("#note-list .text")


def message(page: "playwright.Page", section: str) -> "playwright.Locator":
    return page.locator(f"#{section} .message")


def test_visitor_counts_in_an_anonymous_session(page: "playwright.Page") -> None:
    for expected in ("1", "2", "3"):
        page.get_by_role("button", name="Add one").click()
        expect(page.locator("#count")).to_have_text(expected)
    page.reload()
    expect(page.locator("#count")).to_have_text("3")
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#count")).to_have_text("0")
    expect(page.locator("#login")).to_be_visible()
    expect(page.locator("#notebook")).to_be_hidden()


def test_account_from_sign_up_to_the_next_login(page: "playwright.Page", user_id: str) -> None:
    sign_up(page, user_id.upper())
    page.get_by_label("Display name").fill("Ada Lovelace")
    page.get_by_role("button", name="Save name").click()
    expect(message(page, "account")).to_have_text("Name saved.")
    add_note(page, "A note from the first session")

    page.get_by_role("button", name="Log out").click()
    expect(message(page, "account")).to_have_text("You are logged out.")
    expect(page.locator("#notebook")).to_be_hidden()
    expect(notes(page)).to_have_count(0)

    log_in(page, user_id)
    expect(notes(page)).to_have_text(["A note from the first session"])
    expect(page.get_by_label("Display name")).to_have_value("Ada Lovelace")


def test_login_with_a_wrong_password_says_so(page: "playwright.Page") -> None:
    page.get_by_label("User ID").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(message(page, "account")).to_have_text("Invalid user ID or password (error 1005)")
    expect(page.locator("#login")).to_be_visible()


def test_notes_are_added_edited_and_deleted(page: "playwright.Page", user_id: str) -> None:
    sign_up(page, user_id)
    add_note(page, "Buy <b>milk</b>")
    add_note(page, "Süßes 🎈 für Ada")
    page.get_by_role("button", name="Edit note: Buy").click()
    editor = page.get_by_label("Note", exact=True).filter(visible=True)
    expect(editor).to_be_focused()
    editor.fill("Buy oats\nand apples")
    page.get_by_role("button", name="Save note").click()
    expect(message(page, "notes")).to_have_text("Note saved.")
    page.get_by_role("button", name="Delete note: Süßes").click()
    expect(message(page, "notes")).to_have_text("Note deleted.")
    page.reload()
    expect(notes(page)).to_have_text(["Buy oats and apples"])


def test_signed_request_and_answer_are_shown(page: "playwright.Page", user_id: str) -> None:
    sign_up(page, user_id)
    sign_up_request = page.locator("#exchanges details[open] .request")
    expect(sign_up_request).to_contain_text('"password":"••••••••"')
    page.get_by_label("Method", exact=True).fill("notes.profile")
    page.get_by_label("Parameters, as JSON").fill("")
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.locator("#call .result")).to_contain_text(user_id)
    exchange = page.locator("#exchanges details[open]")
    expect(exchange.locator("summary")).to_have_text("notes.profile answer signed ✓")
    expect(exchange.locator(".request")).to_contain_text(re.compile(r"x-toto-hmac: \S{28}\n"))
    expect(exchange.locator(".answer")).to_contain_text(re.compile(r"^200[^{]*x-toto-hmac: \S{28}\n"))


def test_errors_of_a_call_are_shown(page: "playwright.Page") -> None:
    page.get_by_label("Method", exact=True).fill("no.such.method")
    page.get_by_role("button", name="Call", exact=True).click()
    expect(message(page, "call")).to_have_text("Cannot call 'no.such.method'. (error 1001)")
    page.get_by_label("Parameters, as JSON").fill("{")
    page.get_by_role("button", name="Call", exact=True).click()
    expect(message(page, "call")).to_contain_text("This is no JSON")


def test_batch_answers_each_member(page: "playwright.Page") -> None:
    page.get_by_role("button", name="Send").click()
    result = page.locator("#batch .result")
    expect(result).to_contain_text('"result": "Hello, Ada!"')
    expect(result).to_contain_text('"code": 1004')
    expect(page.locator("#count")).to_have_text("1")


def test_page_logs_out_when_its_session_has_ended(page: "playwright.Page", user_id: str) -> None:
    sign_up(page, user_id)
    page.evaluate(
        """() => {
            const stored = localStorage.getItem("toto_django.example.session");
            const session = { ...JSON.parse(stored), session_id: "A".repeat(22) };
            localStorage.setItem("toto_django.example.session", JSON.stringify(session));
        }"""
    )
    page.get_by_label("New note").fill("too late")
    page.get_by_role("button", name="Add note").click()
    expect(message(page, "notes")).to_have_text("Not authorized (error 1004)")
    expect(message(page, "account")).to_have_text("You are logged out.")
    expect(page.locator("#login")).to_be_visible()


def test_another_tab_follows_login_and_logout(page: "playwright.Page", user_id: str) -> None:
    other = page.context.new_page()
    other.goto(page.url)
    sign_up(page, user_id)
    expect(other.locator("#user-id")).to_have_text(user_id)
    other.get_by_role("button", name="Log out").click()
    expect(page.locator("#login")).to_be_visible()


def test_keyboard_alone_is_enough(page: "playwright.Page", user_id: str) -> None:
    page.get_by_label("User ID").focus()
    page.keyboard.type(user_id)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    for key in ("Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#account-title")).to_be_focused()
    expect(page.locator("#user-id")).to_have_text(user_id)
