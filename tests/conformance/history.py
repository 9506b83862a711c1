"""The answers of one replay, and the placeholders that name values in them."""

import re
from dataclasses import dataclass, field
from typing import Any

from tests.conformance import paths
from tests.conformance.answers import Answer

PLACEHOLDER = re.compile(r"\{\{([^|}]+)\|([^}]+)\}\}")


@dataclass
class History:
    """Answers by the name of their case."""

    answers: dict[str, Answer] = field(default_factory=dict)

    def value(self, case: str, what: str) -> Any:
        """``$.path``, ``header:name``, ``cookie:name`` or ``cookie-unquoted:name`` of an earlier answer."""
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
