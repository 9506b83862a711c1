"""Servers that answer what they should not, and relays that change what others answer."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

Behaviour = Callable[[socket.socket], object]


@contextmanager
def listening(behave: Behaviour) -> Iterator[int]:
    """The port of a server that does this with each connection, in threads."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=[listener, behave], daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, behave: Behaviour) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_served, args=[connection, behave], daemon=True).start()


def _served(connection: socket.socket, behave: Behaviour) -> None:
    with closing(connection), suppress(OSError):
        connection.settimeout(10)
        behave(connection)


def message(connection: socket.socket) -> bytes:
    """A whole request."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _received(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < length:
        body += _received(connection)
    return head + b"\r\n\r\n" + body


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionResetError
    return data


def answering(*chunks: bytes) -> Behaviour:
    """These bytes to each request."""

    def behave(connection: socket.socket) -> None:
        message(connection)
        for chunk in chunks:
            connection.sendall(chunk)

    return behave


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "\r\n"]).encode() + body


def between(port: int, change: Callable[[bytes], bytes]) -> Behaviour:
    """A relay to a port that changes the answers."""

    def behave(connection: socket.socket) -> None:
        request = message(connection).replace(b"onnection: keep-alive", b"onnection: close")
        with socket.create_connection(("127.0.0.1", port), timeout=10) as upstream:
            upstream.sendall(request)
            connection.sendall(change(b"".join(iter(lambda: upstream.recv(65536), b""))))

    return behave
