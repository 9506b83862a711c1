"""For LOGGING: records that tell which call they were made in. And what may stand in a line of a log."""

import json
import logging
from typing import Any, ClassVar

from toto_django.current import current_exchange, current_handler

__all__ = ["CallFilter", "one_line"]

LONGEST = 191
"""Characters of a value from the wire: those of the longest user id."""
NOTHING = "-"


class CallFilter(logging.Filter):
    """Gives records ``request_id`` and ``method``: those of the call that they were made in, "-" without one.

    For the handlers of LOGGING. What a record has already stays.
    """

    is_used: ClassVar[bool] = False
    """There is one in this process: calls say which they are."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        CallFilter.is_used = True

    def filter(self, record: logging.LogRecord) -> bool:
        exchange, handler = current_exchange.get(), current_handler.get()
        of_call = {
            "request_id": None if exchange is None else exchange.request_id,
            "method": None if handler is None else handler.label,
        }
        for name, value in of_call.items():
            if getattr(record, name, None) is None:
                setattr(record, name, value or NOTHING)
        return True


def one_line(value: object) -> str:
    """Text from the wire, cut, and with escapes for what does not print: line breaks, terminals' and
    bidirectional controls. Of what is no text, its type alone."""
    if not isinstance(value, str):
        return f"<{type(value).__name__}>"
    text = value if len(value) <= LONGEST else value[:LONGEST] + "…"
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else json.dumps(character)[1:-1] for character in text
    )
