"""The session that a client acts in."""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from toto_django.remote.errors import InvalidAnswer

__all__ = ["Session", "is_same", "is_text", "session_from_wire"]

SESSION_ID = re.compile(r"[\x21-\x7e]+")
"""What fits into a header."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session as an app keeps it. Who has the session id, or the key, can act in it.

    ``key`` is what requests are signed with under "session_key" and "v2". Whether it has ended is known
    to the service: `has_expired` is what this machine's clock says.
    """

    session_id: str = field(repr=False)
    user_id: str
    """"" for an anonymous session."""
    expires: float
    """Unix seconds."""
    key: str | None = field(default=None, repr=False)

    @property
    def has_expired(self) -> bool:
        return self.expires <= datetime.now(UTC).timestamp()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON. They are as secret as a password."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Session":
        """Of what `to_dict` gave. Raises ValueError for anything else."""
        try:
            return session_from_wire(values, values.get("key"))
        except (InvalidAnswer, AttributeError):
            raise ValueError("These are no values of a session.") from None


def is_same(one: Session | None, other: Session | None) -> bool:
    """Whether it is the same session, however often renewed."""
    return (one and one.session_id) == (other and other.session_id)


def session_from_wire(given: Any, key: str | None = None) -> Session:
    """Of the ``session`` of an answer. Raises InvalidAnswer."""
    if not isinstance(given, Mapping):
        raise InvalidAnswer("The session of the answer is no object.")
    session_id: Any = given.get("session_id")
    user_id: Any = given.get("user_id") or ""
    expires: Any = given.get("expires")
    is_right = (
        isinstance(session_id, str)
        and SESSION_ID.fullmatch(session_id)
        and is_text(user_id)
        and isinstance(expires, int | float)
        and math.isfinite(expires)
        and (key is None or is_text(key))
    )
    if not is_right:
        raise InvalidAnswer("The session of the answer lacks something, or has it wrong.")
    return Session(session_id, user_id, float(expires), key)


def is_text(value: Any) -> bool:
    """Text that UTF-8 can carry."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False
