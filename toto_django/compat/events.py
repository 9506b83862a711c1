"""``toto.events``: EventManager with the arguments that Toto's had."""

from collections.abc import Callable
from functools import cache
from typing import Any

from toto_django import events
from toto_django.events import Registration
from toto_django.handler import Handler

__all__ = ["EventManager"]


class EventManager:
    """The manager of this process under Toto's names; every instance stands for it.

    Settings say which processes get an event (``CHANNEL_LAYERS``), so what Toto's methods
    about addresses did is not needed: they do nothing. What is not here is the manager's own.
    """

    def __init__(self, address: Any = None) -> None:
        """The address is not used."""

    @classmethod
    @cache
    def instance(cls) -> "EventManager":
        """The process's."""
        return cls()

    def __getattr__(self, name: str) -> Any:
        return getattr(events.EventManager.instance(), name)

    def send(self, event_name: str, event_args: Any = None, broadcast: bool = True) -> None:
        """See toto_django.events.EventManager.send."""
        events.EventManager.instance().send(event_name, event_args, broadcast)

    def register_handler(
        self,
        event_name: str,
        event_handler: Callable[[Any], Any],
        run_on_main_loop: bool = False,
        request_handler: Handler | None = None,
        persist: bool = False,
    ) -> Registration:
        """See toto_django.events.EventManager.register_handler.

        With ``request_handler`` the event handler is forgotten when that call is finished.
        """
        if request_handler is not None:
            return request_handler.register_event_handler(
                event_name, event_handler, run_on_main_loop, persist=persist
            )
        return events.EventManager.instance().register_handler(
            event_name, event_handler, run_on_main_loop, persist
        )

    def start_listening(self) -> None:
        """Nothing: a process listens from its first handler on."""

    def register_server(self, address: Any) -> None:
        """Nothing."""

    def remove_server(self, address: Any) -> None:
        """Nothing."""

    def remove_all_servers(self) -> None:
        """Nothing."""

    def refresh_server_queue(self) -> None:
        """Nothing."""
