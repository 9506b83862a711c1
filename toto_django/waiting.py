"""Calls that wait for something to happen: a server that ends does not wait for them."""

from collections.abc import Callable

__all__ = ["begin_waiting", "end_all_waiting", "end_waiting"]

Leave = Callable[[], object]

_leaves: set[Leave] = set()
_is_ending = False


def begin_waiting(leave: Leave) -> None:
    """Somebody waits until `end_waiting`. ``leave`` ends that; it is called on the server's event loop."""
    _leaves.add(leave)
    if _is_ending:
        leave()


def end_waiting(leave: Leave) -> None:
    """That one waits no more."""
    _leaves.discard(leave)


def end_all_waiting() -> None:
    """The server ends: nobody waits any more, and nobody begins to."""
    global _is_ending
    _is_ending = True
    for leave in list(_leaves):
        leave()
