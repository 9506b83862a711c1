"""chat.wait: through the handler"""

# ruff: noqa: F403, F405
from toto.invocation import *


@asynchronous
def invoke(handler, parameters):
    def receive_message(message):
        handler.respond(result={"waited": message})

    handler.register_event_handler("message", receive_message, deregister_on_finish=True)
