"""What a client sends and what it makes of the answers, without I/O.

Everything a client does is a generator of steps: it yields a `Request` to be sent or a `Pause`
to be waited, is sent the `Response` or thrown the TotoError it came to, and returns the result.
Clients, plain and asynchronous, only carry the steps out.
"""

import hmac
import math
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

from toto_django.codecs import JSON, Malformed, make_codec
from toto_django.remote.batches import Batch
from toto_django.remote.errors import (
    HTTPStatusError,
    InvalidAnswer,
    InvalidHMAC,
    InvalidResponseHMAC,
    InvalidSessionID,
    NotAuthorized,
    TotoError,
    remote_error,
)
from toto_django.remote.retrying import Deadline, backoff, may_repeat
from toto_django.remote.session import Session, is_same, is_text, session_from_wire
from toto_django.signing import SCHEMES, Scheme

__all__ = ["CODECS", "MAX_DEPTH", "Conversation", "Outcome", "Pause", "Request", "Response", "Steps"]

T = TypeVar("T")

CODECS = ("json", "bson", "msgpack")
MAX_DEPTH = 256
"""Levels of an answer."""
LARGEST_OFFSET = 24 * 60 * 60.0
"""Seconds. Who can forge a service's errors makes a client sign for no later time than that."""
LOGOUT = "account.logout"
LOGGED_OUT = (1004, 1007)


@dataclass(frozen=True, slots=True)
class Request:
    """To be sent by POST. ``timeout`` is in seconds, None for as long as it takes."""

    content: Mapping[str, Any] = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    session: Session | None
    timeout: float | None


@dataclass(frozen=True, slots=True)
class Response:
    """What came back; ``signature`` is x-toto-hmac, None when missing."""

    status: int
    content_type: str
    signature: str | None = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pause:
    """Seconds in which nothing is done."""

    seconds: float


class Outcome(NamedTuple):
    """What one call of a request came to."""

    method: Any
    result: Any = None
    error: Any = None

    @property
    def says_logged_out(self) -> bool:
        return isinstance(self.error, Mapping) and self.error.get("code") in LOGGED_OUT

    def is_login_to(self, session: Session | None) -> bool:
        if session is None or not isinstance(self.result, Mapping):
            return False
        return bool(self.result.get("session_id") == session.session_id)


Steps = Generator[Request | Pause, Response | None, T]


class Conversation:
    """One client's talk with one service: its format, its signing scheme and its session. Thread-safe.

    ``uri`` is the path, with the query, that requests are sent to.
    """

    def __init__(
        self,
        uri: str,
        *,
        codec: str,
        signing: str | None,
        session: Session | None,
        on_session: Callable[[Session | None], Any] | None,
        retries: int,
    ) -> None:
        if codec not in CODECS:
            raise ValueError(f"There is no codec {codec!r}; there are {', '.join(CODECS)}.")
        if signing is not None and signing not in SCHEMES:
            raise ValueError(f"There is no signing scheme {signing!r}; there are {', '.join(SCHEMES)}.")
        self.uri = uri
        self.codec = make_codec(codec, max_depth=MAX_DEPTH)
        self._json = make_codec(JSON.name, max_depth=MAX_DEPTH)
        self._signing = signing
        self._session = session
        self._on_session = on_session
        self._retries = retries
        self._clock_offset = 0.0
        """Seconds that the service's clock is ahead."""
        self._lock = threading.Lock()

    @property
    def scheme(self) -> Scheme | None:
        return None if self._signing is None else SCHEMES[self._signing]

    def scheme_of(self, session: Session | None, signature: str = "") -> Scheme | None:
        """How requests in a session are signed, and its answer that carries this signature."""
        return self.scheme

    @property
    def session(self) -> Session | None:
        return self._session

    @session.setter
    def session(self, session: Session | None) -> None:
        with self._lock:
            before, self._session = self._session, session
        self._tell(before, session)

    # Steps

    def call(
        self, method: str, parameters: Any = None, *, timeout: float | None, retry: bool = False
    ) -> Steps[Any]:
        """The result of a method, None where it has none."""
        content = {"method": method, "parameters": {} if parameters is None else parameters}
        answer = yield from self._exchange(content, timeout, retry)
        return answer.get("result")

    def batch(self, batch: Batch, *, timeout: float | None, retry: bool = False) -> Steps[None]:
        """Give the members of a batch their results."""
        if not len(batch):
            return
        try:
            batch.settle((yield from self._exchange(batch.to_wire(), timeout, retry)))
        except TotoError as error:
            batch.fail(error)
            raise

    def create(
        self, user_id: str, password: str, properties: Mapping[str, Any] | None, *, timeout: float | None
    ) -> Steps[Session]:
        """Make an account and log in."""
        parameters = {**(properties or {}), "user_id": user_id, "password": password}
        return self._begun((yield from self.call("account.create", parameters, timeout=timeout)))

    def login(self, user_id: str, password: str, *, timeout: float | None) -> Steps[Session]:
        parameters = {"user_id": user_id, "password": password}
        return self._begun((yield from self.call("account.login", parameters, timeout=timeout)))

    def logout(self, *, timeout: float | None) -> Steps[None]:
        """End the session. It is kept when the service does not answer."""
        session = self.session
        if session is None:
            return
        with suppress(NotAuthorized, InvalidSessionID):  # It has ended already.
            yield from self.call(LOGOUT, timeout=timeout)
        self._replace(session, None)

    def update(self, password: str, changes: Mapping[str, Any], *, timeout: float | None) -> Steps[list[str]]:
        """Change properties and, with ``new_password``, the password: the names of what has changed."""
        parameters = {**changes, "password": password}
        result = yield from self.call("account.update", parameters, timeout=timeout)
        if not isinstance(result, Mapping) or not isinstance(result.get("updated_fields"), list):
            raise InvalidAnswer("This is no answer to account.update.")
        names: list[str] = result["updated_fields"]
        return names

    def _begun(self, result: Any) -> Session:
        session = self.session
        if session is None or not isinstance(result, Mapping):
            raise InvalidAnswer("The service has answered a login without a session.")
        return session

    def _exchange(
        self, content: Mapping[str, Any], timeout: float | None, retry: bool
    ) -> Steps[Mapping[str, Any]]:
        """The answer to a request, with as many attempts as its errors and its time allow."""
        deadline = Deadline(timeout)
        failures = 0
        has_new_time = False
        while True:
            try:
                request = self.request(content, deadline.remaining())
                response = yield request
                assert response is not None
                return self.answer(request, response)
            except InvalidHMAC as error:
                if has_new_time or not self._takes_time(error):
                    raise
                has_new_time = True
                continue
            except TotoError as error:
                pause = backoff(failures, error)
                failures += 1
                if failures > self._retries or not may_repeat(error, retry) or not deadline.leaves(pause):
                    raise
            yield Pause(pause)

    def _takes_time(self, error: InvalidHMAC) -> bool:
        """Whether a request was refused for its time alone, and the service has told what time it is."""
        told = error.details.get("time")
        if isinstance(told, bool) or not isinstance(told, int | float) or not math.isfinite(told):
            return False
        offset = told - time.time()
        if abs(offset) > LARGEST_OFFSET:
            return False
        self._clock_offset = offset
        return True

    # Requests and answers

    def request(self, content: Mapping[str, Any], timeout: float | None) -> Request:
        """A request in the current session. Raises EncodeError."""
        session = self.session
        scheme = self.scheme_of(session)
        body = self.codec.dumps(content)
        headers = {"content-type": self.codec.content_type}
        if session is not None:
            headers["x-toto-session-id"] = session.session_id
            if scheme is not None:
                headers["x-toto-hmac"] = self._signature(session, scheme, "POST", self.uri, body)
        elif scheme is not None and scheme.offer:
            headers["x-toto-hmac"] = scheme.offer
        return Request(content, body, headers, session, timeout)

    def opening(self, session: Session | None, uri: str) -> dict[str, str]:
        """The headers that open a web socket in a session. It is not in the URL: servers log those."""
        if session is None:
            return {}
        headers = {"x-toto-session-id": session.session_id}
        scheme = self.scheme_of(session)
        if scheme is not None and scheme.signs_sockets:
            headers["x-toto-hmac"] = self._signature(session, scheme, "GET", uri, b"")
        return headers

    def answer(self, request: Request, response: Response) -> Mapping[str, Any]:
        """The decoded answer; the session follows it.

        Raises RemoteError, HTTPStatusError, InvalidAnswer.
        """
        answer = self._decoded(response)
        outcomes = list(_outcomes(request.content, answer))
        given = None
        if answer.get("session") is not None:
            given = self._verified(answer["session"], outcomes, request, response)
        self._follow(request.session, given, outcomes)
        if "error" in answer:
            raise remote_error(answer["error"], response.status)
        return answer

    def _signature(self, session: Session, scheme: Scheme, method: str, uri: str, body: bytes) -> str:
        key = (session.key or "") if scheme.gives_key else session.user_id
        return scheme.sign_request(
            key, session.session_id, method, uri, body, clock_offset=self._clock_offset
        )

    def _decoded(self, response: Response) -> dict[str, Any]:
        is_ok = 200 <= response.status < 300
        if is_ok and not response.body:
            return {}
        media_type = response.content_type.partition(";")[0].strip().lower()
        codec = self._json if media_type == self._json.content_type else self.codec
        try:
            answer = codec.loads(response.body)
        except Malformed as error:
            answer, problem = None, str(error.value)
        else:
            problem = "The answer is no object."
        if isinstance(answer, dict) and (is_ok or "error" in answer):
            return answer
        raise InvalidAnswer(problem) if is_ok else HTTPStatusError(response.status)

    def _verified(self, given: Any, outcomes: list[Outcome], request: Request, response: Response) -> Session:
        """The session of an answer that is signed with its key. Raises InvalidAnswer."""
        session = session_from_wire(given)
        known = request.session if is_same(request.session, session) else None
        scheme = self.scheme_of(known, response.signature or "")
        if scheme is None:
            return session
        keys = _own_keys(given, outcomes, session, request.session) if scheme.gives_key else [session.user_id]
        sent = request.headers.get("x-toto-hmac", "")
        signature = (response.signature or "").encode("utf-8", "replace")
        for key in keys:
            expected = scheme.sign_answer(key, session.session_id, response.body, sent)
            if hmac.compare_digest(expected.encode(), signature):
                return replace(session, key=key) if scheme.gives_key else session
        raise InvalidResponseHMAC("The signature of the answer is wrong or missing.")

    # The session

    def _follow(self, sent: Session | None, given: Session | None, outcomes: list[Outcome]) -> None:
        """Go on with the session of an answer, unless that which was sent has been replaced meanwhile."""
        is_refused = given is None and any(outcome.says_logged_out for outcome in outcomes)
        if is_refused or _ends_in_logout(outcomes, given):
            self._replace(sent, None)
        elif given is not None:
            is_login = any(outcome.is_login_to(given) for outcome in outcomes)
            self._replace(self.session if is_login else sent, given)

    def _replace(self, before: Session | None, session: Session | None) -> None:
        """If ``before`` is the current session still."""
        with self._lock:
            current = self._session
            if not is_same(current, before):
                return
            self._session = session
        self._tell(current, session)

    def _tell(self, before: Session | None, session: Session | None) -> None:
        if self._on_session is not None and before != session:
            self._on_session(session)


def _outcomes(content: Mapping[str, Any], answer: Mapping[str, Any]) -> Generator[Outcome]:
    """What the calls of a request came to, in the order in which they ran."""
    if "batch" not in content:
        yield Outcome(content["method"], answer.get("result"), answer.get("error"))
        return
    answers = answer.get("batch")
    for member_id, call in content["batch"].items():
        member = answers.get(member_id) if isinstance(answers, Mapping) else None
        if isinstance(member, Mapping):
            yield Outcome(call["method"], member.get("result"), member.get("error"))


def _ends_in_logout(outcomes: list[Outcome], given: Session | None) -> bool:
    """Whether calls logged out and none logged in again afterwards."""
    for outcome in reversed(outcomes):
        if outcome.method == LOGOUT and outcome.result is not None:
            return True
        if outcome.is_login_to(given):
            return False
    return False


def _own_keys(
    given: Mapping[str, Any], outcomes: list[Outcome], session: Session, sent: Session | None
) -> list[str]:
    """The keys that may have signed an answer, where each session has one of its own.

    None that an answer brings along replaces that of a session in use.
    """
    if sent is not None and sent.key is not None and is_same(sent, session):
        return [sent.key]
    logins = [outcome.result.get("key") for outcome in outcomes if outcome.is_login_to(session)]
    keys = [given.get("key"), *logins, sent and sent.key]
    return [key for key in keys if is_text(key)]
