"""Long-polls that wait: what each takes of the process's memory, and when the last one is woken."""

import json
import resource
import selectors
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence

from benchmarks.load import Request, check
from benchmarks.options import Options
from benchmarks.places import SQLITE, Places
from benchmarks.processes import Running, Server, running
from benchmarks.servers import DJANGO, RAW, TOTO
from benchmarks.tables import Table

__all__ = ["Crowd", "posted", "tables"]

PATIENCE = 120.0
AT_ONCE = 100
"""Clients that come at a time, and the pause until the next: listening queues are finite."""
PAUSE = 0.05
SETTLE = 1.0
WARM = 10
SPARE = 500
"""Open files that the server and this process need for themselves."""
PARAMETERS = {"event": "all", "a": 1, "b": 2}


class Crowd:
    """Clients that have each sent a request and wait for its answer."""

    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        self._selector = selectors.DefaultSelector()
        for number, request in enumerate(requests, 1):
            client = socket.create_connection(("127.0.0.1", port), PATIENCE)
            client.sendall(request)
            self._selector.register(client, selectors.EVENT_READ, bytearray())
            if number % AT_ONCE == 0:
                time.sleep(PAUSE)

    def answered(self, text: bytes) -> tuple[int, float]:
        """How many get an answer with this text, and when the last one has it."""
        waiting, answered, last = len(self._selector.get_map()), 0, time.monotonic()
        deadline = last + PATIENCE
        while waiting and time.monotonic() < deadline:
            for key, _ in self._selector.select(deadline - time.monotonic()):
                client: socket.socket = key.fileobj  # type: ignore[assignment]
                chunk = client.recv(65536)
                key.data.extend(chunk)
                is_right = text in key.data.translate(None, b" ")
                if is_right or not chunk:
                    waiting -= 1
                    answered += is_right
                    last = time.monotonic()
                    self._selector.unregister(client)
                    client.close()
        return answered, last

    def leave(self) -> None:
        """Hang up, all of them."""
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fileobj)
            key.fileobj.close()  # type: ignore[union-attr]


def posted(path: str, method: str, parameters: dict[str, object]) -> bytes:
    """The bytes of a request."""
    body = json.dumps({"method": method, "parameters": parameters})
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def tables(options: Options) -> Iterator[Table]:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE
    many, few = (500, 100) if options.quick else (min(9000, most), min(500, most))
    with tempfile.TemporaryDirectory() as folder, Places(folder) as places:
        woken = [
            _woken(server, *paths, count, places)
            for server, paths, count in (
                (TOTO, ("/service/", "/service/"), many),
                (RAW, ("/", "/"), many),
                (DJANGO, ("/wait", "/wake"), few),
            )
            if not server.missing
        ]
    yield Table(
        "Long-polls",
        ("server", "waiting", "memory of each", "threads", "the last one woken after", "answered"),
        [row for row, _ in woken],
        notes=[
            "Of one process, woken by one event. To be reached: 14 KiB, and 0.5 s at 9,000.",
            "Fewer for Django, which keeps a thread for each.",
        ],
        failed=sum(failed for _, failed in woken),
    )


def _woken(
    server: Server, path: str, wake_path: str, count: int, places: Places
) -> tuple[tuple[str, ...], int]:
    """A row of the table, and how many got no answer."""
    with running(server, places.settings(server, SQLITE)) as process:
        wake = Request(wake_path, json.dumps({"method": "bench.wake", "parameters": PARAMETERS}))
        check(wake, process)
        _waited(process, path, WARM).leave()  # Pools and modules are there afterwards.
        check(wake, process)
        before = process.memory()
        crowd = _waited(process, path, count, already=WARM)
        memory, threads = process.memory() - before, process.threads()
        began = time.monotonic()
        waker = Crowd(process.port, [posted(wake_path, "bench.wake", PARAMETERS)])
        answered, last = crowd.answered(b'{"result":{"sum":3}}')
        waker.leave()
    row = (
        server.name,
        f"{count:,}",
        f"{memory / count / 1024:.1f} KiB",
        str(threads),
        f"{last - began:.2f} s",
        f"{answered:,}",
    )
    return row, count - answered


def _waited(process: Running, path: str, count: int, already: int = 0) -> Crowd:
    """A crowd, once all of it waits."""
    crowd = Crowd(process.port, [posted(path, "bench.wait", PARAMETERS)] * count)
    deadline = time.monotonic() + PATIENCE
    while process.count("waiting") < already + count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{process.count('waiting')} wait instead of {already + count}")
        time.sleep(0.1)
    time.sleep(SETTLE)
    return crowd
