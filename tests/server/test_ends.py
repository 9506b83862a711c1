"""How processes end: what becomes of whoever waits, and that nobody is left behind."""

import os
import signal
import time
from http.client import HTTPConnection

import msgpack
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.realtime import Waiting, until
from tests.server.daemon import Operator, fetched
from toto_django.server.operating import status_lines
from toto_django.server.problems import NotRunning

pytestmark = pytest.mark.server

UNAVAILABLE = {"error": {"code": 1104, "value": "Temporarily unavailable"}}


def test_stop_answers_whoever_waits(operator: Operator) -> None:
    process = operator.begin("--grace=10")
    waiting = [Waiting(operator.port, {"method": "rt.wait", "parameters": {"event": "x"}}) for _ in range(3)]
    waiting.append(Waiting(operator.port, {"method": "rt.wait_handler", "parameters": {"event": "x"}}))
    waiting.append(Waiting(operator.port, {"method": "rt.never", "parameters": {}}))
    until(lambda: fetched(operator.port, "/rt/stats")["handlers"] == 4)
    until(lambda: fetched(operator.port, "/rt/parked") == {"parked": 1})
    packed = HTTPConnection("127.0.0.1", operator.port, timeout=10)
    body = msgpack.packb({"method": "rt.wait", "parameters": {"event": "x"}})
    packed.request("POST", "/", body, {"Content-Type": "application/msgpack"})
    until(lambda: fetched(operator.port, "/rt/stats")["handlers"] == 5)
    process.terminate()
    began = time.monotonic()
    assert [client.answer() for client in waiting] == [UNAVAILABLE] * 5
    assert time.monotonic() - began < 4, "long before the grace is over"
    assert msgpack.unpackb(packed.getresponse().read()) == UNAVAILABLE
    packed.close()
    assert process.wait(4) == 0
    assert operator.living() == []
    assert "Traceback" not in operator.log


def test_web_sockets_are_closed_at_once(operator: Operator) -> None:
    process = operator.begin("--grace=10")
    url = f"ws://127.0.0.1:{operator.port}/websocket"
    with connect(url) as quiet, connect(url) as waiting:
        waiting.send('{"id": 1, "method": "rt.wait", "parameters": {"event": "x"}}')
        until(lambda: fetched(operator.port, "/rt/stats")["handlers"] == 1)
        process.terminate()
        for client in (quiet, waiting):
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=5)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
    assert process.wait(5) == 0
    assert "Traceback" not in operator.log


def test_calls_that_end_within_the_grace_are_answered(operator: Operator) -> None:
    process = operator.begin("--grace=5")
    waiting = [
        Waiting(operator.port, {"method": f"server.{method}", "parameters": {"seconds": 1}})
        for method in ("sleep", "block")
    ]
    until(lambda: fetched(operator.port, "/server/pid"))
    process.terminate()
    assert [client.answer() for client in waiting] == [{"result": "slept"}] * 2
    assert process.wait(5) == 0


def test_process_that_outlasts_the_grace_is_killed(operator: Operator) -> None:
    process = operator.begin("--grace=2")
    waiting = Waiting(operator.port, {"method": "server.block", "parameters": {"seconds": 60}})
    until(lambda: fetched(operator.port, "/server/pid"))
    process.terminate()
    assert waiting.answer() == UNAVAILABLE
    assert process.wait(4) == 0
    assert "takes too long and is killed" in operator.log
    assert operator.living() == []


def test_interrupt_of_a_terminal_ends_all(operator: Operator) -> None:
    process = operator.begin("--processes=2", "--grace=5")
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(5) == 0
    assert operator.living() == []


def test_second_signal_ends_at_once(operator: Operator) -> None:
    process = operator.begin("--grace=30")
    waiting = Waiting(operator.port, {"method": "server.sleep", "parameters": {"seconds": 20}})
    until(lambda: fetched(operator.port, "/server/pid"))
    process.terminate()
    time.sleep(0.3)
    process.terminate()
    assert process.wait(3) == 0
    waiting.leave()


def test_processes_end_when_the_master_is_killed(operator: Operator) -> None:
    operator.start("--processes=2", "--grace=2")
    master = operator.files.running()
    assert master
    os.kill(master, signal.SIGKILL)
    until(lambda: operator.living() == [])
    assert operator.files.master.exists()
    with pytest.raises(NotRunning, match=r"toto.daemon.master.pid was left behind"):
        status_lines(operator.files)
    operator.start()
    assert operator.files.running() not in (None, master)
