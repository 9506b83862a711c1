"""What every source gives: accounts and sessions as they are stored, in batches."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Refused", "Selection", "Source", "SourceAccount", "SourceError", "SourceSession"]


class SourceError(Exception):
    """The source does not answer, or is not what it should be."""


class Refused(Exception):
    """An account or session that is not taken, or a value of it; the text is the reason."""


@dataclass(frozen=True, slots=True)
class SourceAccount:
    """``problem`` says why there is nothing else to read."""

    user_id: Any
    password: Any = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SourceSession:
    """``user_id`` is None when anonymous, ``expires`` in Unix seconds, ``state`` a pickle, a dict or None."""

    session_id: Any
    user_id: Any = None
    expires: Any = None
    state: Any = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which fields of an account become properties; ``only`` None means all."""

    only: Collection[str] | None = None
    without: Collection[str] = ()

    def __contains__(self, name: str) -> bool:
        return name not in self.without and (self.only is None or name in self.only)


class Source:
    """Reads, and only reads. Its methods raise SourceError."""

    def count_accounts(self) -> int:
        """About how many there are."""
        raise NotImplementedError

    def count_sessions(self) -> int:
        """See count_accounts."""
        raise NotImplementedError

    def accounts(self, size: int) -> Iterator[list[SourceAccount]]:
        """Batches of at most ``size``, in an order that stays the same."""
        raise NotImplementedError

    def sessions(self, size: int) -> Iterator[list[SourceSession]]:
        """See accounts."""
        raise NotImplementedError

    def close(self) -> None:
        """Give connections and files back."""
