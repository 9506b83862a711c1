"""chat.receive_message: through the manager, for as long as the call lasts"""

# ruff: noqa: F403, F405
from toto.events import EventManager
from toto.invocation import *


@asynchronous
def invoke(handler, parameters):
    def receive_message(message):
        handler.respond(result={"message": message})

    EventManager.instance().register_handler(
        "message", receive_message, run_on_main_loop=True, request_handler=handler
    )
