"""The example project as it is on the Internet: PostgreSQL, Redis, and two processes of uvicorn."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.realtime import until
from tests.servers.base import needs
from tests.servers.postgresql import PostgreSQLServer
from tests.servers.redis import RedisServer
from tests.test_example_production import HOST, PATIENCE, ROOT, environment, manage
from toto_django.client import AsyncClient, Client

pytestmark = [*needs(PostgreSQLServer), *needs(RedisServer), pytest.mark.server]

PASSWORD = "a long walk on the beach"
CLIENT = "203.0.113.7"
FROM_PROXY = {"host": HOST, "x-forwarded-proto": "https", "x-forwarded-for": CLIENT}


class Site:
    """Two processes behind a proxy that ends HTTPS, which is whoever sends FROM_PROXY."""

    def __init__(self, urls: list[str], log: Path) -> None:
        self.urls = urls
        self.log = log

    def client(self, at: int = 0, **options: Any) -> Client:
        return Client(self.urls[at], signing="v2", headers=FROM_PROXY, **options)

    def async_client(self, at: int) -> AsyncClient:
        return AsyncClient(self.urls[at], signing="v2", headers=FROM_PROXY)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with ExitStack() as stack:
        database = stack.enter_context(PostgreSQLServer())
        redis = stack.enter_context(RedisServer())
        changes = {"EXAMPLE_DATABASE_URL": database.url, "EXAMPLE_REDIS": redis.url}
        done = manage("migrate", "--verbosity=0", **changes)
        assert done.returncode == 0, done.stdout
        urls = [stack.enter_context(serving(folder, environment(**changes))) for _ in range(2)]
        yield Site(urls, folder / "server.log")


@contextmanager
def serving(folder: Path, variables: dict[str, str]) -> Iterator[str]:
    """The URL of the service in a process; it believes the headers of the proxy by its settings alone."""
    command = [sys.executable, "-m", "uvicorn", "example_project.asgi:application", "--lifespan", "off"]
    with socket.create_server(("127.0.0.1", 0)) as listener, (folder / "server.log").open("ab") as log:
        options = ["--no-proxy-headers", "--timeout-graceful-shutdown", "5", "--fd", str(listener.fileno())]
        process = subprocess.Popen(
            [*command, *options],
            cwd=ROOT,
            env=variables,
            pass_fds=[listener.fileno()],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/service/"
    try:
        until(lambda: answers(url) or process.poll() is not None, PATIENCE)
        assert process.poll() is None, (folder / "server.log").read_text()
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}hello", headers=FROM_PROXY, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_calls_over_http_are_sent_to_https(site: Site) -> None:
    answer = httpx.post(f"{site.urls[0]}hello", headers={"host": HOST}, json={})
    assert (answer.status_code, answer.headers["location"]) == (301, f"https://{HOST}/service/hello")


def test_login_and_call(site: Site) -> None:
    with site.client() as client:
        client.create("ada", PASSWORD)
        client.methods.notes.add(text="Süß 🎈")
        client.logout()
        client.login("ada", PASSWORD)
        assert [note["text"] for note in client.methods.notes.list()] == ["Süß 🎈"]
    logged = site.log.read_text()
    assert "toto_django.audit" in logged
    assert f'address="{CLIENT}"' in logged


def test_cookie_is_for_https_only(site: Site) -> None:
    answer = httpx.post(f"{site.urls[0]}counter/increment", headers=FROM_PROXY, json={})
    assert answer.json()["result"] == 1
    assert "; Secure" in answer.headers["set-cookie"]
    assert "max-age=31536000" in answer.headers["strict-transport-security"]


def test_request_that_is_sent_again_is_refused_by_the_other_process(site: Site) -> None:
    sent: list[httpx.Request] = []
    with httpx.Client(event_hooks={"request": [sent.append]}) as http, site.client(http=http) as client:
        client.create("grace", PASSWORD)
        client.methods.notes.add(text="once")
        again, other = sent[-1], httpx.URL(site.urls[1])
        assert again.headers["x-toto-hmac"].startswith("v2:")
        answer = httpx.post(
            again.url.copy_with(port=other.port), headers=again.headers, content=again.content
        )
        assert answer.json()["error"]["code"] == 1008
        assert len(client.methods.notes.list()) == 1


def test_event_reaches_whoever_waits_at_the_other_process(site: Site) -> None:
    async def talk() -> Any:
        async with site.async_client(0) as mary, site.async_client(1) as susan:
            await mary.create("mary", PASSWORD)
            await susan.create("susan", PASSWORD)
            waiting = asyncio.create_task(mary.methods.chat.receive(after=0, wait=20))
            while not waiting.done():  # Until she listens.
                await susan.methods.chat.typing()
                await asyncio.sleep(0.1)
            return await waiting

    assert asyncio.run(talk()) == [{"typing": "susan"}]
