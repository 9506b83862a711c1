"""Clients over HTTP. httpx knows HTTP; the rest is in toto_django.remote."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ssl import SSLContext
from typing import Any, Generic, TypeVar

import httpx

from toto_django.client.bodies import ENCODINGS, BodyReader
from toto_django.client.socket import Socket, socket_url
from toto_django.remote.callers import AsyncCaller, BaseCaller, Caller
from toto_django.remote.conversation import Conversation, Request, Response
from toto_django.remote.errors import CallTimeout, ConnectionLost, NotConnected
from toto_django.remote.retrying import Deadline
from toto_django.remote.session import Session

__all__ = ["AsyncClient", "BaseClient", "Client"]

HTTPXClient = TypeVar("HTTPXClient", httpx.Client, httpx.AsyncClient)

MEBIBYTE = 1024 * 1024
CONNECT_TIMEOUT = 10.0
"""Seconds; less where the call has less."""
UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""What httpx raises before it has sent anything."""


class _Service:
    """Where requests go, and what of an answer is read."""

    def __init__(self, url: str, headers: Mapping[str, str] | None, max_answer: int) -> None:
        self.url = httpx.URL(url).copy_with(fragment=None)
        if self.url.scheme not in ("http", "https") or not self.url.host:
            raise ValueError("The URL of a service begins with http:// or https:// and a host.")
        self.headers = {"accept-encoding": ENCODINGS, **(headers or {})}
        self.max_answer = max_answer

    @property
    def uri(self) -> str:
        """Path and query as they are sent."""
        return self.url.raw_path.decode("ascii")

    @property
    def place(self) -> str:
        """The URL without what it may hold of secrets."""
        return f"{self.url.scheme}://{self.url.netloc.decode('ascii')}{self.url.path}"

    def options(self, request: Request) -> dict[str, Any]:
        """Arguments of httpx for a request."""
        seconds = request.timeout
        connect = CONNECT_TIMEOUT if seconds is None else min(CONNECT_TIMEOUT, seconds)
        return {
            "content": request.body,
            "headers": {**self.headers, **request.headers},
            "timeout": httpx.Timeout(seconds, connect=connect),
            "follow_redirects": False,
        }

    def reader(self, response: httpx.Response) -> BodyReader:
        return BodyReader(self.max_answer, response.headers.get("content-encoding", ""))


def _response(response: httpx.Response, body: bytes) -> Response:
    headers = response.headers
    return Response(response.status_code, headers.get("content-type", ""), headers.get("x-toto-hmac"), body)


@contextmanager
def _errors() -> Iterator[None]:
    """httpx's errors as ours. They are not chained: theirs hold the request."""
    try:
        yield
    except UNSENT as error:
        raise NotConnected(f"The service cannot be reached: {type(error).__name__}.") from None
    except httpx.TimeoutException:
        raise CallTimeout("There was no answer in time.") from None
    except (httpx.TransportError, httpx.StreamError) as error:
        raise ConnectionLost(f"The connection was lost before the answer: {type(error).__name__}.") from None


def _no_cookies() -> CookieJar:
    """The session goes in a header; a cookie of an earlier one must not take its place."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


class BaseClient(BaseCaller, Generic[HTTPXClient]):
    """What Client and AsyncClient have in common."""

    _http_class: type[HTTPXClient]

    def __init__(
        self,
        url: str,
        *,
        codec: str = "json",
        signing: str | None = "user_id",
        session: Session | None = None,
        on_session: Callable[[Session | None], Any] | None = None,
        timeout: float | None = 30.0,
        retries: int = 2,
        max_answer: int = 16 * MEBIBYTE,
        headers: Mapping[str, str] | None = None,
        http: HTTPXClient | None = None,
    ) -> None:
        self._service = _Service(url, headers, max_answer)
        conversation = Conversation(
            self._service.uri,
            codec=codec,
            signing=signing,
            session=session,
            on_session=on_session,
            retries=retries,
        )
        super().__init__(conversation, timeout)
        self._http: HTTPXClient = self._http_class(cookies=_no_cookies()) if http is None else http
        self._owns_http = http is None

    @property
    def url(self) -> str:
        return str(self._service.url)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._service.place}>"


class Client(BaseClient[httpx.Client], Caller):
    """A service, and the session in which its methods are called. Threads may share it.

    ``signing`` is the service's ``TOTO["HMAC"]``; with None nothing is signed or verified.
    ``on_session`` is called with each new or renewed session, and with None when it has ended.
    ``retries`` bounds how often a call is tried again; without ``retry`` only what was never
    sent is. ``max_answer`` is in bytes. An ``http`` of your own is not closed.
    """

    _http_class = httpx.Client

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. The session lives on."""
        if self._owns_http:
            self._http.close()

    def _send(self, request: Request) -> Response:
        deadline = Deadline(request.timeout)
        with (
            _errors(),
            self._http.stream("POST", self._service.url, **self._service.options(request)) as response,
        ):
            reader = self._service.reader(response)
            for chunk in response.iter_raw():
                reader.feed(chunk)
                deadline.remaining()
            return _response(response, reader.body())


class AsyncClient(BaseClient[httpx.AsyncClient], AsyncCaller):
    """See Client; on an event loop of asyncio, with web sockets."""

    _http_class = httpx.AsyncClient

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """See Client.close."""
        if self._owns_http:
            await self._http.aclose()

    def socket(self, *, max_queue: int = 100, max_calls: int = 16, ssl: SSLContext | None = None) -> Socket:
        """A web socket in the session of the moment, to be entered by ``async with``.

        ``max_queue`` messages may wait to be read, ``max_calls`` be under way.
        """
        return Socket(
            socket_url(self.url),
            self.conversation.codec,
            partial(self.conversation.opening, self.session),
            timeout=self.timeout,
            max_frame=self._service.max_answer,
            max_queue=max_queue,
            max_calls=max_calls,
            headers=self._service.headers,
            ssl=ssl,
        )

    async def _send(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(request.timeout):
                return await self._sent(request)
        except TimeoutError:
            raise CallTimeout("There was no answer in time.") from None

    async def _sent(self, request: Request) -> Response:
        options = self._service.options(request)
        with _errors():
            async with self._http.stream("POST", self._service.url, **options) as response:
                reader = self._service.reader(response)
                async for chunk in response.aiter_raw():
                    reader.feed(chunk)
                return _response(response, reader.body())
