"""page: raw answers and redirects"""

# ruff: noqa: F403, F405
import toto.exceptions
from toto.invocation import *


@error_redirect({"404": "/missing"}, default="/oops")
@raw_response
def invoke(handler, parameters):
    name = parameters.get("name", "")
    if not name:
        raise toto.exceptions.TotoException(404, "No such page.")
    handler.response_type = "text/plain"
    return "page " + name
