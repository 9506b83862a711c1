"""What an import tells: counts, reasons with a few examples, and how far it is."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Progress", "Tally", "shown", "shown_session_id"]

EXAMPLES = 5
MAX_REASONS = 50
LONGEST_TEXT = 160
OTHER_REASONS = "for other reasons"
PAUSE = 0.2
"""Seconds between two states of the progress line."""


def shown(text: str) -> str:
    """Text out of the source that is fit for a terminal."""
    text = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def shown_session_id(session_id: object) -> str:
    """As much of it as opens no session."""
    text = session_id.decode("utf-8", "replace") if isinstance(session_id, bytes) else str(session_id)
    return f"{text[: min(6, len(text) // 3)]}…"


@dataclass
class _Reason:
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        more = ", …" if self.count > len(self.examples) else ""
        return f"{self.count:,} ({', '.join(self.examples)}{more})"


class Tally:
    """Of accounts, or of sessions. ``details``, if given, is told of each one that is not simply taken."""

    def __init__(self, what: str, verb: str, details: Callable[[str], object] | None = None) -> None:
        self.what = what
        self.verb = verb
        self.details = details
        self.taken = 0
        self.there = 0
        self.skipped: dict[str, _Reason] = {}
        self.notes: dict[str, _Reason] = {}

    @property
    def read(self) -> int:
        return self.taken + self.there + self._skipped

    @property
    def _skipped(self) -> int:
        return sum(reason.count for reason in self.skipped.values())

    def skip(self, name: str, reason: str) -> None:
        """Somebody is not taken."""
        self._add(self.skipped, name, reason, "skipped")

    def note(self, name: str, reason: str) -> None:
        """Somebody is taken, but something of theirs is not."""
        self._add(self.notes, name, reason, self.verb)

    def _add(self, reasons: dict[str, _Reason], name: str, reason: str, verb: str) -> None:
        name, reason = shown(name), shown(reason)
        if self.details:
            self.details(f"{self.what}: {name} {verb}: {reason}")
        if reason not in reasons and len(reasons) >= MAX_REASONS:
            reason = OTHER_REASONS
        entry = reasons.setdefault(reason, _Reason())
        entry.count += 1
        if len(entry.examples) < EXAMPLES:
            entry.examples.append(name)

    def lines(self) -> Iterator[str]:
        """The report."""
        yield (
            f"{self.what.capitalize()}: {self.read:,} read, {self.taken:,} {self.verb}, "
            f"{self.there:,} already there, {self._skipped:,} skipped."
        )
        for verb, reasons in (("skipped", self.skipped), (self.verb, self.notes)):
            for reason, entry in reasons.items():
                yield f"  {verb}: {reason}: {entry}"


class _Terminal(Protocol):
    """As much of a text stream as a progress line needs."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...


class Progress:
    """One line that is written again and again; nothing at all without a terminal."""

    def __init__(self, terminal: _Terminal | None) -> None:
        self.terminal = terminal
        self.start("", 0)

    def start(self, what: str, total: int) -> None:
        """``total`` is about how many there are."""
        self.what = what
        self.total = total
        self.done = 0
        self.started = time.monotonic()
        self.shown_at = 0.0

    def advance(self, count: int) -> None:
        self.done += count
        now = time.monotonic()
        if self.terminal and now - self.shown_at >= PAUSE:
            self.shown_at = now
            self.terminal.write(f"\r\x1b[K{self._line(now - self.started)}")
            self.terminal.flush()

    def clear(self) -> None:
        """Leave an empty line for what is written next."""
        if self.terminal and self.shown_at:
            self.terminal.write("\r\x1b[K")
            self.terminal.flush()
            self.shown_at = 0.0

    def _line(self, elapsed: float) -> str:
        rate = self.done / elapsed if elapsed else 0
        part = f" of {self.total:,} ({min(self.done / self.total, 1):.0%})" if self.total else ""
        return f"{self.what}: {self.done:,}{part}, {rate:,.0f}/s"
