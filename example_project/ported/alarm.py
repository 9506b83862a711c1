"""alarm"""

import threading

from toto_django.invocation import asynchronous, default_parameters

LONGEST = 30


@asynchronous
@default_parameters({"seconds": 1})
def invoke(handler, parameters):
    """Answer after some seconds. No thread waits meanwhile but the timer's own."""
    seconds = min(LONGEST, max(0, float(parameters["seconds"])))
    handler.timer = threading.Timer(seconds, handler.respond, [f"{seconds:g} s are over."])
    handler.timer.daemon = True
    handler.timer.start()


def on_connection_close(handler):
    """The client left before the answer."""
    handler.timer.cancel()
