"""Names and texts that are safe in the source of other programs."""

import json
import re
from collections.abc import Collection

__all__ = ["TypeNames", "printable", "quoted"]

UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What ends lines, or has no form in UTF-8, and JSON leaves as it is."""


class TypeNames:
    """Names of types, each given once: capitalised words of ASCII letters and digits."""

    def __init__(self, reserved: Collection[str]) -> None:
        self._taken = set(reserved)

    def claim(self, text: str) -> str:
        """``notes.add parameters`` is NotesAddParameters; NotesAddParameters2, if that is taken."""
        words = re.findall(r"[A-Za-z0-9]+", text)
        first = "".join(word[0].upper() + word[1:] for word in words)
        first = f"Type{first}" if not first or first[0].isdigit() else first
        name, number = first, 1
        while name in self._taken:
            number += 1
            name = f"{first}{number}"
        self._taken.add(name)
        return name


def quoted(text: str) -> str:
    """A string literal of Python and of JavaScript alike, in one line."""
    return UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def printable(text: str) -> str:
    """For comments: lines of what can be printed."""
    return "".join(each if each.isprintable() or each == "\n" else " " for each in text).strip()
