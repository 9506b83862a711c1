"""What each process does at errands, which are events for one process."""

from queue import SimpleQueue

from toto_django.events import EventManager

__all__ = ["ERRAND", "LISTENERS", "done"]

ERRAND = "soak.errand"
LISTENERS = 1
"""Handlers of a process that nobody calls."""

done: SimpleQueue[int] = SimpleQueue()
"""The numbers of the errands that this process was sent on."""


def invoke(event_manager: EventManager) -> None:
    event_manager.register_handler(ERRAND, done.put, persist=True)
