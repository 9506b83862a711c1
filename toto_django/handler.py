"""What a method receives: ``method(handler, parameters)``."""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any

from toto_django.connection import Connection
from toto_django.events import EventManager, Registration
from toto_django.exceptions import ServerError, TimedOut, Unavailable
from toto_django.exchange import Exchange
from toto_django.messages import ABSENT, Redirect, Result, error_to_wire
from toto_django.reply import Reply
from toto_django.sessions import Session
from toto_django.waiting import Waiting

__all__ = ["Handler"]


class Handler:
    """One call: its request, its session, its answer."""

    jsonp_callback: str | None = None
    loop: asyncio.AbstractEventLoop | None = None
    """The event loop of the server, None under WSGI."""
    waits: AbstractContextManager[None] = nullcontext()
    """Entered while the call waits for others: `toto_django.observing` measures that."""
    _registrations: list[Registration] | None = None

    def __init__(self, exchange: Exchange, method_name: str) -> None:
        self.exchange = exchange
        self.method_name = method_name
        self.reply = Reply()

    def __repr__(self) -> str:
        return f"<Handler of {self.method_name!r}>"

    @cached_property
    def transaction_id(self) -> str:
        """A uuid4, the same in the signals of this call."""
        return str(uuid.uuid4())

    @cached_property
    def label(self) -> str:
        """The method's name for metrics and logs: "<unknown>" for any that is not registered."""
        return self.method_name

    # The request

    @property
    def request(self) -> Any:
        """Django's HttpRequest."""
        return self.exchange.request

    @property
    def request_id(self) -> str | None:
        """The x-request-id of the request, or of the web socket's opening; None without a usable one."""
        return self.exchange.request_id

    @property
    def headers_only(self) -> bool:
        """A HEAD request: the result will not be sent."""
        return self.exchange.headers_only

    @cached_property
    def connection(self) -> Connection:
        """Accounts and sessions under Toto's names; ``connection.db`` is the database."""
        return Connection(self.exchange)

    @property
    def db_connection(self) -> Connection:
        """Toto's older name for `connection`."""
        return self.connection

    # The session

    @property
    def session(self) -> Session | None:
        """The session, once a decorator or `retrieve_session` asked for it and found it."""
        return self.exchange.live_session

    @property
    def is_authenticated(self) -> bool:
        """The session at hand is an account's."""
        return self.session is not None and bool(self.session.user_id)

    def retrieve_session(self, session_id: str | None = None) -> Session | None:
        """Load the caller's session, or that of a given id. Raises InvalidHMAC."""
        return self.exchange.retrieve_session(session_id)

    async def aretrieve_session(self, session_id: str | None = None) -> Session | None:
        """See retrieve_session."""
        return await self.exchange.aretrieve_session(session_id)

    def create_session(
        self, user_id: Any = None, password: Any = None, verify_password: bool = True
    ) -> Session:
        """Give the caller a new session: anonymous, or an account's. Raises UserNotFound."""
        return self.exchange.create_session(user_id, password, verify_password)

    async def acreate_session(
        self, user_id: Any = None, password: Any = None, verify_password: bool = True
    ) -> Session:
        """See create_session."""
        return await self.exchange.acreate_session(user_id, password, verify_password)

    # The answer

    def respond(self, result: Any = None, error: Any = None) -> None:
        """Answer the call, from any thread. The first answer wins; one after the client left is dropped."""
        given = Result(ABSENT if result is None else result, ABSENT if error is None else _error(error))
        self.reply.give(given)

    def respond_raw(
        self, body: bytes | str, content_type: str = "application/octet-stream", finish: bool = True
    ) -> None:
        """Answer with bytes as they are; with ``finish=False`` more may follow. Unsigned, without session."""
        data = body.encode() if isinstance(body, str) else bytes(body)
        self.reply.write(data, content_type, finish)

    raw_respond = respond_raw

    def redirect(self, location: str, permanent: bool = False, status: int | None = None) -> None:
        """Answer with a redirect."""
        self.reply.give(Redirect(location, status or (301 if permanent else 302)))

    def send_message(self, data: Any, message_id: Any = None) -> None:
        """Send a frame to the web socket, from any thread: ``{"message_id", "data"}``, or the bare value."""
        if self.exchange.socket is None:
            raise ServerError("There is no web socket to send a message to.")
        self.exchange.socket.send_message(data, message_id)

    # Events

    def register_event_handler(
        self,
        name: str,
        handler: Callable[[Any], Any],
        run_on_main_loop: bool = True,
        deregister_on_finish: bool = False,
        persist: bool = False,
    ) -> Registration:
        """Call ``handler(args)`` at the next event of this name, or with ``persist`` at each.

        It runs on the server's event loop, or without ``run_on_main_loop`` in a thread.
        It is forgotten when this call is finished; on a web socket when that closes, unless
        ``deregister_on_finish``.
        """
        manager = EventManager.instance()
        loop = self.loop if run_on_main_loop else None
        registration, joined = manager.add(name, handler, persist, loop)
        socket = self.exchange.socket
        owner = self if socket is None or deregister_on_finish else socket
        owner.keep_registration(registration)
        manager.wait_until_joined(joined)
        return registration

    def deregister_event_handler(self, registration: Registration) -> None:
        """Take a handler back. Harmless when it is gone."""
        EventManager.instance().remove_handler(registration)

    async def wait_event(self, name: str, timeout: float | None = None) -> Any:
        """The payload of the next event of this name.

        Raises TimedOut after ``timeout`` seconds, RateLimited at once where too many calls of this
        session or address wait, Unavailable when the server ends.
        """
        manager, loop = EventManager.instance(), asyncio.get_running_loop()
        event = _Event(loop)
        with Waiting(self, event.leave), self.waits:
            registration, joined = manager.add(name, event.arrive, persist=False, loop=loop)
            try:
                async with asyncio.timeout(timeout):
                    if joined is not None:
                        # Others wait for the same joining: leaving must not cancel it.
                        await asyncio.shield(asyncio.wrap_future(joined))
                    return await event.arrived
            except TimeoutError:
                raise TimedOut from None
            finally:
                manager.remove_handler(registration)

    def keep_registration(self, registration: Registration) -> None:
        self.__dict__.setdefault("_registrations", []).append(registration)

    def finish(self) -> None:
        """The call is over: its event handlers are forgotten."""
        if self._registrations:
            for registration in self._registrations:
                EventManager.instance().remove_handler(registration)
            self._registrations.clear()

    # The response

    @property
    def response(self) -> Any:
        """Django's HttpResponse to come: set status, headers and cookies on it, not content."""
        return self.exchange.response

    def set_status(self, status_code: int) -> None:
        self.response.status_code = status_code

    def set_header(self, name: str, value: str) -> None:
        self.response.headers[name] = value

    def set_cookie(self, name: str, value: str, **attributes: Any) -> None:
        """``attributes`` are those of HttpResponse.set_cookie."""
        self.response.set_cookie(name, value, **attributes)

    @property
    def response_type(self) -> str | None:
        """The answer's content type, where the method chooses one."""
        return self.exchange.response_type

    @response_type.setter
    def response_type(self, content_type: str | None) -> None:
        self.exchange.response_type = content_type


class _Event:
    """The one event that somebody waits for; ``arrived`` is its payload, or Unavailable."""

    __slots__ = ("arrived",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.arrived: asyncio.Future[Any] = loop.create_future()

    def arrive(self, args: Any) -> None:
        if not self.arrived.done():
            self.arrived.set_result(args)

    def leave(self) -> None:
        if not self.arrived.done():
            self.arrived.set_exception(Unavailable())


def _error(error: Any) -> dict[str, Any]:
    return error_to_wire(error if isinstance(error, BaseException) else ServerError(error))
