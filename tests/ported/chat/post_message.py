"""chat.post_message"""

# ruff: noqa: F403, F405
from toto.events import EventManager
from toto.invocation import *


@requires("message")
def invoke(handler, parameters):
    EventManager.instance().send("message", parameters["message"])
    return "message sent!"
