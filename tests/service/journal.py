"""The process-wide log in which hooks and methods leave their entries."""

from typing import Any

from django.dispatch import receiver

from toto_django.signals import method_finished, method_started

entries: list[list[Any]] = []


@receiver(method_started)
def _before(transaction_id: str, method: str, **kwargs: Any) -> None:
    entries.append(["before", method, transaction_id])


@receiver(method_finished)
def _after(transaction_id: str, **kwargs: Any) -> None:
    entries.append(["after", transaction_id])
