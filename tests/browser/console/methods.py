"""console.*"""

import asyncio
import enum
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from tests.browser.console.harm import HARM
from toto_django import method
from toto_django.description.documenting import documented
from toto_django.events import EventManager
from toto_django.exceptions import TotoException
from toto_django.handler import Handler
from toto_django.invocation import (
    anonymous_session,
    authenticated,
    default_parameters,
    raw_response,
    requires,
)


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass
class Street:
    name: str
    number: int | None = None


@method
def order(
    handler: Handler,
    name: Annotated[str, Field(min_length=2, description="Of the customer.")],
    count: int,
    size: Size,
    streets: list[Street],
    ratio: float | None = None,
    is_gift: bool = False,
    note: str = "none",
    tags: list[str] | None = None,
    extra: Any = None,
) -> dict[str, Any]:
    """Take an order.

    All of it comes back.
    """
    given = {"name": name, "count": count, "size": size, "streets": streets, "ratio": ratio}
    return {**given, "is_gift": is_gift, "note": note, "tags": tags, "extra": extra}


@method
@requires("a", "c")
@default_parameters({"b": 2})
def plain(handler: Handler, parameters: Any) -> Any:
    """Give the parameters back."""
    return parameters


@method
@authenticated
def whoami(handler: Handler) -> str:
    """The user id."""
    return handler.session.user_id


@method
@anonymous_session
def visit(handler: Handler) -> int:
    """Count the visits of a session."""
    handler.session["visits"] = (handler.session["visits"] or 0) + 1
    handler.session.save()
    return handler.session["visits"]


@method
def nothing(handler: Handler) -> None:
    """Return nothing."""


@method
@raw_response
def picture(handler: Handler, parameters: Any) -> bytes:
    """Bytes that are no text."""
    return b"\xff\xfe\x00picture"


@method
async def wait(handler: Handler, seconds: float = 60) -> str:
    """Answer late."""
    await asyncio.sleep(seconds)
    return "late"


@method
def follow(handler: Handler) -> None:
    """Push what is shouted to this web socket."""
    handler.register_event_handler("shout", lambda text: handler.send_message(text, "shout"), persist=True)


@method
def shout(handler: Handler, text: str, times: int = 1) -> str:
    """Tell all who follow."""
    for number in range(times):
        EventManager.instance().send("shout", f"{text} {number}")
    return "shouted"


@method(f"harm.{HARM}")
@documented(
    parameters={HARM: {"type": "string", "description": HARM, "default": HARM}},
    errors=(TotoException(3000, HARM),),
    deprecated=HARM,
)
def harm(handler: Handler, parameters: Any) -> Any:
    return {HARM: [HARM]}


harm.function.__doc__ = f"{HARM}\n\n{HARM}"


@method("harm.error")
def harmful_error(handler: Handler) -> None:
    """Fail."""
    error = TotoException(3000, HARM)
    error.fields = {HARM: [HARM]}  # type: ignore[attr-defined]
    raise error
