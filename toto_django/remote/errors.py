"""What a call can end in. The service's own errors have the names that they have in the server.

TotoError
├── RemoteError                  the service answered with an error
│   ├── ServerError              1000     ├── InvalidHMAC          1008
│   │   └── RequestError                  ├── InvalidUserID        1010
│   ├── InvalidMethod            1001     ├── InvalidParameters    1100
│   ├── MissingMethod            1002     ├── RateLimited          1101
│   ├── MissingParameters        1003     ├── TimedOut             1102
│   ├── NotAuthorized            1004     ├── TooLarge             1103
│   ├── UserNotFound             1005     └── Unavailable          1104
│   ├── UserIDExists             1006
│   └── InvalidSessionID         1007
├── NetworkError                 there is no answer
│   ├── NotConnected             nothing was sent
│   ├── ConnectionLost           nobody knows whether the method ran
│   └── CallTimeout              the same; also a TimeoutError
├── HTTPStatusError              somebody else answered: a proxy, another application
└── InvalidAnswer                what came is no answer of a service
    ├── AnswerTooLarge
    └── InvalidResponseHMAC      1009

They are not the server's classes: a method that calls another service would answer its own
caller with that one's errors otherwise.
"""

import math
from collections.abc import Mapping
from typing import Any

__all__ = [
    "AnswerTooLarge",
    "CallTimeout",
    "ConnectionLost",
    "HTTPStatusError",
    "InvalidAnswer",
    "InvalidHMAC",
    "InvalidMethod",
    "InvalidParameters",
    "InvalidResponseHMAC",
    "InvalidSessionID",
    "InvalidUserID",
    "MissingMethod",
    "MissingParameters",
    "NetworkError",
    "NotAuthorized",
    "NotConnected",
    "RateLimited",
    "RemoteError",
    "RequestError",
    "ServerError",
    "TimedOut",
    "TooLarge",
    "TotoError",
    "Unavailable",
    "UserIDExists",
    "UserNotFound",
    "remote_error",
]

MAX_SHOWN = 1000
"""Characters of a value in a message."""
REQUEST_REFUSED = (400, 405, 415)
"""HTTP statuses of code 1000 that mean that the request was no call (docs/protocol.md 1.6)."""


class TotoError(Exception):
    """Everything that a client raises."""


class RemoteError(TotoError):
    """The service's own error: ``code`` and ``value``, and what it carries besides in ``details``.

    ``status`` is the HTTP status it came with, nearly always 200.
    """

    def __init__(
        self, code: Any, value: Any, details: Mapping[str, Any] | None = None, status: int = 200
    ) -> None:
        super().__init__(code, value, details, status)
        self.code = code
        self.value = value
        self.details = dict(details or {})
        self.status = status

    def __str__(self) -> str:
        text = str(self.value)
        shown = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
        return f"{shown} ({str(self.code)[:MAX_SHOWN]})"


class ServerError(RemoteError):
    pass


class RequestError(ServerError):
    """The service refused the request as a whole; no method ran."""


class InvalidMethod(RemoteError):
    pass


class MissingMethod(RemoteError):
    pass


class MissingParameters(RemoteError):
    pass


class NotAuthorized(RemoteError):
    pass


class UserNotFound(RemoteError):
    pass


class UserIDExists(RemoteError):
    pass


class InvalidSessionID(RemoteError):
    pass


class InvalidHMAC(RemoteError):
    pass


class InvalidUserID(RemoteError):
    pass


class InvalidParameters(RemoteError):
    """Parameters of the wrong shape."""

    @property
    def fields(self) -> dict[str, list[str]]:
        """What is wrong with which parameter: {path: [messages]}."""
        fields = self.details.get("fields")
        return fields if isinstance(fields, dict) else {}


class RateLimited(RemoteError):
    """Too many requests."""

    @property
    def retry_after(self) -> float:
        """Seconds."""
        return _seconds(self.details.get("retry_after"))


class TimedOut(RemoteError):
    pass


class TooLarge(RemoteError):
    pass


class Unavailable(RemoteError):
    """A store or the event layer of the service does not answer. It says nothing about the session."""


class NetworkError(TotoError):
    """There is no answer."""


class NotConnected(NetworkError):
    """Nothing was sent."""


class ConnectionLost(NetworkError):
    """The connection broke before the whole answer was there: nobody knows whether the method ran."""


class CallTimeout(NetworkError, TimeoutError):
    """There was no answer in time: nobody knows whether the method ran."""


class HTTPStatusError(TotoError):
    """Something that is no Toto service answered, with an HTTP status other than 2xx."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status

    def __str__(self) -> str:
        return f"This is no answer of a Toto service: HTTP status {self.status}."


class InvalidAnswer(TotoError):
    """What came is no answer of a Toto service."""


class AnswerTooLarge(InvalidAnswer):
    """The answer is larger than the client reads."""


class InvalidResponseHMAC(InvalidAnswer):
    """An answer with a session whose signature is wrong or missing."""

    code = 1009


_BY_CODE: dict[int, type[RemoteError]] = {
    1000: ServerError,
    1001: InvalidMethod,
    1002: MissingMethod,
    1003: MissingParameters,
    1004: NotAuthorized,
    1005: UserNotFound,
    1006: UserIDExists,
    1007: InvalidSessionID,
    1008: InvalidHMAC,
    1010: InvalidUserID,
    1100: InvalidParameters,
    1101: RateLimited,
    1102: TimedOut,
    1103: TooLarge,
    1104: Unavailable,
}


def remote_error(error: Any, status: int = 200) -> RemoteError:
    """Of the ``error`` of an answer. Services choose its members' types themselves."""
    if not isinstance(error, dict):
        return ServerError(1000, error, status=status)
    code, value = error.get("code"), error.get("value")
    details = {name: item for name, item in error.items() if name not in ("code", "value")}
    if code == 1000 and status in REQUEST_REFUSED:
        return RequestError(code, value, details, status)
    known = _BY_CODE.get(code, RemoteError) if isinstance(code, int) else RemoteError
    return known(code, value, details, status)


def _seconds(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < math.inf else 0.0
