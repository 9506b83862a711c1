"""profile: properties of an account"""

# ruff: noqa: F403, F405
import toto.invocation as invocation
from toto.invocation import *
from toto.session import TotoAccount, TotoSession


@authenticated
@invocation.requires("city")
def invoke(handler, parameters):
    account = handler.session.get_account()
    assert isinstance(account, TotoAccount)
    assert isinstance(handler.session, TotoSession)
    account["city"] = parameters["city"]
    account.save()
    return {"user_id": account["user_id"], "city": handler.session.get_account()["city"]}
