"""What others learn of a call: two signals as it begins and ends, and a line in the log if it was slow."""

import asyncio
import logging
from collections.abc import Mapping
from time import perf_counter
from types import TracebackType
from typing import Any, Literal, Self

from toto_django.conf import settings
from toto_django.current import current_handler
from toto_django.handler import Handler
from toto_django.logs import CallFilter, one_line
from toto_django.messages import NOTHING, Answer, Result, as_member
from toto_django.signals import call_finished, call_started

__all__ = ["Kind", "Observation", "is_observed"]

logger = logging.getLogger("toto_django.slow")

CANCELLED = "cancelled"
"""In place of an error's code, where nothing was answered."""

Kind = Literal["call", "member", "batch", "frame"]
Code = int | str | None


def is_observed() -> bool:
    """Somebody wants to know of calls; else there is no `Observation` of them."""
    return (
        bool(call_started.receivers or call_finished.receivers)
        or CallFilter.is_used
        or settings.SLOW_CALL is not None
    )


class Observation:
    """``with Observation(handler, kind) as observation:`` around a call, which tells its answer by `of`."""

    __slots__ = ("_answer", "_began", "_handler", "_kind", "_token", "_waits")

    def __init__(self, handler: Handler, kind: Kind) -> None:
        self._handler = handler
        self._kind = kind
        self._answer: Answer = NOTHING
        self._waits = handler.waits = _Waits()

    def __enter__(self) -> Self:
        self._token = current_handler.set(self._handler)
        call_started.send_robust(Handler, **self._facts())
        self._began = perf_counter()
        return self

    def of(self, answer: Answer) -> Answer:
        """The same answer."""
        self._answer = answer
        return answer

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        seconds = perf_counter() - self._began
        waited = self._waits.seconds
        code = self._code() if error is None else _code_of(error)
        call_finished.send_robust(Handler, **self._facts(), code=code, seconds=seconds, waited=waited)
        slow = settings.SLOW_CALL
        if slow is not None and seconds - waited > slow and self._kind != "batch":
            self._log(seconds - waited, code)
        current_handler.reset(self._token)

    def _facts(self) -> dict[str, Any]:
        return {"handler": self._handler, "method": self._handler.label, "kind": self._kind}

    def _code(self) -> Code:
        if self._kind in ("member", "frame"):
            return _code_in(as_member(self._answer).get("error"))
        return _code_in(self._answer.to_wire().get("error")) if isinstance(self._answer, Result) else None

    def _log(self, seconds: float, code: Code) -> None:
        method, request_id = self._handler.label, self._handler.request_id
        shown = one_line(code) if isinstance(code, str) else code
        logger.warning(
            "%s took %.3f seconds (code %s, request %s)",
            *(method, seconds, shown, request_id),
            extra={"method": method, "seconds": seconds, "code": shown, "request_id": request_id},
        )


class _Waits:
    """``with waits:`` while the call waits. What it waits for at the same time counts once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._count = 0

    def __enter__(self) -> None:
        if not self._count:
            self._since = perf_counter()
        self._count += 1

    def __exit__(self, *error: object) -> None:
        self._count -= 1
        if not self._count:
            self.seconds += perf_counter() - self._since


def _code_of(error: BaseException) -> Code:
    """That of the answer which the caller makes of an exception."""
    if isinstance(error, asyncio.CancelledError) or not isinstance(error, Exception):
        return CANCELLED
    return _code_in(Result.of_exception(error).error)


def _code_in(error: Any) -> Code:
    """None where there is no error; one without a usable code has one all the same."""
    if error is None:
        return None
    code = error.get("code") if isinstance(error, Mapping) else error
    return code if isinstance(code, int | str) else str(code)
