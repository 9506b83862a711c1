"""For the tests of projects: clients that call methods in this process (docs/testing.md)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.test import AsyncClient, Client
from django.urls import reverse

from toto_django import sessions
from toto_django.accounts import known_user_id
from toto_django.http import SESSION_COOKIE
from toto_django.registry import Function, Method, registry
from toto_django.remote.callers import AsyncCaller, Caller
from toto_django.remote.conversation import Conversation, Request, Response
from toto_django.remote.errors import RemoteError
from toto_django.remote.session import Session
from toto_django.sessions import Session as StoredSession
from toto_django.signing import SCHEMES, Scheme, current_scheme
from toto_django.workers import run_in_worker

__all__ = ["AsyncTotoClient", "CaughtError", "TotoClient", "assert_toto_error", "registered"]


V2_KEY = 43
"""Characters of a session's key under v2; under session_key they are fewer."""


class _LocalConversation(Conversation):
    """With the service of this process: signed as its settings say at the moment, or by v2."""

    def __init__(self, url: str | None, codec: str) -> None:
        super().__init__(
            reverse("toto_django:dispatch", kwargs={"path": ""}) if url is None else url,
            codec=codec,
            signing=None,
            session=None,
            on_session=None,
            retries=0,
        )

    @property
    def scheme(self) -> Scheme | None:
        return current_scheme()

    def scheme_of(self, session: Session | None, signature: str = "") -> Scheme | None:
        """A session that began under v2 goes on so, which its key tells, or its first answer."""
        scheme = self.scheme
        is_v2 = signature.startswith("v2:") or len((session and session.key) or "") == V2_KEY
        return SCHEMES["v2"] if scheme is not None and is_v2 else scheme


class TotoClient(Caller):
    """Calls methods through Django's test client, ``django``, as a signing client does.

    ``raw`` is Django's response to the last request. ``url`` is where the service is mounted;
    found in the URLconf where it is not given. ``headers`` go with every request.
    """

    def __init__(
        self, *, codec: str = "json", url: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(_LocalConversation(url, codec), None)
        self.django = Client()
        self.headers = dict(headers or {})
        self.raw: Any = None

    def force_login(self, user_id: str) -> Session:
        """A new session of an account, without its password.

        Raises UserNotFound of toto_django.exceptions.
        """
        self.session = _session_of(sessions.create_session(known_user_id(user_id)))
        return self.session

    def _send(self, request: Request) -> Response:
        self.raw = self.django.generic("POST", self.conversation.uri, **_arguments(self.headers, request))
        return _response(self.django, self.raw)


class AsyncTotoClient(AsyncCaller):
    """See TotoClient; through Django's AsyncClient."""

    def __init__(
        self, *, codec: str = "json", url: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(_LocalConversation(url, codec), None)
        self.django = AsyncClient()
        self.headers = dict(headers or {})
        self.raw: Any = None

    async def force_login(self, user_id: str) -> Session:
        """See TotoClient.force_login."""
        stored = await sessions.acreate_session(await run_in_worker(known_user_id, user_id))
        self.session = _session_of(stored)
        return self.session

    async def _send(self, request: Request) -> Response:
        arguments = _arguments(self.headers, request)
        self.raw = await self.django.generic("POST", self.conversation.uri, **arguments)
        return _response(self.django, self.raw)


class CaughtError:
    """What `assert_toto_error` has met."""

    error: RemoteError


@contextmanager
def assert_toto_error(code: Any) -> Iterator[CaughtError]:
    """The block ends in an error of the service with this code. What it gives has it as ``error`` then."""
    caught = CaughtError()
    try:
        yield caught
    except RemoteError as error:
        if error.code != code:
            raise AssertionError(f"Expected the error {code}, got {error}.") from error
        caught.error = error
    else:
        raise AssertionError(f"Expected the error {code}, got none.")


@contextmanager
def registered(name: str, function: Function | Method) -> Iterator[Method]:
    """Inside the block the method ``name`` is this one, whatever it is outside."""
    before = registry.get(name)
    registry.unregister(name)
    added = registry.register(name, function)
    if registry.get(name) is not added:
        raise ValueError(f"{name!r} is no name of a method.")
    try:
        yield added
    finally:
        registry.unregister(name)
        if before is not None:
            registry.register(name, before)


def _arguments(headers: Mapping[str, str], request: Request) -> dict[str, Any]:
    """Of the `generic` of Django's clients."""
    given = {**headers, **request.headers}
    return {"data": request.body, "content_type": given.pop("content-type"), "headers": given}


def _response(client: Client | AsyncClient, raw: Any) -> Response:
    client.cookies.pop(SESSION_COOKIE, None)  # The session goes in the header.
    headers = raw.headers
    return Response(raw.status_code, headers.get("Content-Type", ""), headers.get("x-toto-hmac"), raw.content)


def _session_of(stored: StoredSession) -> Session:
    return Session(stored.session_id, stored.user_id, stored.expires, stored.key)
