"""Calls that wait for something: so many of each session and address, and none once the server ends."""

from collections.abc import Callable
from sys import intern
from threading import RLock
from typing import Any

from toto_django.addresses import address_of
from toto_django.conf import settings
from toto_django.exceptions import RateLimited
from toto_django.places import Places

__all__ = ["Waiting", "end_all_waiting"]

Leave = Callable[[], object]

RETRY_AFTER = 1
"""Seconds after which to ask again: nobody knows when those who wait will be answered."""

_places = Places()
_lock = RLock()
"""A wait may also end while the garbage collector runs, in the midst of another one's beginning."""
_leaves: set[Leave] = set()
_callers: "dict[Any, _Caller]" = {}
"""Whom each call that waits is counted for, by its handler."""
_is_ending = False


class Waiting:
    """``with Waiting(handler, leave):`` a call waits. Raises RateLimited at its beginning.

    A call counts once, however many things it waits for at a time. ``leave`` ends the wait;
    it is called on the server's event loop.
    """

    __slots__ = ("_handler", "_leave")

    def __init__(self, handler: Any, leave: Leave) -> None:
        self._handler = handler
        self._leave = leave

    def __enter__(self) -> None:
        with _lock:
            caller = _callers.get(self._handler)
            if caller is None:
                caller = _callers[self._handler] = _Caller(self._handler)
            caller.waits += 1
        _leaves.add(self._leave)
        if _is_ending:
            self._leave()

    def __exit__(self, *error: object) -> None:
        _leaves.discard(self._leave)
        with _lock:
            caller = _callers[self._handler]
            caller.waits -= 1
            if not caller.waits:
                del _callers[self._handler]
                _places.give_back(caller.session_id, caller.address)


class _Caller:
    """A call that waits. Raises RateLimited."""

    __slots__ = ("address", "session_id", "waits")

    def __init__(self, handler: Any) -> None:
        session = handler.session
        self.session_id: str = "" if session is None else session.permanent_id
        self.address = intern(address_of(handler.request))  # Many calls have the same one.
        self.waits = 0
        most = settings.MAX_SESSION_WAITERS, settings.MAX_ADDRESS_WAITERS
        if not _places.take(self.session_id, self.address, *most):
            raise RateLimited(RETRY_AFTER)


def end_all_waiting() -> None:
    """The server ends: nobody waits any more, and nobody begins to."""
    global _is_ending
    _is_ending = True
    for leave in list(_leaves):
        leave()
