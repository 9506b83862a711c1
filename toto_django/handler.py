"""What a method receives: ``method(handler, parameters)``."""

import uuid
from functools import cached_property
from typing import Any

from toto_django.connection import Connection
from toto_django.exceptions import ServerError
from toto_django.exchange import Exchange
from toto_django.messages import ABSENT, Redirect, Result, error_to_wire
from toto_django.reply import Reply
from toto_django.sessions import Session

__all__ = ["Handler"]


class Handler:
    """One call: its request, its session, its answer."""

    def __init__(self, exchange: Exchange, method_name: str) -> None:
        self.exchange = exchange
        self.method_name = method_name
        self.reply = Reply()
        self.jsonp_callback: str | None = None

    def __repr__(self) -> str:
        return f"<Handler of {self.method_name!r}>"

    @cached_property
    def transaction_id(self) -> str:
        """A uuid4, the same in the signals of this call."""
        return str(uuid.uuid4())

    # The request

    @property
    def request(self) -> Any:
        """Django's HttpRequest."""
        return self.exchange.request

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


def _error(error: Any) -> dict[str, Any]:
    return error_to_wire(error if isinstance(error, BaseException) else ServerError(error))
