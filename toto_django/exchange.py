"""One request and its answer, as the layers below the view see them. A batch's members share it."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from toto_django import sessions
from toto_django.accounts import known_user_id
from toto_django.audit import audit
from toto_django.exceptions import InvalidHMAC, NotAuthorized
from toto_django.sessions import Session
from toto_django.signatures import Signatures
from toto_django.signing import SignedRequest
from toto_django.workers import run_in_worker

__all__ = ["Exchange", "login_result"]


class Exchange:
    """Who calls, and what the answer will carry beside the result.

    The session is loaded, and the signature verified, when somebody first asks for it.
    ``given_session_id`` comes from the header or the cookie, "" when neither is there;
    ``signature`` is the x-toto-hmac header, None when missing.
    """

    session: Session | None = None
    """The session the answer shows; it may have ended meanwhile."""
    headers_only = False
    response_type: str | None = None
    is_signed: bool | None = None
    """Whether the answer holds the session; None in views that are not the dispatch view."""
    request_id: str | None = None
    """The x-request-id header, None where there is none that may be passed on."""
    was_asked = False
    """Somebody wanted to know whose request it is."""
    _response: Any = None
    _is_new = False
    _shows_key = False

    def __init__(
        self,
        request: Any,
        *,
        given_session_id: str,
        signature: str | None,
        signed_request: Callable[[Any], SignedRequest],
        make_response: Callable[..., Any],
        socket: Any = None,
    ) -> None:
        self.request = request
        self.given_session_id = given_session_id
        self.socket = socket
        """The web socket that the call came by, None for a request of its own."""
        self._signature = signature
        self._signed_request = signed_request
        self._make_response = make_response

    @cached_property
    def signatures(self) -> Signatures:
        """Of the request and its answer."""
        return Signatures(self.request, self._signature, self._signed_request, self.socket)

    @property
    def response(self) -> Any:
        """The HTTP response to come: status, headers and cookies can be set on it."""
        if self._response is None:
            self._response = self._make_response()
        return self._response

    @property
    def has_response(self) -> bool:
        """Somebody has asked for the response already, and may have changed it."""
        return self._response is not None

    def response_with(self, content: bytes, content_type: str) -> Any:
        """The HTTP response with its body."""
        if self._response is None:
            self._response = self._make_response(content, content_type)
            return self._response
        self._response.content = content
        self._response.headers["Content-Type"] = content_type
        return self._response

    @property
    def live_session(self) -> Session | None:
        """The session, unless it has ended."""
        return None if self.session is None or self.session.ended else self.session

    # Sessions

    def retrieve_session(self, session_id: str | None = None) -> Session | None:
        """The caller's session, or the one of a given id; None when there is none. Raises InvalidHMAC."""
        wanted = self._wanted(session_id)
        if wanted is None:
            return self.live_session
        session = sessions.load_session(wanted)
        if session is not None:
            self.signatures.verify(session)
            sessions.renew(session)
        return self._take(session)

    async def aretrieve_session(self, session_id: str | None = None) -> Session | None:
        """See retrieve_session."""
        wanted = self._wanted(session_id)
        if wanted is None:
            return self.live_session
        session = await sessions.aload_session(wanted)
        if session is not None:
            await self.signatures.averify(session)
            await sessions.arenew(session)
        return self._take(session)

    def create_session(
        self, user_id: Any = None, password: Any = None, verify_password: bool = True
    ) -> Session:
        """A new session for the caller: anonymous without arguments, else the account's.

        Raises UserNotFound.
        """
        if user_id is None and password is None:
            return self._start(sessions.create_session(wants_v2=self.signatures.wants_v2))
        return self._start(self._account_session(user_id, password, verify_password))

    async def acreate_session(
        self, user_id: Any = None, password: Any = None, verify_password: bool = True
    ) -> Session:
        """See create_session."""
        if user_id is None and password is None:
            return self._start(await sessions.acreate_session(wants_v2=self.signatures.wants_v2))
        return self._start(await run_in_worker(self._account_session, user_id, password, verify_password))

    def login(self, user_id: Any, password: Any) -> Session:
        """A new session of the account whose password this is. Raises UserNotFound."""
        return self._start(sessions.login(user_id, password, wants_v2=self.signatures.wants_v2))

    def logout(self) -> None:
        """End the caller's session; the answer still shows it. Raises NotAuthorized."""
        if self.live_session is None:
            raise NotAuthorized
        sessions.remove_session(self.live_session)

    def forget_sessions_of(self, user_id: str) -> None:
        """Take notice that every session of an account has ended."""
        if self.session is not None and self.session.user_id == user_id:
            self.session.ended = True

    def forget_given_session(self) -> None:
        """Go on as with a request that names no session; one that was made for it stays."""
        self.given_session_id = ""
        if not self._is_new:
            self.session = None

    def session_to_wire(self) -> dict[str, Any] | None:
        """The ``session`` member of an answer (docs/protocol.md 7.3, 13.3)."""
        session = self.session
        if session is None:
            return None
        shown = {"session_id": session.session_id, "expires": session.expires, "user_id": session.user_id}
        return {**shown, "key": session.key} if self._shows_key else shown

    def _wanted(self, session_id: str | None) -> str | None:
        """The id to load; None when the session at hand is the answer."""
        if self.session is not None and (not session_id or session_id == self.session.session_id):
            return None
        self.was_asked = True
        if self.signatures.is_refused:
            raise InvalidHMAC
        wanted = session_id or self.given_session_id
        return wanted if wanted and isinstance(wanted, str) else None

    def _take(self, session: Session | None) -> Session | None:
        if session is not None:
            self.session = session
            self._shows_key = self._is_new = False
        return session

    def _start(self, session: Session) -> Session:
        if session.user_id:
            audit("login", session.user_id)
        self.session = session
        self._is_new = True
        self._shows_key = not session.user_id and session.key is not None
        self.signatures.trust(session)
        return session

    def _account_session(self, user_id: Any, password: Any, verify_password: bool) -> Session:
        wants_v2 = self.signatures.wants_v2
        if verify_password:
            return sessions.login(user_id, password, wants_v2=wants_v2)
        return sessions.create_session(known_user_id(user_id), wants_v2=wants_v2)

    def sign_answer(self, body: bytes) -> str | None:
        """The x-toto-hmac of an answer; None for one that is not signed (docs/protocol.md 13.3)."""
        if self.session is None or self.is_signed is False:
            return None
        return self.signatures.sign(self.session, body)


def login_result(session: Session) -> dict[str, Any]:
    """The result of account.create and account.login (docs/protocol.md 8.2)."""
    result = {"session_id": session.session_id, "expires": session.expires, "user_id": session.user_id}
    return result if session.key is None else {**result, "key": session.key}
