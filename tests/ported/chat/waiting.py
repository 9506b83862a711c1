"""chat.waiting: how many event handlers this process has"""

from toto.events import EventManager


def invoke(handler, parameters):
    return EventManager.instance().count_handlers()
