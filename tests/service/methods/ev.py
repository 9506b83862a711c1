"""``ev.*`` and the two methods of the chat: events."""

import os
from collections.abc import Callable
from typing import Any

from tests.service import journal
from toto_django import method
from toto_django.events import EventManager
from toto_django.invocation import asynchronous, requires

CHAT = "message"


def _waiting(**options: bool) -> Callable[[Any, Any], None]:
    """A method that answers with the next event; ``options`` are those of register_event_handler."""

    def wait(handler: Any, parameters: Any) -> None:
        def respond(args: Any) -> None:
            handler.respond({"args": args, "pid": os.getpid()})

        handler.register_event_handler(parameters["event"], respond, **options)

    return asynchronous(wait)


method("ev.wait")(_waiting(deregister_on_finish=True))
method("ev.wait_keep")(_waiting())
method("ev.wait_off_loop")(_waiting(run_on_main_loop=False, deregister_on_finish=True))


@method("ev.post")
def post(handler: Any, parameters: Any) -> Any:
    broadcast = parameters.get("broadcast", True)
    EventManager.instance().send(parameters["event"], parameters.get("args"), broadcast=broadcast)
    return {"sent": True}


@method("ev.wait_persist")
def wait_persist(handler: Any, parameters: Any) -> Any:
    journal.listen(parameters["event"], parameters.get("persist", True))
    return {"registered": True}


@method("ev.wait_sync_handler")
def wait_sync_handler(handler: Any, parameters: Any) -> Any:
    handler.register_event_handler(parameters["event"], handler.respond)
    return {"registered": True}


@method("post_message")
@requires("message")
def post_message(handler: Any, parameters: Any) -> Any:
    EventManager.instance().send(CHAT, parameters["message"])
    return "message sent!"


@method("receive_message")
@asynchronous
def receive_message(handler: Any, parameters: Any) -> None:
    handler.register_event_handler(
        CHAT, lambda args: handler.respond({"message": args}), deregister_on_finish=True
    )
