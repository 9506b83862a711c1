"""Calls over a web socket (docs/protocol.md section 15)."""

import asyncio
import io
import logging
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, parse_cookie

from toto_django import dispatcher, sessions
from toto_django.addresses import address_of
from toto_django.codecs import JSON, Codec, EncodeError, Malformed, codec_for
from toto_django.conf import settings
from toto_django.current import current_exchange
from toto_django.events import EventManager, Registration
from toto_django.exceptions import InvalidHMAC, ServerError, TotoException, UnsupportedMediaType
from toto_django.exchange import Exchange
from toto_django.http import (
    SESSION_COOKIE,
    header_size,
    is_trusted_origin,
    redact_session_id,
    session_id_in_cookie,
    signed_opening,
    usable_request_id,
)
from toto_django.logs import one_line
from toto_django.messages import ABSENT, Answer, Call, Result, as_member
from toto_django.outbox import Frame, Outbox
from toto_django.places import Places
from toto_django.signatures import Signatures
from toto_django.signing import SignedRequest

__all__ = ["TotoConsumer"]

logger = logging.getLogger("toto_django")

BINARY_TYPES = {"toto.msgpack": "application/msgpack", "toto.bson": "application/bson"}
"""What binary frames hold, by the subprotocol the client asks for; MessagePack without one."""
MOST_WAITING = 100
"""Calls of one socket that may wait for their turn."""
MOST_FORGOTTEN = 100
"""Handlers kept for one event that may have had it before they are looked through."""
MOST_PROVEN = 16
"""Sessions whose calls a socket may make without a signature: of its opening, and of logins over it."""
UNSUPPORTED, TOO_BIG, TRY_AGAIN_LATER, UNPROVEN, FORBIDDEN = 1003, 1009, 1013, 4401, 4403
"""Close codes: RFC 6455's registry, and two of ours."""


class TotoConsumer(AsyncWebsocketConsumer):
    """One socket. Text frames are JSON; binary ones MessagePack or BSON, answered alike.

    Up to SOCKET_CALLS calls run at a time; more wait, and a client that lets too many wait is
    sent away. The session is that of the URL, the header or the cookie; a login over the
    socket changes it.
    """

    channel_layer_alias = ""
    """No channel of its own: events reach sockets through the process's one."""
    place: tuple[str, str] | None = None
    """For whom it is counted, once it is."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The life of the socket, however it ends."""
        self.loop = asyncio.get_running_loop()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.registrations: list[Registration] = []
        self.outbox = Outbox(self._transmit, self._start, self._give_up)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._let_go()
            if self.place is not None:
                _places.give_back(*self.place)

    async def connect(self) -> None:
        """Refuse foreign origins and what is too much; run SOCKET_OPENED_METHOD."""
        self.free_calls = asyncio.Semaphore(settings.SOCKET_CALLS)
        self.waiting_calls = self.waiting_bytes = 0
        self.is_open = False
        self.codec: Codec = JSON
        is_small = _opening_size(self.scope) <= settings.MAX_HEADERS
        self.session_id = self._given_session_id() if is_small else ""
        self.request_id = usable_request_id(self._header(b"x-request-id"))
        self.proven_sessions: deque[str] = deque(maxlen=MOST_PROVEN)
        opening, signature = signed_opening(self.scope)
        redact_session_id(self.scope)
        if not is_small or not _is_allowed(self._header(b"origin"), self._header(b"host")):
            await self.close(FORBIDDEN)
            return
        offered = [name for name in self.scope.get("subprotocols", ()) if name in BINARY_TYPES]
        self.binary_type = BINARY_TYPES[offered[0] if offered else "toto.msgpack"]
        await self.accept(offered[0] if offered else None)
        if not self._take_place():
            await self.close(TRY_AGAIN_LATER, "Too many web sockets")
            return
        try:
            await self._prove(opening, signature)
        except TotoException as error:
            await self._send(JSON, Result.of_exception(error).to_wire())
            await self.close(UNPROVEN if isinstance(error, InvalidHMAC) else TRY_AGAIN_LATER)
            return
        self.is_open = True
        await self._run_hook(settings.SOCKET_OPENED_METHOD)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A frame: a call in a task of its own, so that a disconnect is heard meanwhile."""
        if not self.is_open or self.outbox.is_closed:
            return
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
        await asyncio.gather(*self._let_go(), return_exceptions=True)
        if was_open:
            await self._run_hook(settings.SOCKET_CLOSED_METHOD)

    # For handlers

    def send_message(self, data: Any, message_id: Any = None) -> None:
        """A frame to the client, from any thread; dropped when the socket is closed."""
        if not self.outbox.is_closed:
            frame = data if message_id is None else {"message_id": message_id, "data": data}
            self.outbox.push(_encoded(self.codec, frame))

    def keep_registration(self, registration: Registration) -> None:
        """An event handler that lives as long as the socket."""
        manager = EventManager.instance()
        if not self.is_open or self.outbox.is_closed:
            manager.remove_handler(registration)
            return
        if len(self.registrations) >= MOST_FORGOTTEN:
            self.registrations = [kept for kept in self.registrations if manager.is_registered(kept)]
        self.registrations.append(registration)

    # Steps

    async def _prove(self, opening: SignedRequest, signature: str) -> None:
        """Verify the opening where the session's scheme signs it. Raises InvalidHMAC, Unavailable.

        Without a signature the socket opens, and calls that ask for such a session are refused.
        """
        session = await sessions.aload_session(self.session_id) if signature and self.session_id else None
        if session is not None and session.scheme is not None and session.scheme.signs_sockets:
            await Signatures(self.scope, signature, lambda scope: opening, None).averify(session)
            self.proven_sessions.append(session.permanent_id)

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
        token = current_exchange.set(exchange)
        try:
            answer = await dispatcher.acall(exchange, call, "frame")
        except Exception as error:
            logger.error("a call failed outside its method", exc_info=error)
            answer = Result.of_exception(error)
        finally:
            current_exchange.reset(token)
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
        await self.outbox.answer(_encoded(codec, frame))

    async def _transmit(self, frame: Frame) -> None:
        try:
            if frame.is_text:
                await self.send(text_data=frame.data.decode())
            else:
                await self.send(bytes_data=frame.data)
        except Exception as error:
            logger.debug("a frame was dropped, its socket is gone: %s", type(error).__name__)

    def _give_up(self) -> None:
        """The client does not read. It learns why it was closed if it ever does."""
        self._let_go()
        self._start(self._close(TRY_AGAIN_LATER, "Too many messages are waiting"))

    async def _close(self, code: int, reason: str) -> None:
        with suppress(Exception):  # It is closed already.
            await self.close(code, reason)

    def _let_go(self) -> list[asyncio.Task[Any]]:
        """Drop its frames, cancel what runs, forget the event handlers. The tasks that have to end."""
        self.outbox.close()
        tasks = list(self.tasks)
        for task in tasks:
            if not task.cancelling():  # A second time would cancel what it still has to do.
                task.cancel()
        for registration in self.registrations:
            EventManager.instance().remove_handler(registration)
        self.registrations.clear()
        return tasks

    def _take_place(self) -> bool:
        """Whether there is one, for the session that was given and for the address."""
        place = self.session_id, address_of(self.scope)
        if not _places.take(*place, settings.MAX_SESSION_SOCKETS, settings.MAX_ADDRESS_SOCKETS):
            return False
        self.place = place
        return True

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _run_hook(self, method_name: str | None) -> None:
        if method_name is not None:
            await self._call(self._exchange(), {"method": method_name, "parameters": {}})

    def _exchange(self) -> Exchange:
        exchange = Exchange(
            self.scope,
            given_session_id=self.session_id,
            signature=None,
            signed_request=lambda scope: SignedRequest("GET", (), b""),
            make_response=HttpResponse,
            socket=self,
        )
        exchange.request_id = self.request_id
        return exchange

    def _given_session_id(self) -> str:
        in_url: str = self.scope["url_route"]["kwargs"].get("session_id", "")
        return in_url or self._header(b"x-toto-session-id").strip(" \t") or self._session_id_in_cookie()

    def _session_id_in_cookie(self) -> str:
        """Nothing where a page of another site opened the socket; browsers always send Origin (RFC 6455)."""
        cookies = parse_cookie(self._header(b"cookie"))
        session_id = session_id_in_cookie(cookies.get(SESSION_COOKIE, ""))
        if not session_id or not settings.COOKIE_GUARD:
            return session_id
        scheme = "https" if self.scope.get("scheme") == "wss" else "http"
        request = ASGIRequest({**self.scope, "method": "GET", "scheme": scheme}, io.BytesIO())
        origin = request.META.get("HTTP_ORIGIN")
        return session_id if origin is None or is_trusted_origin(origin, request) else ""

    def _header(self, name: bytes) -> str:
        """Repeated ones as one, as in Django's requests: two session ids are none."""
        separator = "; " if name == b"cookie" else ","
        return separator.join(value.decode("latin-1") for key, value in self.scope["headers"] if key == name)


_places = Places()
"""Those of all open sockets."""


def _encoded(codec: Codec, frame: Any) -> Frame:
    try:
        data = codec.dumps(frame)
    except EncodeError as error:
        logger.error("a frame could not be encoded: %s", one_line(str(error)))
        failed = Result.of_exception(ServerError(str(error))).to_wire()
        call_id = frame.get("id") if isinstance(frame, dict) else None
        data = codec.dumps(failed if call_id is None else {"id": call_id, **failed})
    return Frame(data, codec is JSON)


def _opening_size(scope: Any) -> int:
    """Bytes that the client chose. Its path may hold a session id, its query a signature."""
    return header_size(scope) + len(scope["path"]) + len(scope.get("query_string", b""))


def _is_allowed(origin: str, host: str) -> bool:
    """Pages of the service's own origin always are."""
    allowed = settings.ALLOW_ORIGIN
    if allowed == "*" or not origin or origin.partition("://")[2] == host:
        return True
    return origin in ([allowed] if isinstance(allowed, str) else allowed)
