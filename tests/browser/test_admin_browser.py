"""The admin, in Chromium."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from pytest_django.live_server_helper import LiveServer

from tests.admin.site import admin_installed, signed_call
from tests.browser.chromium import CHROMIUM, FLAGS
from toto_django import accounts, sessions

playwright = pytest.importorskip("playwright.sync_api")

expect = playwright.expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
]


@pytest.fixture(scope="module", autouse=True)
def _site(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), admin_installed():
        # Playwright runs an event loop in this thread, where Django would refuse the ORM.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield


@pytest.fixture(scope="module")
def browser(_site: None) -> Iterator[Any]:
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def address(_site: None, transactional_db: None) -> Iterator[str]:
    """A server of its own, since the one that tests share may have been started without the admin."""
    server = LiveServer("127.0.0.1")
    yield server.url
    server.stop()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The admin's first page, logged in; a test fails that leaves an error in the console."""
    get_user_model().objects.create_superuser("root", password="a password")
    page = browser.new_page(base_url=address)
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if _is_error(message) else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto("/admin/")
    page.get_by_label("Username").fill("root")
    page.get_by_label("Password").fill("a password")
    page.get_by_role("button", name="Log in").click()
    yield page
    page.close()
    assert errors == []


def _is_error(message: Any) -> bool:
    return message.type == "error" and not message.location["url"].endswith("/favicon.ico")


def wire_error(page: Any, session: sessions.Session) -> Any:
    """The error code with which a call of this session is answered; None when it is welcome."""
    body, headers = signed_call(session)
    answer = page.request.post(
        "/service/", data=body, headers={"content-type": "application/json", **headers}
    )
    return answer.json().get("error", {}).get("code")


def run_action(page: Any, name: str, selected: str) -> None:
    page.get_by_role("checkbox", name=selected).check()
    page.get_by_label("Action:").select_option(name)
    page.locator(".actions button[type=submit]").click()


def visit_account(page: Any, user_id: str) -> None:
    page.goto("/admin/toto_django/account/")
    page.get_by_role("link", name=user_id, exact=True).click()


def test_an_account_is_created_and_gets_a_password(page: Any) -> None:
    page.get_by_role("link", name="Accounts").click()
    page.get_by_role("link", name="Add account").click()
    page.get_by_label("User ID").fill("Alice")
    page.get_by_label("Password:").fill("first password")
    page.get_by_label("Password confirmation").fill("first password")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("was added successfully")
    assert accounts.authenticate("alice", "first password") == "alice"

    live = sessions.create_session("alice")
    page.get_by_role("link", name="Set password").click()
    page.get_by_label("Password:").fill("second password")
    page.get_by_label("Password confirmation").fill("another")
    page.get_by_role("button", name="Set password").click()
    expect(page.locator(".errorlist")).to_have_text("The two password fields didn’t match.")  # noqa: RUF001
    page.get_by_label("Password:").fill("second password")
    page.get_by_label("Password confirmation").fill("second password")
    page.get_by_role("button", name="Set password").click()
    expect(page.locator(".messagelist")).to_contain_text("Password changed successfully.")
    assert accounts.authenticate("alice", "second password") == "alice"
    assert wire_error(page, live) == 1004


def test_a_generated_password_is_shown_once(page: Any) -> None:
    accounts.create_account("alice", "old password")
    live = sessions.create_session("alice")
    visit_account(page, "alice")
    page.get_by_role("link", name="Generate password").click()
    page.get_by_role("button", name="Generate password").click()
    password = page.locator(".messagelist code").inner_text()
    assert accounts.authenticate("alice", password) == "alice"
    assert wire_error(page, live) == 1004
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("link", name="Generate password")).to_be_visible()
    assert password not in page.content()


def test_an_account_is_logged_out_everywhere(page: Any) -> None:
    accounts.create_account("alice", "old password")
    live = sessions.create_session("alice")
    visit_account(page, "alice")
    expect(page.locator(".field-session_count .readonly")).to_have_text("1")
    page.get_by_role("link", name="Log out everywhere").click()
    page.get_by_role("button", name="Log out everywhere").click()
    expect(page.locator(".messagelist")).to_have_text("1 session was ended.")
    expect(page.locator(".field-session_count .readonly")).to_have_text("0")
    assert wire_error(page, live) == 1004


def test_selected_accounts_are_deactivated(page: Any) -> None:
    accounts.create_account("alice", "old password")
    live = sessions.create_session("alice")
    page.goto("/admin/toto_django/account/")
    run_action(page, "deactivate", "alice")
    expect(page.locator(".messagelist")).to_have_text("1 account was deactivated.")
    assert wire_error(page, live) == 1004


def test_properties_are_edited_while_a_method_changes_others(page: Any) -> None:
    accounts.create_account("alice", "old password", {"name": "Alice <b>", "score": 1, "old": True})
    visit_account(page, "alice")
    properties = page.get_by_label("Properties:")
    expect(properties).to_have_value('{\n  "name": "Alice <b>",\n  "score": 1,\n  "old": true\n}')
    account = accounts.Account("alice")
    account["score"] = 2
    account.save()
    properties.fill('{"name": "Älice", "score": 1,')
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errorlist")).to_contain_text("This is not JSON")
    properties.fill('{"name": "Älice", "score": 1}')
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("was changed successfully")
    assert dict(accounts.Account("alice")) == {"name": "Älice", "score": 2}


def test_a_session_is_looked_at_and_revoked(page: Any) -> None:
    accounts.create_account("alice", "old password")
    live = sessions.create_session("alice")
    live["cart"] = {"<script>alert(1)</script>": [1, 2]}
    live.save()
    page.goto("/admin/toto_django/account/")
    page.get_by_role("link", name="1", exact=True).click()
    page.locator("#result_list").get_by_role("link", name="alice").click()
    state = page.locator(".field-state_json pre")
    expect(state).to_have_text('{ "cart": { "<script>alert(1)</script>": [ 1, 2 ] } }')
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("button", name="Yes").click()
    expect(page.locator(".messagelist")).to_contain_text("was revoked")
    assert wire_error(page, live) == 1004


def test_selected_sessions_are_revoked(page: Any) -> None:
    live = sessions.create_session("")
    page.goto("/admin/toto_django/session/")
    run_action(page, "delete_selected", "anonymous")
    expect(page.locator(".messagelist")).to_have_text("1 session was revoked.")
    assert sessions.load_session(live.session_id) is None
