"""The process-wide log in which hooks, methods and events leave their entries."""

from typing import Any

from django.dispatch import receiver

from toto_django.events import EventManager, Registration
from toto_django.signals import method_finished, method_started

entries: list[list[Any]] = []
_registrations: list[Registration] = []


@receiver(method_started)
def _before(transaction_id: str, method: str, **kwargs: Any) -> None:
    entries.append(["before", method, transaction_id])


@receiver(method_finished)
def _after(transaction_id: str, **kwargs: Any) -> None:
    entries.append(["after", transaction_id])


def listen(event: str, persist: bool) -> None:
    """Log the next event of this name, or with ``persist`` all of them."""
    _registrations.append(
        EventManager.instance().register_handler(
            event, lambda args: entries.append([event, args]), persist=persist
        )
    )


def forget() -> None:
    """Empty the log and listen to nothing, as a fresh process does."""
    while _registrations:
        EventManager.instance().remove_handler(_registrations.pop())
    entries.clear()
