"""reverse: work in a task queue, answered from its thread"""

# ruff: noqa: F403, F405
import threading

from toto.invocation import *
from toto.tasks import TaskQueue


@asynchronous
@requires("text")
def invoke(handler, parameters):
    def work(text):
        handler.respond(result={"text": text[::-1], "thread": threading.current_thread().name})

    TaskQueue.instance("reverse", thread_count=2).add_task(work, parameters["text"])
