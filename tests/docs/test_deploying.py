"""The servers of docs/deploying.md, and nginx as it stands there in front of one, carry calls and sockets."""

import importlib.util
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.docs.pages import DOCS, ROOT, blocks
from tests.servers.base import free_port

pytestmark = pytest.mark.server

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
PATIENCE = 60
COMMANDS = {
    "uvicorn": ["-m", "uvicorn", "{application}", "--port", "{port}", "--timeout-graceful-shutdown", "10"],
    "granian": ["-m", "granian", "--interface", "asgi", "{application}", "--port", "{port}"],
    "gunicorn": ["-m", "gunicorn", "example_project.wsgi", "--threads", "8", "--bind", "127.0.0.1:{port}"],
}


@contextmanager
def serving(name: str, folder: Path) -> Iterator[int]:
    """The port of the example project behind a server."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed (docs/requirements.txt)")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("EXAMPLE_")},
        "DJANGO_SETTINGS_MODULE": "example_project.settings",
        "EXAMPLE_SQLITE": str(folder / "example.sqlite3"),
        "EXAMPLE_HOSTS": "127.0.0.1,www.example.com",
    }
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0"],
        cwd=ROOT,
        env=environment,
        check=True,
        timeout=PATIENCE,
    )
    port = free_port()
    words = [
        word.format(port=port, application="example_project.asgi:application") for word in COMMANDS[name]
    ]
    with running([sys.executable, *words], f"http://127.0.0.1:{port}/service/", environment):
        yield port


@contextmanager
def running(command: list[str], url: str, environment: dict[str, str] | None = None) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        deadline = time.monotonic() + PATIENCE
        while not answers(url):
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def answers(url: str) -> bool:
    try:
        return httpx.options(url, verify=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("name", COMMANDS)
def test_server_answers_calls(name: str, tmp_path: Path) -> None:
    with serving(name, tmp_path) as port:
        answer = httpx.get(f"http://127.0.0.1:{port}/service/counter/increment").json()
        assert answer["result"] == 1
        if name != "gunicorn":
            with connect(f"ws://127.0.0.1:{port}/service/websocket") as socket:
                socket.send('{"id": 1, "method": "counter.increment", "parameters": {}}')
                assert '"result": 1' in str(socket.recv(timeout=PATIENCE))


@pytest.mark.service
@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_nginx_passes_on_what_the_page_says(tmp_path: Path) -> None:
    with serving("uvicorn", tmp_path) as served, nginx(tmp_path, served) as port:
        with httpx.Client(base_url=f"https://127.0.0.1:{port}/service/", verify=False) as client:
            assert client.get("counter/increment").json()["result"] == 1
            credentials = {"user_id": "ada", "password": "a long walk on the beach"}
            large = {**credentials, "padding": "x" * 2_000_000}
            assert client.post("account/create", json=large).json()["error"]["code"] == 1103
            assert client.post("account/create", json={"x": "x" * 10 * 2**20}).status_code == 413
            assert "result" in client.post("account/create", json=credentials).json()
        with connect(f"wss://127.0.0.1:{port}/service/websocket", ssl=unverified()) as socket:
            socket.send('{"id": 1, "method": "counter.increment", "parameters": {}}')
            assert '"result": 1' in str(socket.recv(timeout=PATIENCE))
        logged = (tmp_path / "access.log").read_text()
        assert "counter/increment" in logged
        assert "websocket" not in logged


@contextmanager
def nginx(folder: Path, served: int) -> Iterator[int]:
    """The port of an nginx with the configuration of the page, and a certificate of its own."""
    [configuration] = [block.code for block in blocks(DOCS / "deploying.md") if block.language == "nginx"]
    key, certificate = folder / "server.key", folder / "server.pem"
    subject = ["-subj", "/CN=www.example.com", "-days", "1", "-nodes", "-newkey", "rsa:2048"]
    subprocess.run(
        ["openssl", "req", "-x509", *subject, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    port = free_port()
    for shown, here in {
        "/etc/ssl/certs/www.example.com.pem": certificate,
        "/etc/ssl/private/www.example.com.key": key,
        "listen 443": f"listen 127.0.0.1:{port}",
        "127.0.0.1:8000": f"127.0.0.1:{served}",
    }.items():
        assert shown in configuration
        configuration = configuration.replace(shown, str(here))
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{name}_temp_path {folder}/{name};\n" for name in names)
    user = "user root;" if os.getuid() == 0 else ""
    files = f"pid {folder}/nginx.pid; error_log {folder}/error.log;"
    http = f"access_log {folder}/access.log; {paths} {configuration}"
    (folder / "nginx.conf").write_text(f"daemon off; {user} {files} events {{}} http {{ {http} }}\n")
    command = [str(NGINX), "-p", str(folder), "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]
    with running(command, f"https://127.0.0.1:{port}/service/"):
        yield port


def unverified() -> ssl.SSLContext:
    """The certificate is nobody's."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
