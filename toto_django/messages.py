"""What travels: a `Call` in, an `Answer` out. Frozen values and their wire forms."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from toto_django.conf import settings
from toto_django.exceptions import ServerError, TotoException

__all__ = [
    "ABSENT",
    "NOTHING",
    "Answer",
    "Call",
    "Jsonp",
    "Raw",
    "Redirect",
    "Result",
    "as_member",
    "error_to_wire",
]


class _Absent:
    """The type of ABSENT: a member that an answer does not have (None is a value)."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


class Call(NamedTuple):
    """One method call as named on the wire; ``method`` is any JSON value, ABSENT when there is none."""

    method: Any
    parameters: Any


class Result(NamedTuple):
    """An ordinary answer: the wire's ``result`` and ``error``, each only when present."""

    result: Any = ABSENT
    error: Any = ABSENT

    @classmethod
    def of_exception(cls, error: BaseException) -> "Result":
        return cls(error=error_to_wire(error))

    @property
    def is_nothing(self) -> bool:
        """True for a method that returned None without having answered (docs/protocol.md 5.2)."""
        return self is NOTHING

    def to_wire(self) -> dict[str, Any]:
        """``{}``, ``{"result"}``, ``{"error"}`` or both."""
        envelope = {}
        if self.result is not ABSENT:
            envelope["result"] = self.result
        if self.error is not ABSENT:
            envelope["error"] = self.error
        return envelope

    def to_member(self) -> dict[str, Any]:
        """The form in a batch: an error alone, or always a ``result`` (docs/protocol.md 6.2)."""
        if self.error is not ABSENT:
            return {"error": self.error}
        return {"result": None if self.result is ABSENT else self.result}


NOTHING: Final = Result()


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes that leave as they are, unsigned and without session; ``more`` streams the rest."""

    body: bytes
    content_type: str
    more: AsyncIterator[bytes] | None = None


@dataclass(frozen=True, slots=True)
class Jsonp:
    """A bare result wrapped in a call of ``callback``."""

    callback: str
    result: Any


@dataclass(frozen=True, slots=True)
class Redirect:
    """An answer without body that points elsewhere."""

    location: str
    status: int = 302


Answer = Result | Raw | Jsonp | Redirect


def error_to_wire(error: BaseException) -> dict[str, Any]:
    """``{"code", "value"}`` and the exception's public attributes (docs/protocol.md 1.2, 1.3)."""
    if isinstance(error, TotoException):
        extra = {name: value for name, value in vars(error).items() if not name.startswith("_")}
        return {**extra, "code": error.code, "value": error.value}
    if settings.expose_errors:
        return error_to_wire(ServerError(str(error)))
    return error_to_wire(ServerError())


def as_member(answer: Answer) -> Mapping[str, Any]:
    """The wire form of a batch member's answer; only ordinary results fit into one (docs/protocol.md 6.3)."""
    if isinstance(answer, Result):
        return answer.to_member()
    kind = type(answer).__name__.lower()
    return Result.of_exception(ServerError(f"A {kind} answer has no place in a batch.")).to_member()
