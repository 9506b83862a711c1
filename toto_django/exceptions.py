"""The errors of the wire, one class per code (docs/protocol.md section 1).

TotoException
├── ServerError            1000     ├── InvalidUserID        1010
├── InvalidMethod          1001     ├── InvalidParameters    1100
├── MissingMethod          1002     ├── RateLimited          1101
├── MissingParameters      1003     ├── TimedOut             1102
├── NotAuthorized          1004     │   └── BodyTimedOut     1102
├── UserNotFound           1005     ├── TooLarge             1103
├── UserIDExists           1006     │   └── HeadersTooLarge  1103
├── InvalidSessionID       1007     ├── Unavailable          1104
├── InvalidHMAC            1008     └── RequestError         1000
│   └── StaleRequest       1008         ├── MethodNotAllowed
└── InvalidResponseHMAC    1009         └── UnsupportedMediaType
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = [
    "BodyTimedOut",
    "HeadersTooLarge",
    "InvalidHMAC",
    "InvalidMethod",
    "InvalidParameters",
    "InvalidResponseHMAC",
    "InvalidSessionID",
    "InvalidUserID",
    "MethodNotAllowed",
    "MissingMethod",
    "MissingParameters",
    "NotAuthorized",
    "RateLimited",
    "RequestError",
    "ServerError",
    "StaleRequest",
    "TimedOut",
    "TooLarge",
    "TotoException",
    "Unavailable",
    "UnsupportedMediaType",
    "UserIDExists",
    "UserNotFound",
]

MAX_NAME = 255


class TotoException(Exception):
    """An error that the client sees as it is: ``{"code": code, "value": value}``.

    Public attributes set on an instance travel beside code and value.
    """

    status = 200

    def __init__(self, code: Any, value: Any) -> None:
        super().__init__(code, value)
        self.code = code
        self.value = value

    def __str__(self) -> str:
        return f"{self.value} ({self.code})"


class ServerError(TotoException):
    def __init__(self, value: Any = "Server error") -> None:
        super().__init__(1000, value)


class RequestError(ServerError):
    """A request that is no call: answered with an HTTP status other than 200."""

    status = 400


class MethodNotAllowed(RequestError):
    status = 405

    def __init__(self, value: str = "Use GET, POST, HEAD or OPTIONS.") -> None:
        super().__init__(value)


class UnsupportedMediaType(RequestError):
    status = 415

    def __init__(self, media_type: str) -> None:
        super().__init__(f"Unsupported content type '{_shortened(media_type)}'.")


class InvalidMethod(TotoException):
    def __init__(self, name: str) -> None:
        super().__init__(1001, f"Cannot call '{_shortened(name)}'.")


class MissingMethod(TotoException):
    def __init__(self) -> None:
        super().__init__(1002, "Missing method.")


class MissingParameters(TotoException):
    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(1003, "Missing parameters: " + ", ".join(names))


class NotAuthorized(TotoException):
    def __init__(self, value: Any = "Not authorized") -> None:
        super().__init__(1004, value)


class UserNotFound(TotoException):
    def __init__(self, value: Any = "Invalid user ID or password") -> None:
        super().__init__(1005, value)


class UserIDExists(TotoException):
    def __init__(self, value: Any = "User ID already in use.") -> None:
        super().__init__(1006, value)


class InvalidSessionID(TotoException):
    """Part of the contract's code table; a server never sends it."""

    def __init__(self, value: Any = "Invalid session ID") -> None:
        super().__init__(1007, value)


class InvalidHMAC(TotoException):
    def __init__(self, value: Any = "Invalid HMAC") -> None:
        super().__init__(1008, value)


class StaleRequest(InvalidHMAC):
    """A right signature whose time is too far from the service's, which ``time`` tells in Unix seconds."""

    def __init__(self) -> None:
        super().__init__("Invalid HMAC: the clocks differ")
        self.time = time.time()


class InvalidResponseHMAC(TotoException):
    """Part of the contract's code table; a server never sends it."""

    def __init__(self, value: Any = "Invalid response HMAC") -> None:
        super().__init__(1009, value)


class InvalidUserID(TotoException):
    def __init__(self, value: Any = "Invalid user ID.") -> None:
        super().__init__(1010, value)


class InvalidParameters(TotoException):
    """Parameters of the wrong shape; ``fields`` is {path: [messages]}."""

    def __init__(self, value: Any, fields: Mapping[str, list[str]] | None = None) -> None:
        super().__init__(1100, value)
        self.fields = dict(fields or {})


class RateLimited(TotoException):
    """``retry_after`` is in seconds."""

    def __init__(self, retry_after: float, value: Any = "Too many requests") -> None:
        super().__init__(1101, value)
        self.retry_after = retry_after


class TimedOut(TotoException):
    def __init__(self, value: Any = "Timed out") -> None:
        super().__init__(1102, value)


class BodyTimedOut(TimedOut):
    """A request whose body does not come within BODY_TIMEOUT."""

    status = 408

    def __init__(self) -> None:
        super().__init__("The body did not come in time.")


class TooLarge(TotoException):
    status = 413

    def __init__(self, value: Any = "Too large") -> None:
        super().__init__(1103, value)


class HeadersTooLarge(TooLarge):
    """A request with more than MAX_HEADERS bytes of headers."""

    status = 431

    def __init__(self, most: int) -> None:
        super().__init__(f"The headers are larger than {most} bytes.")


class Unavailable(TotoException):
    """A store or the event layer does not answer; nothing is known about the caller's rights."""

    def __init__(self, value: Any = "Temporarily unavailable") -> None:
        super().__init__(1104, value)


def _shortened(name: str) -> str:
    """A name from the wire, cut for messages (docs/protocol.md 3.4)."""
    return name if len(name) <= MAX_NAME else name[:MAX_NAME] + "…"
