"""A web socket of a service (docs/protocol.md section 15)."""

import asyncio
import itertools
import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ssl import SSLContext
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from toto_django.codecs import JSON, Codec, Malformed, make_codec
from toto_django.remote.callers import DEFAULT, Default, Timeout
from toto_django.remote.conversation import MAX_DEPTH
from toto_django.remote.errors import (
    CallTimeout,
    ConnectionLost,
    HTTPStatusError,
    InvalidAnswer,
    NotConnected,
    TotoError,
    remote_error,
)
from toto_django.remote.naming import Methods

__all__ = ["Socket", "SocketMessage", "socket_url"]

logger = logging.getLogger("toto_django.client")
# What the library tells debuggers holds session ids and messages.
_quiet = logging.getLogger("toto_django.client.connection")
_quiet.setLevel(logging.INFO)

OPEN_TIMEOUT = 10.0
CLOSE_TIMEOUT = 2.0
"""Seconds."""
POLICY_VIOLATION = 1008
SUBPROTOCOLS = {"bson": "toto.bson", "msgpack": "toto.msgpack"}
"""What says how binary frames are to be read."""


@dataclass(frozen=True, slots=True)
class SocketMessage:
    """What the service sends of its own accord; ``message_id`` is None where it sent none."""

    data: Any
    message_id: Any = None


class Socket:
    """A connection, open inside ``async with``. It is not made again when it is lost: open another one.

    Calls may run side by side. A login over the socket holds for the socket alone.
    """

    def __init__(
        self,
        url: str,
        codec: Codec,
        opening: Callable[[str], Mapping[str, str]],
        *,
        timeout: float | None,
        max_frame: int,
        max_queue: int,
        max_calls: int,
        headers: Mapping[str, str],
        ssl: SSLContext | None,
    ) -> None:
        self._url = url
        self._headers = headers
        self._opening = opening
        self._codec = codec
        self._readers: dict[type, Codec] = {bytes: codec, str: make_codec(JSON.name, max_depth=MAX_DEPTH)}
        self._is_text = codec.name == JSON.name
        self._timeout = timeout
        self._options: dict[str, Any] = {
            "subprotocols": None if self._is_text else [Subprotocol(SUBPROTOCOLS[codec.name])],
            "max_size": max_frame,
            **({} if ssl is None else {"ssl": ssl}),
        }
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._turns = asyncio.Semaphore(max_calls)
        self._max_queue = max_queue
        self._messages: asyncio.Queue[SocketMessage | None] = asyncio.Queue()
        self._connection: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._is_over = False
        self._end: TotoError | None = None
        """Why it is over; None where it was closed."""

    def __repr__(self) -> str:
        state = "over" if self._is_over else "new" if self._reader is None else "open"
        return f"<Socket {state}>"

    async def __aenter__(self) -> "Socket":
        """Connect. Raises NotConnected, HTTPStatusError."""
        if self._reader is not None:
            raise RuntimeError("A socket is entered once.")
        with _handshake_errors():
            self._connection = await _Connect(
                self._url,
                open_timeout=OPEN_TIMEOUT,
                close_timeout=CLOSE_TIMEOUT,
                logger=_quiet,
                additional_headers={**self._headers, **self._opening(_uri(self._url))},
                **self._options,
            )
        self._reader = asyncio.create_task(self._read(self._connection))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Whoever waits for a reply is told that there will be none; `messages` ends."""
        if self._connection is None or self._reader is None:
            return
        if not self._reader.done():
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
        await self._connection.close()

    # Calls

    @property
    def methods(self) -> Methods:
        """``await socket.methods.notes.add(text="Buy milk")``."""
        return Methods(self.call)

    async def call(self, method: str, parameters: Any = None, *, timeout: Timeout = DEFAULT) -> Any:
        """The result of a method, None where it has none. Raises RemoteError, NetworkError."""
        call_id = f"{self._prefix}-{next(self._numbers)}"
        frame = {"id": call_id, "method": method, "parameters": {} if parameters is None else parameters}
        data = self._codec.dumps(frame)
        limit = self._timeout if isinstance(timeout, Default) else timeout
        try:
            async with asyncio.timeout(limit), self._turns:
                return await self._replied(call_id, data.decode() if self._is_text else data)
        except CallTimeout:
            raise
        except TimeoutError:
            raise CallTimeout(f"There was no reply within {limit} seconds.") from None

    async def messages(self) -> AsyncGenerator[SocketMessage]:
        """What the service sends of its own accord, until the socket is closed.

        Raises ConnectionLost when it is lost, InvalidAnswer for what is no frame of a service.
        """
        while (message := await self._messages.get()) is not None:
            yield message
        self._messages.put_nowait(None)  # For whoever asks next.
        if self._end is not None:
            raise self._end

    async def _replied(self, call_id: str, data: str | bytes) -> Any:
        if self._connection is None or self._reader is None:
            raise RuntimeError("Enter the socket before you call: async with client.socket() as socket.")
        if self._is_over:
            raise ConnectionLost("The socket is closed.") from self._end
        self._waiting[call_id] = reply = asyncio.get_running_loop().create_future()
        try:
            await self._connection.send(data)
            return await reply
        except ConnectionClosed as closed:
            raise _lost(closed) from None
        finally:
            del self._waiting[call_id]

    # What comes

    async def _read(self, connection: ClientConnection) -> None:
        """Until the connection ends, or gives a reason to end it."""
        end: TotoError | None = None
        try:
            while True:
                self._take(self._decoded(await connection.recv()))
        except ConnectionClosed as closed:
            end = _lost(closed)
        except TotoError as error:
            end = error
        finally:
            self._is_over, self._end = True, end
            self._messages.put_nowait(None)
            self._let_go(ConnectionLost("The socket was closed before the reply.") if end is None else end)
        await connection.close(POLICY_VIOLATION)

    def _decoded(self, data: str | bytes) -> Any:
        body = data.encode() if isinstance(data, str) else data
        try:
            return self._readers[type(data)].loads(body)
        except Malformed as error:
            raise InvalidAnswer(str(error.value)) from None

    def _take(self, frame: Any) -> None:
        call_id = frame.get("id") if isinstance(frame, dict) else None
        if isinstance(call_id, str) and call_id.startswith(self._prefix):
            self._settle(call_id, frame)
        elif isinstance(frame, dict) and frame.keys() == {"error"}:
            raise remote_error(frame["error"])  # Every call has an id: this one says why the service ends it.
        elif isinstance(frame, dict) and "message_id" in frame and "data" in frame:
            self._keep(SocketMessage(frame["data"], frame["message_id"]))
        else:
            self._keep(SocketMessage(frame))

    def _settle(self, call_id: str, frame: dict[str, Any]) -> None:
        """Give a call its reply; one that nobody waits for any more is dropped."""
        reply = self._waiting.get(call_id)
        if reply is None or reply.done():
            return
        if "error" in frame:
            reply.set_exception(remote_error(frame["error"]))
        else:
            reply.set_result(frame.get("result"))

    def _keep(self, message: SocketMessage) -> None:
        if self._messages.qsize() >= self._max_queue:
            raise ConnectionLost(f"Closed: {self._max_queue} messages were waiting to be read already.")
        self._messages.put_nowait(message)

    def _let_go(self, error: TotoError) -> None:
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(error)


class _Connect(connect):
    """Follows no redirects: the session id is for this service alone."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


@contextmanager
def _handshake_errors() -> Iterator[None]:
    try:
        yield
    except InvalidStatus as refused:
        raise HTTPStatusError(refused.response.status_code) from None
    except (OSError, InvalidHandshake, EOFError) as error:
        raise NotConnected(f"The service cannot be reached: {type(error).__name__}.") from None


def _lost(closed: ConnectionClosed) -> ConnectionLost:
    if closed.rcvd is None:
        return ConnectionLost("The connection was lost.")
    return ConnectionLost(f"The service closed the socket with code {closed.rcvd.code}.")


def socket_url(url: str) -> str:
    """Of the web sockets of a service: ``ws://host/service/websocket``."""
    parts = urlsplit(url)
    path = f"{parts.path.rstrip('/')}/websocket"
    return urlunsplit((parts.scheme.replace("http", "ws", 1), parts.netloc, path, parts.query, ""))


def _uri(url: str) -> str:
    """Path and query, as they are sent."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
