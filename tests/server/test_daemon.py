"""The daemon as an operator drives it: starts, status, a death, reloads under load, logs."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.realtime import Waiting, until
from tests.server.daemon import Operator, fetched
from tests.server.wrk import calling, needs_wrk
from toto_django.server.operating import status_lines

pytestmark = pytest.mark.server

WARNING = "Warning: Events stay in their process: CHANNEL_LAYERS has no layer that processes share.\n"


def test_three_processes_start_come_back_and_stop(operator: Operator) -> None:
    ports = operator.start("--processes=3")
    master, served = operator.files.running(), ", ".join(map(str, ports))
    assert operator.said == f"{WARNING}Started: process {master} on 127.0.0.1, port {served}.\n"
    assert [fetched(port, "/server/pid") for port in ports] == operator.pids
    assert len({*operator.pids}) == len({*ports}) == 3
    status = operator.run("--status").splitlines()
    assert status[0] == f"Running: process {master}."
    assert [line.split(", for")[0] for line in status[1:]] == [
        f"  {number}: port {port}, process {pid}"
        for number, port, pid in zip((1, 2, 3), ports, operator.pids, strict=True)
    ]
    assert f"Already running: process {master}" in operator.run("--start", "--port=0", code=1)

    first, killed, third = operator.pids
    os.kill(killed, signal.SIGKILL)
    until(lambda: not operator.serving)
    assert f"  2: port {ports[1]}, down; it comes back" in status_lines(operator.files)
    until(lambda: operator.serving)
    assert operator.pids[::2] == [first, third]
    assert fetched(ports[1], "/server/pid") == operator.pids[1] != killed
    assert status_lines(operator.files)[2].endswith(", restarts: 1")
    assert f"Process 2 (pid {killed}) ended (signal SIGKILL). It comes back in 0.5 s" in operator.log

    assert operator.run("--stop") == f"Stopped: process {master}.\n"
    assert operator.living() == []
    assert [path.name for path in operator.folder.iterdir()] == ["toto.log"]
    assert "Not running." in operator.run("--status", code=3)


def test_shared_port_is_served_while_a_process_is_down(operator: Operator) -> None:
    ports = operator.start("--processes=3", "--shared-port")
    [port] = {*ports}
    killed, *others = operator.pids
    until(lambda: fetched(port, "/server/pid") == killed)
    os.kill(killed, signal.SIGKILL)
    until(lambda: not operator.serving)
    answered = set()
    while not operator.serving:
        answered.add(fetched(port, "/server/pid"))
    assert operator.pids[1:] == others
    assert answered <= {*operator.pids}
    until(lambda: fetched(port, "/server/pid") == operator.pids[0])
    assert f"  1: port {port}, process {operator.pids[0]}, for" in operator.run("--status")
    operator.run("--stop")
    assert operator.living() == []


def test_process_that_does_not_last_comes_back_later_each_time(operator: Operator) -> None:
    operator.start()
    for delay in ("0.5", "1"):
        until(lambda: operator.serving)
        os.kill(operator.pids[0], signal.SIGKILL)
        until(lambda delay=delay: f"comes back in {delay} s" in operator.log)


# Reloads


class Load:
    """Clients that call without a pause: on kept connections, and on new ones."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.failures: list[str] = []
        self.pids: set[int] = set()
        self.is_over = False

    def kept(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.is_over:
            self.call(connection)
        connection.close()

    def new(self) -> None:
        while not self.is_over:
            connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
            self.call(connection)
            connection.close()

    def call(self, connection: HTTPConnection) -> None:
        try:
            connection.request("GET", "/server/pid")
            self.pids.add(json.loads(connection.getresponse().read())["result"])
        except Exception as error:
            self.failures.append(repr(error))
            connection.close()


@contextmanager
def load(port: int) -> Iterator[Load]:
    clients = Load(port)
    threads = [threading.Thread(target=work) for work in [clients.kept] * 6 + [clients.new] * 2]
    for thread in threads:
        thread.start()
    try:
        yield clients
    finally:
        clients.is_over = True
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("parser", ["httptools", "h11"])
def test_reload_under_load_fails_no_request(operator: Operator, parser: str) -> None:
    if parser == "h11":
        (operator.folder / "httptools.py").write_text("raise ImportError('It is not installed.')\n")
        operator.environment["PYTHONPATH"] += f":{operator.folder}"
    ports = operator.start("--processes=2", "--shared-port")
    assert len(set(ports)) == 1
    assert fetched(ports[0], "/server/parsers") == [parser]
    before = operator.pids
    with load(ports[0]) as clients:
        until(lambda: clients.pids == {*before})
        assert operator.run("--reload") == f"Reloaded: process {operator.files.running()}.\n"
        assert not {*before} & {*operator.pids}
        clients.pids.clear()
        until(lambda: clients.pids == {*operator.pids})
    assert clients.failures == []


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--shared-port"], id="shared", marks=needs_wrk),
        pytest.param([], id="sequential", marks=needs_wrk),
    ],
)
def test_reload_fails_no_request_of_many_connections(operator: Operator, options: list[str]) -> None:
    ports = dict.fromkeys(operator.start("--processes=2", *options))
    before = operator.pids
    with ExitStack() as stack:
        callers = [stack.enter_context(calling(port)) for port in ports]
        operator.run("--reload")
        assert not {*before} & {*operator.pids}
    for caller in callers:
        assert caller.calls > 0
        assert caller.failures == {}


def test_reload_answers_a_call_that_is_under_way(operator: Operator) -> None:
    port, *_ = operator.start()
    waiting = Waiting(port, {"method": "server.sleep", "parameters": {"seconds": 2}})
    before = operator.pids
    assert [fetched(port, "/server/pid")] == before
    operator.run("--reload")
    assert operator.pids != before
    assert waiting.answer() == {"result": "slept"}


def test_reload_to_what_does_not_start_is_broken_off(operator: Operator) -> None:
    (operator.folder / "starting.py").write_text("def begin(): pass\n")
    operator.environment["PYTHONPATH"] += f":{operator.folder}"
    port, *_ = operator.start("--startup-function=starting.begin")
    before = operator.pids
    (operator.folder / "starting.py").write_text("def begin(): raise RuntimeError('broken')\n")
    said = operator.run("--reload", code=1)
    assert "Process 1 ended before it served (exit code 1). The reload was broken off" in said
    assert "RuntimeError: broken" in operator.log
    assert fetched(port, "/server/pid") == before[0] == operator.pids[0]


def test_changed_file_replaces_the_processes(operator: Operator) -> None:
    (operator.folder / "changing.py").write_text("def begin(): pass\n")
    operator.environment["PYTHONPATH"] += f":{operator.folder}"
    operator.begin("--autoreload", "--startup-function=changing.begin")
    before = operator.pids

    def changed() -> bool:
        """The watch may begin a moment after the first process serves."""
        (operator.folder / "changing.py").write_text("def begin(): print('changed indeed')\n")
        time.sleep(0.3)
        return operator.pids != before

    until(changed)
    assert "changed indeed" in operator.log


# Starts


def test_pidfile_of_another_program_is_stale(operator: Operator) -> None:
    """It was left behind, and its number has been given to another process."""
    with subprocess.Popen(["sleep", "60"]) as other:
        try:
            operator.files.master.write_text(f"{other.pid}\n")
            assert "Not running." in operator.run("--stop", code=3)
            operator.start()
            assert operator.files.running() != other.pid
            assert other.poll() is None
        finally:
            other.kill()


def test_taken_port_is_an_error_of_the_command(operator: Operator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = operator.run("--start", f"--port={port - 1}", "--processes=2", code=1)
    # The one below may be taken too: by another test.
    assert re.search(rf"Cannot listen on 127.0.0.1 port ({port - 1}|{port}): Address already in use\.", said)
    assert operator.living() == []
    assert list(operator.folder.iterdir()) == []


def test_daemon_that_does_not_start_is_an_error_of_the_command(operator: Operator) -> None:
    begin = "--startup-function=tests.server.methods.begin_badly"
    said = operator.run("--start", "--port=0", "--processes=2", "--log-file=toto.log", begin, code=1)
    assert f"ended before it served. Its log {operator.folder / 'toto.log'} says why." in said
    assert "RuntimeError: nothing to begin with" in operator.log
    assert re.search(r"^Process [12] ended before it served \(exit code 1\).\Z", operator.log.strip(), re.M)
    assert "Task" not in operator.log
    assert [path.name for path in operator.folder.iterdir()] == ["toto.log"]
    assert operator.living() == []


def test_restart_takes_new_options(operator: Operator) -> None:
    assert operator.run("--restart", "--port=0").splitlines()[0] == "Not running."
    master = operator.files.running()
    said = operator.run("--restart", "--port=0", "--processes=2")
    assert said.startswith(
        f"{WARNING}Stopped: process {master}.\nStarted: process {operator.files.running()} "
    )
    assert said.endswith("Nothing is logged: there is no log_file.\n")
    assert len(operator.pids) == 2
    assert operator.files.running() != master


def test_methods_that_cannot_be_imported_are_an_error_of_the_start(operator: Operator) -> None:
    """They are no methods of the settings, so the command's own system checks do not see them."""
    operator.run("--start", "--port=0", "--log-file=toto.log", "--method-module=no_such_methods", code=1)
    assert "(toto_django.E012) no_such_methods: ModuleNotFoundError" in operator.log
    assert operator.living() == []


@pytest.mark.parametrize("begin", ["begin", "begin_on_loop"])
def test_startup_function_is_called_before_anything_is_served(operator: Operator, begin: str) -> None:
    operator.begin(f"--startup-function=tests.server.methods.{begin}")
    assert fetched(operator.port, "/server/begun") == ["plain" if begin == "begin" else "coroutine"]


# Logs and service managers


def test_log_file_takes_all_output_and_is_opened_anew(operator: Operator) -> None:
    port, *_ = operator.start("--access-log")
    fetched_text(port, "first")
    until(lambda: "first" in operator.log)
    assert '"GET /server/say?text=first HTTP/1.1" 200' in operator.log
    (operator.folder / "toto.log").rename(operator.folder / "toto.log.1")
    master = operator.files.running()
    assert master
    os.kill(master, signal.SIGUSR1)
    until(lambda: (operator.folder / "toto.log").exists())
    until(lambda: fetched_text(port, "second") or "second" in operator.log)


def fetched_text(port: int, text: str) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", f"/server/say?text={text}")
    connection.getresponse().read()
    connection.close()


def test_service_manager_is_notified(operator: Operator) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(operator.folder / "notify"))
        manager.settimeout(15)
        operator.environment["NOTIFY_SOCKET"] = str(operator.folder / "notify")
        process = operator.begin()
        assert manager.recv(100) == b"READY=1"
        process.send_signal(signal.SIGHUP)
        assert manager.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert manager.recv(100) == b"READY=1"
        process.terminate()
        assert manager.recv(100) == b"STOPPING=1"
        assert process.wait(5) == 0


# Options


SCRIPT = """
from toto_django.server import TotoServer

TotoServer("toto.conf", session_ttl=1, anon_session_ttl=1, session_renew=1, use_web_sockets=False).run()
"""
FILE = """
# A file of Toto's.
method_module = 'tests.server.methods'
anon_session_ttl = 2
session_renew = 2
bson_enabled = False
database = "mysql"
"""


def test_options_of_the_file_override_arguments_and_the_command_line_both(
    operator: Operator, tmp_path: Path
) -> None:
    (tmp_path / "toto.conf").write_text(FILE)
    (tmp_path / "serve.py").write_text(SCRIPT)
    operator.environment["TOTO_TEST_TOTO"] = json.dumps({"HMAC": None, "METHOD_MODULES": []})
    script = (sys.executable, "-W", "error", "serve.py")
    operator.begin("--session_renew", "3", command=script)
    toto = fetched(operator.port, "/server/settings")
    assert {name: toto[name] for name in ("SESSION_TTL", "ANON_SESSION_TTL", "SESSION_RENEW")} == {
        "SESSION_TTL": 1,
        "ANON_SESSION_TTL": 2,
        "SESSION_RENEW": 3,
    }
    assert (toto["METHOD_MODULES"], toto["CODECS"]) == (["tests.server.methods"], ["json", "msgpack"])
    assert "Warning: The option database has no effect here" in operator.log
    assert operator.run("--prot=1", command=script, code=2).endswith(
        "error: there is no option '--prot=1'. Did you mean 'port'?\n"
    )
    assert "Error: Already running" in operator.run(
        "--start", "--port=0", "--pidfile=toto.daemon.pid", command=script, code=1
    )
