"""account.create, by invitation only"""

# ruff: noqa: F403, F405
import toto.methods.account.create as create
from toto.exceptions import *
from toto.invocation import *


@requires("invitation")
def invoke(handler, parameters):
    if parameters["invitation"] != "swordfish":
        raise TotoException(ERROR_NOT_AUTHORIZED, "Nobody invited you.")
    account = dict(parameters)
    del account["invitation"]
    return create.invoke(handler, account)
