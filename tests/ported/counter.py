"""counter: state of a session"""

# ruff: noqa: F403, F405
from toto.invocation import *


@anonymous_session
@default_parameters({"by": 1})
def invoke(handler, parameters):
    handler.session["count"] = (handler.session["count"] or 0) + int(parameters["by"])
    handler.session.save()
    return handler.session["count"]
