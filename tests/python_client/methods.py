"""``pc.*``: methods whose errors and values clients have to understand."""

import datetime
from collections import Counter
from typing import Any

from toto_django import method
from toto_django.exceptions import InvalidParameters, RateLimited, TotoException, Unavailable
from toto_django.invocation import authenticated, raw_response

tries: Counter[str] = Counter()


@method("pc.values")
def values(handler: Any, parameters: Any) -> Any:
    """What the formats carry in their own ways, and what came of the same from the client."""
    when = datetime.datetime(2026, 5, 4, 3, 2, 1, tzinfo=datetime.UTC)
    return {
        "bytes": b"\x00\xff",
        "when": when,
        "kinds": [type(item).__name__ for item in parameters["items"]],
    }


@method("pc.error")
def error(handler: Any, parameters: Any) -> Any:
    """An error of the service's own, with what the caller wants it to carry."""
    raised = TotoException(parameters.get("code"), parameters.get("value"))
    vars(raised).update(parameters.get("details", {}))
    raise raised


@method("pc.refuse")
def refuse(handler: Any, parameters: Any) -> Any:
    raise InvalidParameters("Wrong.", {"text": ["Too long."]})


@method("pc.busy")
def busy(handler: Any, parameters: Any) -> Any:
    """Succeeds at the attempt ``at``: how many there were."""
    tries[parameters["name"]] += 1
    if tries[parameters["name"]] < parameters["at"]:
        raise RateLimited(parameters["retry_after"]) if "retry_after" in parameters else Unavailable()
    return tries[parameters["name"]]


@method("pc.tries")
def count(handler: Any, parameters: Any) -> Any:
    return tries[parameters["name"]]


@method("pc.nothing")
def nothing(handler: Any, parameters: Any) -> None:
    pass


@method("pc.large")
def large(handler: Any, parameters: Any) -> Any:
    return "x" * parameters["size"]


@method("pc.raw")
@raw_response
def raw(handler: Any, parameters: Any) -> Any:
    return b"\x00raw"


@method("pc.forbidden")
@authenticated
def forbidden(handler: Any, parameters: Any) -> Any:
    """Not for this account, which stays logged in."""
    raise TotoException(1004, "Not for you")
