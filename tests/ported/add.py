"""add: what was a Tornado coroutine"""

# ruff: noqa: F403, F405
from toto.exceptions import *
from toto.invocation import *
from toto.tasks import TaskQueue


def add(a, b):
    if not isinstance(b, int):
        raise TotoException(2001, "b is a number.")
    return a + b


@requires("a", "b")
async def invoke(handler, parameters):
    return await TaskQueue.instance("add").yield_task(add, parameters["a"], parameters["b"])
