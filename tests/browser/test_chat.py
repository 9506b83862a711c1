"""The example project's chat: two browsers, in Chromium, over one process of uvicorn and over two."""

import itertools
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.browser import test_start_page as start_page
from tests.browser.chromium import CHROMIUM
from tests.browser.serving import ROOT, wait_for
from tests.browser.test_start_page import PASSWORD, TIMEOUT, expect
from tests.servers.base import needs
from tests.servers.redis import RedisServer

browser = start_page.browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
]

needs_redis = needs(RedisServer)
NETWORK_ERROR = re.compile(r"net::ERR_|WebSocket connection to")
LABELS = {"poll": "by long-poll", "socket": "over a web socket"}
NAMES = {"poll": "long-poll", "socket": "web socket"}
ways = pytest.mark.parametrize(
    "ways", [("poll", "poll"), ("socket", "socket"), ("poll", "socket")], ids=["poll", "socket", "mixed"]
)
numbers = itertools.count(1)


class Server:
    """One process of the example project, which can be stopped and started again."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"{self.port}.log"
        self.environment = environment
        self.start()

    def start(self) -> None:
        run = [sys.executable, "-m", "uvicorn", "example_project.asgi:application", "--lifespan", "off"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*run, "--port", str(self.port), "--timeout-graceful-shutdown", "1"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_for(self.address, self.process)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


class Person:
    """Somebody in front of a page of the chat."""

    def __init__(self, browser: Any, server: Server, user_id: str, room: str, width: int) -> None:
        self.server = server
        self.user_id = user_id
        self.context = browser.new_context(viewport={"width": width, "height": 740})
        self.page = self.context.new_page()
        self.page.set_default_timeout(TIMEOUT)
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(f"{server.address}/chat/#room={room}")
        self.page.get_by_label("User ID").fill(user_id)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign up").click()
        self.is_("live", "poll")

    @property
    def composer(self) -> Any:
        return self.page.get_by_role("textbox", name="Message")

    @property
    def texts(self) -> Any:
        return self.page.locator("#messages .text")

    def uses(self, way: str) -> None:
        self.page.get_by_label(LABELS[way]).check()
        self.is_("live", way)

    def says(self, text: str) -> None:
        self.composer.fill(text)
        self.composer.press("Enter")

    def sees(self, *texts: str) -> None:
        expect(self.texts).to_have_text(list(texts))

    def sees_typing(self, text: str) -> None:
        expect(self.page.locator("#typing")).to_have_text(text)

    def is_told(self, section: str, text: str) -> None:
        expect(self.page.locator(f"#{section} .message")).to_have_text(text)

    def is_(self, state: str, way: str) -> None:
        expect(self.page.locator("#connection")).to_have_text(f"{state}, {NAMES[way]}")


Pair = tuple[Person, Person]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of processes that share an empty database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EXAMPLE_")}
    environment = {
        **kept,
        "DJANGO_SETTINGS_MODULE": "example_project.settings",
        "EXAMPLE_SQLITE": str(tmp_path_factory.mktemp("chat") / "example.sqlite3"),
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    return environment


@pytest.fixture(scope="module")
def one(environment: dict[str, str]) -> Iterator[list[Server]]:
    """A process with events in memory."""
    with ExitStack() as stack:
        yield _servers(1, environment, stack)


@pytest.fixture(scope="module")
def two(environment: dict[str, str]) -> Iterator[list[Server]]:
    """Two processes with one Redis."""
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        yield _servers(2, {**environment, "EXAMPLE_REDIS": redis.url}, stack)


def _servers(count: int, environment: dict[str, str], stack: ExitStack) -> list[Server]:
    servers = []
    for _ in range(count):
        servers.append(Server(Path(environment["EXAMPLE_SQLITE"]).parent, environment))
        stack.callback(servers[-1].stop)
    return servers


@pytest.fixture(params=["one", pytest.param("two", marks=needs_redis)])
def servers(request: pytest.FixtureRequest) -> list[Server]:
    return request.getfixturevalue(request.param)


@pytest.fixture
def width() -> int:
    return 1280


@pytest.fixture
def pair(servers: list[Server], browser: Any, width: int) -> Iterator[Pair]:
    """Ada and Grace, at the first process and the last. Afterwards: no complaints, nothing too wide."""
    number = next(numbers)
    pair = tuple(
        Person(browser, server, f"{name}{number}", f"room{number}", width)
        for name, server in (("ada", servers[0]), ("grace", servers[-1]))
    )
    yield pair
    widest = max(person.page.evaluate("document.documentElement.scrollWidth") for person in pair)
    for person in pair:
        person.context.close()
    assert [complaint for person in pair for complaint in person.complaints] == []
    assert widest <= width


@ways
def test_two_browsers_talk(pair: Pair, ways: tuple[str, str]) -> None:
    for person, way in zip(pair, ways, strict=True):
        person.uses(way)
    said = ["Hello <b>Grace</b> & <script>alert(1)</script>", "Hi Ada 🎈", *map(str, range(10))]
    for number, text in enumerate(said):
        pair[number % 2].says(text)
        pair[(number + 1) % 2].sees(*said[: number + 1])
    for person in pair:
        person.sees(*said)
        expect(person.page.locator("#messages li.own")).to_have_count(6)
        expect(person.page.locator("#messages .author").first).to_have_text(pair[0].user_id)


@ways
def test_messages_in_quick_succession_all_arrive_once(pair: Pair, ways: tuple[str, str]) -> None:
    for person, way in zip(pair, ways, strict=True):
        person.uses(way)
    for number in range(15):
        for person in pair:
            person.says(f"{person.user_id} {number}")
    for person in pair:
        expect(person.texts).to_have_count(30)
    seen = [person.texts.all_inner_texts() for person in pair]
    assert seen[0] == seen[1]
    assert len(set(seen[0])) == 30


@ways
def test_typing_is_shown_for_a_while(pair: Pair, ways: tuple[str, str]) -> None:
    ada, grace = pair
    for person, way in zip(pair, ways, strict=True):
        person.uses(way)
    ada.says("Hello")  # Once it has arrived, both are listening for sure.
    grace.sees("Hello")
    ada.page.wait_for_timeout(1000)
    ada.composer.press_sequentially("Hm")
    grace.sees_typing(f"{ada.user_id} is typing…")
    ada.sees_typing("")
    grace.sees_typing("")
    ada.composer.press_sequentially("m")
    grace.sees_typing(f"{ada.user_id} is typing…")
    ada.composer.press("Enter")
    grace.sees("Hello", "Hmm")
    grace.sees_typing("")


def test_nothing_is_lost_while_the_transport_changes(pair: Pair) -> None:
    ada, grace = pair
    said = [str(number) for number in range(12)]
    for number, text in enumerate(said):
        grace.page.get_by_label(LABELS["socket" if number % 2 == 0 else "poll"]).check()
        ada.says(text)
    grace.is_("live", "poll")
    grace.sees(*said)
    grace.uses("socket")
    grace.says("and back")
    ada.sees(*said, "and back")


@pytest.mark.parametrize("way", ["poll", "socket"])
def test_both_recover_from_a_restart(pair: Pair, servers: list[Server], way: str) -> None:
    ada, grace = pair
    for person in pair:
        person.uses(way)
    ada.says("before")
    grace.sees("before")
    for server in servers:
        server.stop()
    for person in pair:
        person.is_("offline", way)
    ada.says("meanwhile")
    ada.is_told("talk", "The service cannot be reached." if way == "poll" else "Sending…")
    for server in servers:
        server.start()
    for person in pair:
        person.is_("live", way)
    if way == "poll":  # What could not be sent is still there; a socket sends it by itself.
        expect(ada.composer).to_have_value("meanwhile")
        ada.composer.press("Enter")
    grace.sees("before", "meanwhile")
    grace.says("afterwards")
    for person in pair:
        person.sees("before", "meanwhile", "afterwards")
        forget_network_errors(person)


@pytest.mark.parametrize("way", ["poll", "socket"])
@pytest.mark.parametrize("servers", [pytest.param("two", marks=needs_redis)], indirect=True)
def test_what_was_said_during_a_restart_is_caught_up_on(pair: Pair, way: str) -> None:
    ada, grace = pair
    grace.uses(way)
    grace.server.stop()
    grace.is_("offline", way)
    for text in ("one", "two", "three"):
        ada.says(text)
    ada.sees("one", "two", "three")
    grace.sees()
    grace.server.start()
    grace.sees("one", "two", "three")
    forget_network_errors(grace)
    assert ada.complaints == []


@pytest.mark.parametrize("servers", ["one"], indirect=True)
class TestPage:
    @pytest.mark.parametrize("width", [360])
    def test_is_usable_in_a_narrow_window(self, pair: Pair) -> None:
        ada, grace = pair
        grace.uses("socket")
        said = ["x" * 500, "A sentence of several words. " * 20]
        for text in said:
            ada.says(text)
        grace.sees(*said)
        expect(grace.texts.last).to_be_in_viewport()
        expect(ada.page.get_by_role("button", name="Send")).to_be_in_viewport()

    def test_keyboard_alone_is_enough(self, pair: Pair) -> None:
        ada, grace = pair
        expect(ada.composer).to_be_focused()
        ada.page.keyboard.type("two")
        ada.page.keyboard.press("Shift+Enter")
        ada.page.keyboard.type("lines")
        ada.page.keyboard.press("Enter")
        assert grace.texts.inner_text() == "two\nlines"
        ada.page.get_by_label(LABELS["poll"]).focus()
        ada.page.keyboard.press("ArrowDown")
        ada.is_("live", "socket")

    def test_history_is_there_after_a_reload_and_rooms_are_apart(self, pair: Pair) -> None:
        ada, grace = pair
        ada.says("remember")
        grace.page.reload()
        grace.sees("remember")
        grace.page.get_by_label("Name").fill(f"{grace.user_id}-Room")
        grace.page.get_by_role("button", name="Enter").click()
        expect(grace.page.locator("#talk-title")).to_have_text(f"#{grace.user_id}-room")
        expect(grace.page.locator("#talk-title")).to_be_focused()
        grace.is_("live", "poll")
        grace.sees()
        grace.says("echo")
        grace.sees("echo")
        ada.sees("remember")
        grace.page.go_back()
        grace.sees("remember")

    def test_errors_are_told(self, pair: Pair) -> None:
        ada, _ = pair
        ada.says("   ")
        ada.is_told("talk", "text: Must not be empty.")
        expect(ada.composer).to_have_value("   ")
        ada.page.get_by_label("Name").fill("no such/room")
        ada.page.get_by_label("Name").press("Enter")
        ada.is_told("talk", "room: Does not have the expected form.")
        ada.is_("offline", "poll")

    @pytest.mark.parametrize("way", ["poll", "socket"])
    def test_a_logout_in_another_tab_is_followed(self, pair: Pair, way: str) -> None:
        ada, _ = pair
        ada.uses(way)
        other = ada.context.new_page()
        other.goto(ada.server.address)
        other.get_by_role("button", name="Log out").click()
        expect(ada.page.get_by_role("button", name="Log in")).to_be_visible()
        expect(ada.page.locator("#conversation")).to_be_hidden()
        ada.is_told("account", "You are logged out.")


def forget_network_errors(person: Person) -> None:
    """Browsers log them while a server is away."""
    person.complaints[:] = [text for text in person.complaints if not NETWORK_ERROR.search(text)]
