"""The console, in Chromium: over a service of the tests' own, in memory, under uvicorn."""

import base64
import hashlib
import hmac
import itertools
import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from tests.browser import test_start_page as start_page
from tests.browser.chromium import CHROMIUM
from tests.browser.console.harm import HARM
from tests.browser.serving import serving
from tests.browser.test_start_page import PASSWORD, TIMEOUT, expect
from toto_django.codecs import codec_for

browser = start_page.browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
]

VIOLATION = """document.addEventListener("securitypolicyviolation", (event) => {
    console.error(`violation: ${event.violatedDirective}`);
})"""
ORDER = {"name": "Ada", "count": 3, "size": "large", "streets": [{"name": "Ash"}]}
CONTENT_TYPES = {"JSON": "application/json", "BSON": "application/bson", "MessagePack": "application/msgpack"}
FORMATS = list(CONTENT_TYPES)


def served(folder: Path, toto: dict[str, Any]) -> AbstractContextManager[str]:
    """The address of a process with these settings."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.browser.console.settings",
        "TOTO_TEST_TOTO": json.dumps(toto),
    }
    return serving("tests.browser.console.asgi:application", folder, environment, "/console/")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("console"), {}) as address:
        sign_up(address)
        yield address


@pytest.fixture(scope="module")
def keyed_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a service that signs with session keys, knows no JSON, and takes names from URLs."""
    toto = {"HMAC": "session_key", "CODECS": ["msgpack", "bson"], "METHOD_SELECT": "url"}
    with served(tmp_path_factory.mktemp("keyed"), toto) as address:
        sign_up(address, "application/msgpack")
        yield address


@pytest.fixture(scope="module")
def v2_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("v2"), {"HMAC": "v2"}) as address:
        sign_up(address)
        yield address


@pytest.fixture(scope="module")
def upgrading_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("upgrading"), {"HMAC_UPGRADE": True}) as address:
        sign_up(address)
        yield address


@pytest.fixture
def v2(browser: Any, v2_address: str) -> Iterator[Any]:
    """The console of a service that signs by v2, logged in."""
    with visited(browser, v2_address) as page:
        log_in(page)
        yield page


def sign_up(address: str, content_type: str = "application/json") -> None:
    body = codec_for(content_type).dumps({"parameters": {"user_id": "ada", "password": PASSWORD}})
    url = f"{address}/mounted/here/account/create"
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    urllib.request.urlopen(request, timeout=30).close()


@contextmanager
def visited(browser: Any, address: str, **options: Any) -> Iterator[Any]:
    """The console. Afterwards: nothing in the browser's console, nothing harmed, nothing too wide."""
    context = browser.new_context(**{"viewport": {"width": 1360, "height": 900}, **options})
    context.add_init_script(VIOLATION)
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}/console/")
    expect(page.locator("#found")).to_have_text("16 methods")
    yield page
    assert page.evaluate("typeof harmed") == "undefined"
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    context.close()
    assert complaints == []


@pytest.fixture(params=[1360, 360], ids=["wide", "narrow"])
def page(request: pytest.FixtureRequest, browser: Any, address: str) -> Iterator[Any]:
    with visited(browser, address, viewport={"width": request.param, "height": 760}) as page:
        yield page


@pytest.fixture
def wide(browser: Any, address: str) -> Iterator[Any]:
    with visited(browser, address) as page:
        yield page


def choose(page: Any, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.locator("#method-title")).to_have_text(name)
    expect(page.locator("#method-title")).to_be_focused()


def fill(page: Any, values: dict[str, str]) -> None:
    for name, value in values.items():
        control = field(page, name)
        if control.evaluate("element => element.tagName") == "SELECT":
            control.select_option(label=value)
        else:
            control.fill(value)


def field(page: Any, name: str) -> Any:
    """The control whose label begins with a parameter's name."""
    label = page.locator("#parameters label", has=page.locator(f".name:text-is('{name}')")).first
    return page.locator(f"#{label.get_attribute('for')}")


def problem(page: Any, name: str, place: int = 0) -> Any:
    """What is said beside a parameter, or beside that of an item further down."""
    return page.locator(f"#parameters .field:has(> label .name:text-is('{name}')) > .problem").nth(place)


def as_json(page: Any, parameters: Any) -> None:
    page.get_by_role("radio", name="JSON").check()
    page.get_by_label("Parameters, as JSON").fill(json.dumps(parameters))


def send(page: Any) -> None:
    page.get_by_role("button", name="Send", exact=True).click()


def result(page: Any) -> Any:
    """The decoded result of a call."""
    expect(page.locator("#outcome")).to_contain_text("Result.")
    return json.loads(page.locator("#results pre").inner_text())


def log_in(page: Any) -> None:
    page.get_by_label("User ID").fill("ada")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#user-id")).to_have_text("ada")
    expect(page.get_by_role("button", name="Log out")).to_be_focused()


# The page


def test_methods_are_listed_by_app_and_filtered(page: Any) -> None:
    assert page.locator("#methods h3").all_inner_texts() == ["account", "client_error", "console"]
    search = page.get_by_role("searchbox", name="Filter methods")
    search.fill("count VISITS")
    expect(page.locator("#methods a:visible")).to_have_text(["console.visit"])
    expect(page.locator("#found")).to_have_text("1 of 16")
    search.press("Enter")
    expect(page.locator("#method-title")).to_have_text("console.visit")
    expect(page.locator("#methods a[aria-current]")).to_have_text("console.visit")


def test_address_names_the_method(wide: Any) -> None:
    choose(wide, "console.order")
    wide.reload()
    expect(wide.locator("#method-title")).to_have_text("console.order")
    expect(wide.locator("#method-docs")).to_contain_text("All of it comes back.")
    wide.go_back()
    wide.evaluate("location.hash = '%'")
    expect(wide.locator("#method-title")).to_have_text("console.order")


def test_everything_has_a_name_and_headings_are_in_order(wide: Any) -> None:
    choose(wide, "console.order")
    wide.get_by_role("button", name="Add item").first.click()
    unnamed = wide.evaluate(
        """() => [...document.querySelectorAll("input, select, textarea")].filter(
            (each) => !each.labels?.length && !each.ariaLabel).map((each) => each.outerHTML)"""
    )
    assert unnamed == []
    levels = wide.evaluate(
        "() => [...document.querySelectorAll('h1, h2, h3')].map((each) => Number(each.tagName[1]))"
    )
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    for landmark in ("banner", "navigation", "main"):
        expect(wide.get_by_role(landmark)).to_have_count(1)


# Forms


@pytest.mark.parametrize("format_name", FORMATS)
def test_typed_form_is_sent_in_each_format(page: Any, format_name: str) -> None:
    choose(page, "console.order")
    page.get_by_label("Format").select_option(label=format_name)
    fill(
        page,
        {"name": "Zoë 🎈", "count": "9007199254740993", "size": "large", "ratio": "0.5", "is_gift": "true"},
    )
    fill(page, {"extra": '{"deep": [1, null, "x"], "7": 9007199254740993}'})
    page.locator("fieldset.field:has(> legend .name:text-is('streets'))").get_by_role(
        "button", name="Add item"
    ).click()
    fill(page, {"number": "12"})
    page.locator(".item fieldset .field input").first.fill("Ash")
    tags = page.locator("fieldset.field:has(> legend .name:text-is('tags'))")
    for text in ("one", "two"):
        tags.get_by_role("button", name="Add item").click()
        page.keyboard.type(text)
    tags.get_by_role("button", name="Remove item 0").click()
    field(page, "name").press("Enter")
    assert result(page) == {
        "name": "Zoë 🎈",
        "count": 9007199254740993,
        "size": "large",
        "streets": [{"name": "Ash", "number": 12}],
        "ratio": 0.5,
        "is_gift": True,
        "note": "none",
        "tags": ["two"],
        "extra": {"deep": [1, None, "x"], "7": 9007199254740993},
    }
    for pre in ("Request line and headers", "Status and headers"):
        expect(page.get_by_role("group", name=pre)).to_contain_text(
            f"content-type: {CONTENT_TYPES[format_name]}"
        )


def test_what_is_left_out_is_not_sent(wide: Any) -> None:
    choose(wide, "console.order")
    as_json(wide, ORDER)
    wide.get_by_role("radio", name="Form").check()
    assert field(wide, "count").input_value() == "3"
    wide.locator(".field:has(> label .name:text-is('note'))").get_by_label("send empty").check()
    wide.locator(".field:has(> label .name:text-is('ratio'))").get_by_role("checkbox").check()
    wide.get_by_role("radio", name="JSON").check()
    sent = json.loads(wide.get_by_label("Parameters, as JSON").input_value())
    assert sent == {**ORDER, "note": "", "ratio": None}


def test_errors_of_the_service_stand_at_their_fields(page: Any) -> None:
    choose(page, "console.order")
    as_json(page, {**ORDER, "name": "A", "streets": [{"name": "Ash", "number": "x"}]})
    page.get_by_role("radio", name="Form").check()
    send(page)
    expect(problem(page, "number")).to_have_text("This is no number.")
    expect(page.locator("#outcome")).to_have_text("Nothing was sent yet.")
    fill(page, {"number": ""})
    send(page)
    expect(page.locator("#outcome")).to_contain_text("Error 1100.")
    expect(problem(page, "name")).to_have_text("Must have at least 2 characters.")
    expect(field(page, "name")).to_have_attribute("aria-invalid", "true")
    expect(field(page, "name")).to_be_focused()
    fill(page, {"name": "Ada", "count": ""})
    send(page)
    expect(page.locator("#outcome")).to_contain_text("Error 1003.")
    expect(problem(page, "count")).to_have_text("Missing.")
    expect(problem(page, "name")).to_have_text("")


def test_error_deep_in_a_list_stands_at_its_field(wide: Any) -> None:
    choose(wide, "console.order")
    as_json(wide, {**ORDER, "streets": [{"name": "Ash"}, {"name": "Elm", "number": 1.5}]})
    send(wide)
    expect(wide.locator("#parameters .problem")).to_contain_text("streets.1.number: Must be a whole number.")
    wide.get_by_role("radio", name="Form").check()
    send(wide)
    expect(problem(wide, "number", 1)).to_have_text("Must be a whole number.")
    expect(problem(wide, "number")).to_have_text("")


def test_mistakes_are_told_before_anything_is_sent(wide: Any) -> None:
    choose(wide, "console.order")
    fill(wide, {"count": "three"})
    send(wide)
    expect(problem(wide, "count")).to_have_text("This is no number.")
    expect(field(wide, "count")).to_be_focused()
    expect(wide.locator("#outcome")).to_have_text("Nothing was sent yet.")


def test_untyped_method_tells_what_its_decorators_know(page: Any) -> None:
    choose(page, "console.plain")
    expect(page.locator("#parameters dt")).to_have_text(["a", "c", "b"])
    editor = page.get_by_label("Parameters, as JSON")
    assert json.loads(editor.input_value()) == {"a": None, "c": None, "b": 2}
    editor.fill('{"a": "x"}')
    editor.press("Control+Enter")
    expect(page.locator("#parameters .problem")).to_have_text("c: Missing.")
    editor.fill('{"a": [1], "c": {"d": null}, "__proto__": 3}')
    send(page)
    assert result(page) == {"a": [1], "b": 2, "c": {"d": None}, "__proto__": 3}
    editor.fill("[")
    send(page)
    expect(page.locator("#parameters .problem")).to_contain_text("This is no JSON")


# Sessions and what goes over the wire


def test_login_signs_calls_and_verifies_answers(page: Any) -> None:
    log_in(page)
    choose(page, "console.whoami")
    send(page)
    assert result(page) == "ada"
    head = page.get_by_role("group", name="Request line and headers")
    expect(head).to_contain_text("POST /mounted/here/")
    expect(head).to_contain_text("x-toto-hmac: ")
    signatures = page.locator(".signature")
    expect(signatures.nth(0)).to_contain_text('HMAC-SHA1 of the body. Its key is the user id, "ada".')
    expect(signatures.nth(1)).to_contain_text("Right: ")
    page.reload()
    expect(page.locator("#user-id")).to_have_text("ada")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("User ID")).to_be_focused()
    choose(page, "console.whoami")
    send(page)
    expect(page.locator("#outcome")).to_contain_text("Error 1004.")


def test_wrong_password_is_told(wide: Any) -> None:
    wide.get_by_label("User ID").fill("ada")
    wide.get_by_label("Password", exact=True).fill("wrong")
    wide.keyboard.press("Enter")
    expect(wide.locator("#account-message")).to_have_text("1005 Invalid user ID or password")


def test_secrets_are_hidden_until_revealed_and_end_with_the_tab(wide: Any) -> None:
    log_in(wide)
    stored = wide.evaluate("() => ({ here: JSON.stringify(sessionStorage), kept: localStorage.length })")
    assert stored["kept"] == 0
    assert PASSWORD not in stored["here"]
    session_id = wide.evaluate("() => JSON.parse(Object.values(sessionStorage)[0]).session_id")
    choose(wide, "account.login")
    fill(wide, {"user_id": "ada", "password": PASSWORD})
    assert field(wide, "password").get_attribute("type") == "password"
    for format_name in FORMATS:
        wide.get_by_label("Format").select_option(label=format_name)
        send(wide)
        expect(wide.locator("#outcome")).to_contain_text("Result.")
        for as_hex in (True, False):
            wide.get_by_label("Bodies as hex").set_checked(as_hex)
            text = wide.locator("#answer").text_content().replace("\n", "")
            current = wide.evaluate("() => JSON.parse(Object.values(sessionStorage)[0]).session_id")
            assert not any(each in text for each in (PASSWORD, session_id, current))
    wide.get_by_role("button", name="Reveal secrets").click()
    expect(wide.locator("#answer")).to_contain_text(current)
    expect(wide.locator("#session-id")).to_have_text(current)
    assert wide.context.cookies() == []
    other = wide.context.new_page()
    other.goto(wide.url)
    expect(other.get_by_label("User ID")).to_be_visible()


def test_anonymous_session_goes_on(wide: Any) -> None:
    choose(wide, "console.visit")
    for visits in (1, 2):
        send(wide)
        expect(wide.locator("#results pre")).to_have_text(str(visits))
    expect(wide.locator("#user-id")).to_have_text("anonymous")
    wide.get_by_role("button", name="Log out").click()
    expect(wide.get_by_label("User ID")).to_be_focused()
    expect(wide.locator("#account-message")).to_have_text("")


def test_session_keys_and_names_in_urls(browser: Any, keyed_address: str) -> None:
    with visited(browser, keyed_address) as page:
        assert page.get_by_label("Format").locator("option").all_inner_texts() == ["MessagePack", "BSON"]
        log_in(page)
        choose(page, "console.whoami")
        for format_name in ("MessagePack", "BSON"):
            page.get_by_label("Format").select_option(label=format_name)
            send(page)
            assert result(page) == "ada"
            expect(page.locator(".signature").nth(0)).to_contain_text(
                "HMAC-SHA1 of POST/mounted/here/console.whoami, then the body. Its key is the session's key."
            )
            expect(page.locator(".signature").nth(1)).to_contain_text("Right: ")


@pytest.mark.parametrize("format_name", FORMATS)
def test_v2_shows_what_its_clients_have_to_sign(v2: Any, format_name: str) -> None:
    choose(v2, "console.whoami")
    v2.get_by_label("Format").select_option(label=format_name)
    v2.get_by_role("button", name="Reveal secrets").click()
    send(v2)
    assert result(v2) == "ada"
    signatures = v2.locator(".signature")
    expect(signatures.nth(0)).to_contain_text("HMAC-SHA256 of the lines below: ")
    expect(signatures.nth(1)).to_contain_text("Right: HMAC-SHA256 of the lines below: ")
    session = stored_session(v2)
    request, answer = (
        v2.get_by_role("group", name=f"Signed lines of the {each}").inner_text()
        for each in ("request", "answer")
    )
    version, verb, uri, session_id, seconds, nonce, digest = request.split("\n")
    assert (version, verb, uri, session_id) == ("v2", "POST", "/mounted/here/", session["session_id"])
    header = f"v2:{seconds}:{nonce}:{mac(session['key'], request)}"
    expect(v2.get_by_role("group", name="Request line and headers")).to_contain_text(f"x-toto-hmac: {header}")
    if format_name == "JSON":
        body = v2.get_by_role("group", name="Request body").inner_text()
        assert digest == hashlib.sha256(body.encode()).hexdigest()
    assert answer.split("\n")[:3] == ["v2 answer", session["session_id"], nonce]
    header = f"v2:{mac(session['key'], answer)}"
    expect(v2.get_by_role("group", name="Status and headers")).to_contain_text(f"x-toto-hmac: {header}")


def stored_session(page: Any) -> Any:
    return page.evaluate("() => JSON.parse(Object.values(sessionStorage)[0])")


def mac(key: str, message: str) -> str:
    return base64.b64encode(hmac.digest(key.encode(), message.encode(), "sha256")).decode()


def test_v2_hides_its_secrets_and_signs_anonymous_sessions(browser: Any, v2_address: str) -> None:
    with visited(browser, v2_address) as page:
        choose(page, "console.visit")
        for visits in (1, 2):
            send(page)
            expect(page.locator("#results pre")).to_have_text(str(visits))
            text = page.locator("#answer").text_content()
            session = stored_session(page)
            assert not any(session[name] in text for name in ("session_id", "key"))
        expect(page.locator(".signature").nth(0)).to_contain_text("Its key is the session's key.")


def test_v2_batch_is_signed_as_one(v2: Any) -> None:
    for name in ("console.whoami", "console.visit"):
        choose(v2, name)
        v2.get_by_role("button", name="Add to batch").click()
    for format_name in FORMATS:
        v2.get_by_label("Format").select_option(label=format_name)
        v2.get_by_role("button", name="Send batch").click()
        expect(v2.get_by_role("group", name="Request line and headers")).to_contain_text(
            CONTENT_TYPES[format_name]
        )
        expect(v2.locator("#outcome")).to_contain_text("2 answers, 0 errors.")
        expect(v2.get_by_role("group", name="Result of 01")).to_have_text('"ada"')


GET = """async () => {
    const { signAnswer, signRequest } = await import("/static/toto_django/toto.js");
    const { session_id: sessionId, user_id: userId, key } = JSON.parse(Object.values(sessionStorage)[0]);
    const session = { sessionId, userId, key };
    const uri = "/mounted/here/console/whoami";
    const { hmac } = signRequest("v2", session, { method: "GET", uri });
    const headers = { "x-toto-session-id": sessionId, "x-toto-hmac": hmac };
    const get = () => fetch(uri, { headers });
    const response = await get();
    const body = new Uint8Array(await response.arrayBuffer());
    const again = await (await get()).json();
    return {
        isRight: signAnswer("v2", session, { body, sent: hmac }).hmac === response.headers.get("x-toto-hmac"),
        answer: JSON.parse(new TextDecoder().decode(body)),
        again: again.error.code,
    };
}"""


def test_v2_get_request_is_signed_by_what_toto_js_exports(v2: Any) -> None:
    got = v2.evaluate(GET)
    assert got["answer"]["result"] == "ada"
    assert got["isRight"]
    assert got["again"] == 1008


BEHIND = "() => { const { now } = Date; Date.now = () => now() - 3_600_000; }"


def test_v2_clocks_that_differ_are_told_and_followed(v2: Any) -> None:
    choose(v2, "console.whoami")
    v2.evaluate(BEHIND)
    send(v2)
    expect(v2.locator("#outcome")).to_contain_text("Error 1008.")
    expect(v2.locator("#outcome")).to_contain_text(
        re.compile(r"The service's clock is 3,\d{3} s ahead of this browser's\. What you send next is signed")
    )
    send(v2)
    assert result(v2) == "ada"
    v2.reload()
    expect(v2.locator("#found")).to_have_text("16 methods")
    v2.evaluate(BEHIND)
    v2.get_by_role("button", name="Open").click()
    expect(v2.locator("#socket-state")).to_contain_text("code 4401. It did not take the signature")
    expect(v2.locator("#socket-state")).to_contain_text("s ahead of this browser's.")
    open_socket(v2, "JSON")


@pytest.mark.parametrize(
    ("is_v2", "hashed"), [(False, "HMAC-SHA1 of the body"), (True, "HMAC-SHA256 of the lines below")]
)
def test_session_is_signed_as_its_answers_say(
    browser: Any, upgrading_address: str, is_v2: bool, hashed: str
) -> None:
    with visited(browser, upgrading_address) as page:
        if is_v2:
            page.route(f"{upgrading_address}/mounted/here/", asking_for_v2, times=1)
        log_in(page)
        choose(page, "console.whoami")
        for _ in range(2):
            send(page)
            assert result(page) == "ada"
            expect(page.locator(".signature").nth(0)).to_contain_text(hashed)
            expect(page.locator(".signature").nth(1)).to_contain_text(f"Right: {hashed}")
        page.reload()
        expect(page.locator("#method-title")).to_have_text("console.whoami")
        open_socket(page, "MessagePack")
        page.get_by_role("button", name="Send over socket").click()
        expect(page.locator("#frames li.received")).to_contain_text('"result":"ada"')
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("User ID")).to_be_focused()
        expect(page.locator("#account-message")).to_have_text("")


def test_v2_session_takes_no_answer_that_is_signed_otherwise(browser: Any, upgrading_address: str) -> None:
    def signed_by_user_id(route: Any) -> None:
        response = route.fetch()
        digest = hmac.digest(b"ada", response.body(), "sha1")
        headers = {**response.headers, "x-toto-hmac": base64.b64encode(digest).decode()}
        route.fulfill(response=response, headers=headers)

    with visited(browser, upgrading_address) as page:
        service = f"{upgrading_address}/mounted/here/"
        page.route(service, asking_for_v2, times=1)
        log_in(page)
        page.route(service, signed_by_user_id)
        choose(page, "console.whoami")
        send(page)
        expect(page.locator("#outcome")).to_contain_text("The signature is wrong.")
        expect(page.locator(".signature").nth(1)).to_contain_text("Wrong: HMAC-SHA256")


def asking_for_v2(route: Any) -> None:
    route.continue_(headers={**route.request.headers, "x-toto-hmac": "v2"})


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")


@needs_curl
@pytest.mark.parametrize("format_name", FORMATS)
def test_copied_curl_command_is_the_same_call(browser: Any, address: str, format_name: str) -> None:
    with visited(browser, address, permissions=["clipboard-read", "clipboard-write"]) as page:
        log_in(page)
        choose(page, "console.plain")
        page.get_by_label("Format").select_option(label=format_name)
        as_json(page, {"a": "it's $HOME `x` \\ \n ☃", "c": 1})
        send(page)
        expected = result(page)
        command = copied_command(page)
    assert "x-toto-session-id: " in command
    assert "x-toto-hmac: " in command
    assert answer_to(command, format_name)["result"] == expected


@needs_curl
@pytest.mark.parametrize("format_name", FORMATS)
def test_v2_curl_command_is_signed_anew(browser: Any, v2_address: str, format_name: str) -> None:
    with visited(browser, v2_address, permissions=["clipboard-read", "clipboard-write"]) as page:
        log_in(page)
        choose(page, "console.whoami")
        page.get_by_label("Format").select_option(label=format_name)
        send(page)
        assert result(page) == "ada"
        commands = [copied_command(page), copied_command(page)]
    assert [answer_to(command, format_name)["result"] for command in commands] == ["ada", "ada"]
    assert answer_to(commands[0], format_name)["error"]["code"] == 1008


def copied_command(page: Any) -> str:
    page.locator("details.part").evaluate("details => { details.open = true; }")
    page.get_by_role("button", name="Copy as curl").click()
    expect(page.get_by_text("Copied, with its secrets.")).to_be_visible()
    return str(page.evaluate("navigator.clipboard.readText()"))


def answer_to(command: str, format_name: str) -> Any:
    done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=30, check=True)
    return codec_for(CONTENT_TYPES[format_name]).loads(done.stdout)


def test_empty_and_raw_answers_are_shown(wide: Any) -> None:
    choose(wide, "console.nothing")
    send(wide)
    expect(wide.locator("#outcome")).to_contain_text("An empty answer")
    choose(wide, "console.picture")
    send(wide)
    expect(wide.locator("#outcome")).to_contain_text("application/octet-stream")
    expect(wide.get_by_role("group", name="Answer body")).to_contain_text("ff fe 00 70")


def test_call_that_waits_is_cancelled(wide: Any) -> None:
    choose(wide, "console.wait")
    send(wide)
    expect(wide.locator("#outcome")).to_have_text("Waiting …")
    wide.get_by_role("button", name="Cancel").click()
    expect(wide.locator("#outcome")).to_have_text("Cancelled.")
    expect(wide.get_by_role("button", name="Send", exact=True)).to_be_focused()


def test_what_a_format_cannot_hold_is_not_sent(wide: Any) -> None:
    choose(wide, "console.plain")
    wide.get_by_label("Format").select_option(label="BSON")
    wide.get_by_label("Parameters, as JSON").fill('{"a": 9223372036854775808, "c": 1}')
    send(wide)
    expect(wide.locator("#outcome")).to_have_text("Nothing was sent: BSON has integers of 64 bits only.")


# Batches and web sockets


@pytest.mark.parametrize("format_name", FORMATS)
def test_batch_shows_each_member(page: Any, format_name: str) -> None:
    log_in(page)
    for name in ("console.whoami", "console.shout", "console.nothing", "console.visit"):
        choose(page, name)
        if name == "console.shout":
            fill(page, {"text": "hello"})
        page.get_by_role("button", name="Add to batch").click()
    page.get_by_role("button", name="Remove 03, console.nothing").click()
    expect(page.get_by_role("button", name="Remove 03, console.visit")).to_be_focused()
    choose(page, "console.plain")
    page.get_by_label("Parameters, as JSON").fill("{}")
    page.get_by_role("button", name="Add to batch").click()
    page.get_by_label("Format").select_option(label=format_name)
    page.get_by_role("button", name="Send batch").click()
    expect(page.locator("#outcome")).to_contain_text("4 answers, 1 errors.")
    expect(page.locator("#results h3")).to_have_text(
        ["01 console.whoami", "02 console.shout", "03 console.visit", "04 console.plain"]
    )
    expect(page.get_by_role("group", name="Result of 01")).to_have_text('"ada"')
    expect(page.get_by_role("group", name="Error of 04")).to_contain_text("1003")
    page.get_by_role("button", name="Clear batch").click()
    expect(page.locator("#members li")).to_have_count(0)
    expect(page.locator("#batch-title")).to_be_focused()


def open_socket(page: Any, format_name: str) -> None:
    page.locator("#frame-format").select_option(label=format_name)
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#socket-state")).to_contain_text("Open, ")


@pytest.mark.parametrize("format_name", FORMATS)
def test_socket_shows_frames_as_they_come(page: Any, format_name: str) -> None:
    log_in(page)
    open_socket(page, format_name)
    expect(page.locator("#socket-state")).to_have_text("Open, as ada.")
    choose(page, "console.follow")
    page.get_by_role("button", name="Send over socket").click()
    frames = page.locator("#frames li")
    expect(frames).to_have_count(2)
    expect(frames.first).to_contain_text('{"id":1,"result":null}')
    choose(page, "console.shout")
    fill(page, {"text": "hello"})
    send(page)
    expect(page.locator("#frames li.received code").first).to_have_text(
        '{"message_id":"shout","data":"hello 0"}'
    )
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#socket-state")).to_have_text("Closed.")


@pytest.mark.parametrize("format_name", FORMATS)
def test_v2_socket_is_opened_with_a_signature(v2: Any, format_name: str) -> None:
    open_socket(v2, format_name)
    choose(v2, "console.whoami")
    v2.get_by_role("button", name="Send over socket").click()
    expect(v2.locator("#frames li.received")).to_contain_text('"result":"ada"')


def test_frames_are_paused_cleared_and_bounded(wide: Any) -> None:
    choose(wide, "console.follow")
    wide.get_by_role("button", name="Send over socket").click()
    frames = wide.locator("#frames li")
    expect(frames).to_have_count(2)
    choose(wide, "console.shout")
    fill(wide, {"text": "hello", "times": "2"})
    wide.get_by_role("button", name="Pause").click()
    send(wide)
    expect(wide.locator("#socket-state")).to_contain_text("2 new, paused.")
    expect(frames).to_have_count(2)
    wide.get_by_role("button", name="Pause").click()
    expect(frames).to_have_count(4)
    wide.get_by_role("button", name="Clear", exact=True).click()
    expect(frames).to_have_count(0)
    fill(wide, {"times": "230"})
    send(wide)
    expect(frames.first).to_contain_text("hello 229")
    expect(frames).to_have_count(200)


# Harm


@pytest.mark.parametrize("format_name", FORMATS)
def test_harmful_texts_are_texts(page: Any, format_name: str) -> None:
    name = f"harm.{HARM}"
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.locator("#method-title")).to_have_text(name)
    expect(page.locator("#method-docs .description")).to_have_text(HARM)
    expect(page.locator("#parameters")).to_contain_text(HARM)
    page.get_by_label("Format").select_option(label=format_name)
    page.locator("summary", has_text="Result and errors").click()
    expect(page.locator(".errors")).to_contain_text(HARM)
    page.get_by_role("button", name="Add to batch").click()
    page.get_by_role("button", name="Send over socket").click()
    expect(page.locator("#frames li.received")).to_contain_text(HARM)
    send(page)
    assert result(page) == {HARM: [HARM]}
    page.get_by_role("button", name="Send batch").click()
    expect(page.locator("#results h3")).to_contain_text(HARM)
    choose(page, "harm.error")
    send(page)
    expect(page.locator("#call-message")).to_contain_text(HARM)
    assert page.locator("img, main script, .wire script, nav script").count() == 0


# Without a mouse


def test_keyboard_alone_is_enough(wide: Any) -> None:
    def press(*keys: str) -> None:
        for key in keys:
            wide.keyboard.press(key)

    press("Tab")
    expect(wide.get_by_role("link", name="Skip to the method")).to_be_focused()
    press("Tab")
    wide.keyboard.type("ada")
    press("Tab")
    wide.keyboard.type(PASSWORD)
    press("Enter")
    expect(wide.get_by_role("button", name="Log out")).to_be_focused()
    press("Tab")
    wide.keyboard.type("tell all")
    press("Tab")
    expect(wide.get_by_role("link", name="console.shout")).to_be_focused()
    assert wide.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    press("Enter")
    expect(wide.locator("#method-title")).to_be_focused()
    press("Tab", "Tab", "Tab", "Tab")
    expect(field(wide, "text")).to_be_focused()
    wide.keyboard.type("hello")
    press("Enter")
    expect(wide.locator("#outcome")).to_contain_text("Result.")
    reached = set()
    for _ in range(60):
        press("Tab")
        reached.add(wide.evaluate("document.activeElement.id || document.activeElement.ariaLabel || ''"))
    assert {
        "send",
        "add",
        "over-socket",
        "as-hex",
        "Answer body",
        "open-socket",
        "reveal",
        "search",
    } <= reached


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_background(browser: Any, address: str, scheme: str) -> None:
    with visited(browser, address, color_scheme=scheme) as page:
        choose(page, "console.order")
        send(page)
        expect(page.locator("#outcome")).to_contain_text("Error 1003.")
        contrasts = page.evaluate(CONTRASTS)
        assert contrasts
        assert min(contrasts.values()) >= 4.5, contrasts


CONTRASTS = """() => {
    const rgb = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = (color) => rgb(color).slice(0, 3).map((each) => each / 255)
        .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
        .reduce((sum, each, index) => sum + each * [0.2126, 0.7152, 0.0722][index], 0);
    const background = (element) => {
        const { backgroundColor } = getComputedStyle(element);
        return rgb(backgroundColor)[3] === 0 ? background(element.parentElement) : backgroundColor;
    };
    const found = {};
    for (const element of document.querySelectorAll("body *")) {
        const isText = [...element.childNodes].some((each) => each.nodeType === 3 && each.data.trim());
        if (!isText || !element.checkVisibility() || element.matches("noscript, option")) continue;
        const both = [light(getComputedStyle(element).color), light(background(element))];
        const name = `${element.tagName} ${element.className} ${element.textContent.slice(0, 20)}`;
        found[name] = (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
    }
    return found;
}"""


# Formats

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
keys = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
)
POWERS = [2**exponent for exponent in (5, 7, 8, 15, 16, 31, 32, 53)]
SIZES = [0, 15, 16, 31, 32, 255, 256, 65_535, 65_536]
"""Where the formats begin to write numbers and lengths in another way."""

RECODE = """async ([name, base64]) => {
    const { FORMATS } = await import("/static/toto_django/console/formats.js");
    const { toBase64 } = await import("/static/toto_django/console/bytes.js");
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return toBase64(FORMATS[name].encode(FORMATS[name].decode(bytes)));
}"""

each_format = pytest.mark.parametrize("name", ["json", "bson", "msgpack"])


def containers(items: Any) -> Any:
    return st.one_of(st.lists(items, max_size=20), st.dictionaries(keys, items, max_size=20))


def recoded(page: Any, name: str, value: Any) -> Any:
    """What the server reads of what the page wrote of what it read of what the server wrote."""
    codec = codec_for(f"application/{name}")
    returned = page.evaluate(RECODE, [name, base64.b64encode(codec.dumps(value)).decode()])
    return codec.loads(base64.b64decode(returned))


@each_format
def test_formats_agree_with_the_servers(wide: Any, name: str) -> None:
    leaves = scalars if name == "json" else st.one_of(scalars, st.binary(max_size=40))

    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    @given(value=st.dictionaries(keys, st.recursive(leaves, containers, max_leaves=30), max_size=5))
    def check(value: Any) -> None:
        assert recoded(wide, name, value) == value

    check()


@each_format
def test_formats_agree_where_they_write_differently(wide: Any, name: str) -> None:
    integers = [sign * power + step for power in POWERS for sign in (1, -1) for step in (-1, 0, 1)]
    value = {
        "integers": [*integers, 2**63 - 1, -(2**63), *([2**63, 2**64 - 1] if name == "msgpack" else [])],
        "texts": ["x" * size for size in SIZES],
        "lists": [[None] * size for size in SIZES[:-2]] + [[1] * 70_000],
        "objects": [{f"k{index}": index for index in range(size)} for size in (*SIZES[:-2], 70_000)],
        "bytes": [] if name == "json" else [bytes(size) for size in SIZES],
    }
    assert recoded(wide, name, value) == value


def test_json_keeps_integers_of_any_size(wide: Any) -> None:
    value = {"big": [10**40, -(10**40), 1e300, 2.0**60]}
    assert recoded(wide, "json", value) == value
