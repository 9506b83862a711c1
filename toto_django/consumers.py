"""Calls over a web socket (docs/protocol.md section 15)."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any
from urllib.parse import urlsplit

from channels.generic.websocket import AsyncWebsocketConsumer
from django.http import HttpResponse, parse_cookie

from toto_django import dispatcher
from toto_django.codecs import JSON, Codec, EncodeError, Malformed, codec_for
from toto_django.conf import settings
from toto_django.events import EventManager, Registration
from toto_django.exceptions import ServerError, UnsupportedMediaType
from toto_django.exchange import Exchange
from toto_django.http import SESSION_COOKIE, session_id_in_cookie
from toto_django.messages import ABSENT, Answer, Call, Result, as_member
from toto_django.signing import SignedRequest

__all__ = ["TotoConsumer"]

logger = logging.getLogger("toto_django")

BINARY_TYPES = {"toto.msgpack": "application/msgpack", "toto.bson": "application/bson"}
"""What binary frames hold, by the subprotocol the client asks for; MessagePack without one."""
MOST_WAITING = 100
"""Calls of one socket that may wait for their turn."""
MOST_FORGOTTEN = 100
"""Handlers kept for one event that may have had it before they are looked through."""
UNSUPPORTED, TOO_BIG, TRY_AGAIN_LATER, FORBIDDEN = 1003, 1009, 1013, 4403
"""Close codes: RFC 6455's registry, and one of ours."""


class TotoConsumer(AsyncWebsocketConsumer):
    """One socket. Text frames are JSON; binary ones MessagePack or BSON, answered alike.

    Up to SOCKET_CALLS calls run at a time; more wait, and a client that lets too many wait is
    sent away. The session is that of the URL, the header or the cookie; a login over the
    socket changes it.
    """

    channel_layer_alias = ""
    """No channel of its own: events reach sockets through the process's one."""

    async def connect(self) -> None:
        """Refuse foreign origins; run SOCKET_OPENED_METHOD."""
        self.loop = asyncio.get_running_loop()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.free_calls = asyncio.Semaphore(settings.SOCKET_CALLS)
        self.waiting_calls = self.waiting_bytes = 0
        self.registrations: list[Registration] = []
        self.is_open = False
        self.codec: Codec = JSON
        self.session_id = self._given_session_id()
        _redact(self.scope)
        if not _is_allowed(self._header(b"origin"), self._header(b"host")):
            await self.close(FORBIDDEN)
            return
        offered = [name for name in self.scope.get("subprotocols", ()) if name in BINARY_TYPES]
        self.binary_type = BINARY_TYPES[offered[0] if offered else "toto.msgpack"]
        await self.accept(offered[0] if offered else None)
        self.is_open = True
        await self._run_hook(settings.SOCKET_OPENED_METHOD)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A frame: a call in a task of its own, so that a disconnect is heard meanwhile."""
        try:
            self.codec = JSON if text_data is not None else codec_for(self.binary_type)
        except UnsupportedMediaType:
            await self.close(UNSUPPORTED)
            return
        data = text_data.encode() if text_data is not None else bytes_data or b""
        if len(data) > settings.MAX_BODY:
            await self.close(TOO_BIG)
            return
        if self.waiting_calls >= MOST_WAITING or self.waiting_bytes + len(data) > settings.MAX_BODY:
            await self.close(TRY_AGAIN_LATER)
            return
        self._start(self._answer(data, self.codec))

    async def disconnect(self, code: int) -> None:
        """Cancel what runs, forget the event handlers, run SOCKET_CLOSED_METHOD."""
        was_open, self.is_open = self.is_open, False
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for registration in self.registrations:
            EventManager.instance().remove_handler(registration)
        if was_open:
            await self._run_hook(settings.SOCKET_CLOSED_METHOD)

    # For handlers

    def send_message(self, data: Any, message_id: Any = None) -> None:
        """A frame to the client, from any thread; dropped when the socket is closed."""
        frame = data if message_id is None else {"message_id": message_id, "data": data}
        self.loop.call_soon_threadsafe(self._send_soon, frame)

    def keep_registration(self, registration: Registration) -> None:
        """An event handler that lives as long as the socket."""
        manager = EventManager.instance()
        if not self.is_open:
            manager.remove_handler(registration)
            return
        if len(self.registrations) >= MOST_FORGOTTEN:
            self.registrations = [kept for kept in self.registrations if manager.is_registered(kept)]
        self.registrations.append(registration)

    # Steps

    async def _answer(self, data: bytes, codec: Codec) -> None:
        self.waiting_calls += 1
        self.waiting_bytes += len(data)
        try:
            await self.free_calls.acquire()
        finally:
            self.waiting_calls -= 1
            self.waiting_bytes -= len(data)
        try:
            await self._answer_frame(data, codec)
        finally:
            self.free_calls.release()

    async def _answer_frame(self, data: bytes, codec: Codec) -> None:
        try:
            frame = codec.loads(data)
        except Malformed as error:
            await self._send(codec, Result.of_exception(error).to_wire())
            return
        if not isinstance(frame, dict):
            await self._send(codec, Result.of_exception(ServerError("A frame is an object.")).to_wire())
            return
        exchange = self._exchange()
        answer = await self._call(exchange, frame)
        call_id = frame.get("id")
        member = as_member(answer)
        if call_id is not None:
            await self._send(codec, {"id": call_id, **member})
        elif "error" in member:
            await self._send(codec, dict(member))

    async def _call(self, exchange: Exchange, frame: dict[Any, Any]) -> Answer:
        call = Call(frame.get("method", ABSENT), frame.get("parameters", {}))
        try:
            answer = await dispatcher.acall(exchange, call)
        except Exception as error:
            logger.error("a call failed outside its method", exc_info=error)
            answer = Result.of_exception(error)
        self._take_session(exchange)
        return answer

    def _take_session(self, exchange: Exchange) -> None:
        """A login changes the socket's session, a logout ends it; calls that began before do neither."""
        session = exchange.session
        if session is None:
            return
        if session.session_id != exchange.given_session_id:
            self.session_id = session.session_id
        elif session.ended and self.session_id == session.session_id:
            self.session_id = ""

    async def _send(self, codec: Codec, frame: Any) -> None:
        try:
            data = codec.dumps(frame)
        except EncodeError as error:
            failed = Result.of_exception(ServerError(str(error))).to_wire()
            call_id = frame.get("id") if isinstance(frame, dict) else None
            data = codec.dumps(failed if call_id is None else {"id": call_id, **failed})
        try:
            await (self.send(text_data=data.decode()) if codec is JSON else self.send(bytes_data=data))
        except Exception as error:
            logger.debug("a frame was dropped, its socket is gone: %s", type(error).__name__)

    def _send_soon(self, frame: Any) -> None:
        self._start(self._send(self.codec, frame))

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _run_hook(self, method_name: str | None) -> None:
        if method_name is not None:
            await self._call(self._exchange(), {"method": method_name, "parameters": {}})

    def _exchange(self) -> Exchange:
        return Exchange(
            self.scope,
            given_session_id=self.session_id,
            signature=None,
            signed_request=lambda scope: SignedRequest("GET", (), b""),
            make_response=HttpResponse,
            socket=self,
        )

    def _given_session_id(self) -> str:
        in_url: str = self.scope["url_route"]["kwargs"].get("session_id", "")
        header = self._header(b"x-toto-session-id").strip()
        return (
            in_url
            or header
            or session_id_in_cookie(parse_cookie(self._header(b"cookie")).get(SESSION_COOKIE, ""))
        )

    def _header(self, name: bytes) -> str:
        return next((value.decode("latin-1") for key, value in self.scope["headers"] if key == name), "")


def _is_allowed(origin: str, host: str) -> bool:
    """Pages of the service's own origin always are."""
    allowed = settings.ALLOW_ORIGIN
    if allowed == "*" or not origin or urlsplit(origin).netloc == host:
        return True
    return origin in ([allowed] if isinstance(allowed, str) else allowed)


def _redact(scope: Any) -> None:
    """Servers log the path of the scope they made: take the session id out of it."""
    session_id = scope["url_route"]["kwargs"].get("session_id")
    if session_id:
        for name, blank in (("path", "…"), ("raw_path", b"...")):
            if scope.get(name):
                at = len(scope[name]) - len(session_id)
                scope[name] = scope[name][:at] + blank
