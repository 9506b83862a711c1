"""The answers of one replay, and the placeholders that name values in them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.conformance import paths
from tests.conformance.answers import Answer

PLACEHOLDER = re.compile(r"\{\{([^|}]+)\|([^}]+)\}\}")


@dataclass
class History:
    """Answers by the name of their case.

    Where session ids change, ``permanent_id`` tells what stays the same behind one ("" where
    there is nothing behind a text); an id then stands for the newest one, as clients follow it.
    """

    answers: dict[str, Answer] = field(default_factory=dict)
    permanent_id: Callable[[str], str] | None = None
    permanent_ids: dict[str, str] = field(default_factory=dict)
    newest_ids: dict[str, str] = field(default_factory=dict)

    def add(self, case: str, answer: Answer) -> None:
        """Keep an answer, and the session ids in it."""
        self.answers[case] = answer
        if self.permanent_id is not None:
            for text in _session_ids(answer):
                if permanent := self.permanent_ids.get(text) or self.permanent_id(text):
                    self.permanent_ids[text] = permanent
                    self.newest_ids[permanent] = text

    def value(self, case: str, what: str) -> Any:
        """``$.path``, ``header:name``, ``cookie:name`` or ``cookie-unquoted:name`` of an earlier answer."""
        value = self._value(case, what)
        known = isinstance(value, str) and value in self.permanent_ids
        return self.newest_ids[self.permanent_ids[value]] if known else value

    def _value(self, case: str, what: str) -> Any:
        if case not in self.answers:
            raise LookupError(f"{case} has no answer to take {what} from")
        answer = self.answers[case]
        kind, _, name = what.partition(":")
        if kind == "header":
            return answer.get(name)
        if kind in ("cookie", "cookie-unquoted"):
            value = answer.cookies[name].coded_value
            return value.strip('"') if kind == "cookie-unquoted" else value
        try:
            return paths.read(answer.decoded, what)
        except (KeyError, IndexError, TypeError):
            raise LookupError(f"the answer to {case} has no {what}: {answer.body[:200]!r}") from None

    def filled(self, value: Any) -> Any:
        """``value`` with every placeholder replaced, inside texts, lists and objects."""
        if isinstance(value, str):
            return self._filled_text(value)
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        if isinstance(value, dict):
            return {key: self.filled(item) for key, item in value.items()}
        return value

    def _filled_text(self, text: str) -> Any:
        whole = PLACEHOLDER.fullmatch(text)
        if whole:
            return self.value(*whole.groups())
        return PLACEHOLDER.sub(lambda found: str(self.value(*found.groups())), text)


def _session_ids(answer: Answer) -> Iterator[str]:
    """Of the session, of a login's result and of the same in batches; the session's own comes last."""
    try:
        found = [answer.decoded]
    except ValueError:
        return
    for value in found:
        if isinstance(value, dict):
            found += value.values()
            if isinstance(session_id := value.get("session_id"), str):
                yield session_id
