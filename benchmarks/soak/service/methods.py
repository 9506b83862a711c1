"""The methods of the soak, ``soak.*``, and what they tell of their process."""

import asyncio
import gc
import os
import sys
import threading
import time
import uuid
from typing import Any

from django.contrib.auth.models import User

from benchmarks.soak.service.allocation import allocated
from benchmarks.soak.service.listeners import done
from toto_django import method
from toto_django.buckets import nonce_buckets
from toto_django.events import EventManager
from toto_django.handler import Handler
from toto_django.invocation import asynchronous, authenticated, requires

CHUNKS = 20


# Calls


def _sum(parameters: Any) -> dict[str, Any]:
    return {"sum": parameters["a"] + parameters["b"]}


@method("soak.plain")
def plain(handler: Handler, parameters: Any) -> dict[str, Any]:
    return _sum(parameters)


@method("soak.add")
async def add(handler: Handler, parameters: Any) -> dict[str, Any]:
    return _sum(parameters)


@method("soak.signed_plain")
@authenticated
def signed_plain(handler: Handler, parameters: Any) -> dict[str, Any]:
    return {**_sum(parameters), "user_id": handler.session.user_id}


@method("soak.signed")
@authenticated
async def signed(handler: Handler, parameters: Any) -> dict[str, Any]:
    return {**_sum(parameters), "user_id": handler.session.user_id}


@method("soak.query")
async def query(handler: Handler, parameters: Any) -> dict[str, Any]:
    """In one of the threads that calls share."""
    return {"users": await User.objects.acount()}


@method("soak.slow")
async def slow(handler: Handler, parameters: Any) -> dict[str, Any]:
    await asyncio.sleep(parameters["seconds"])
    return {"slept": True}


@method("soak.slow_plain")
def slow_plain(handler: Handler, parameters: Any) -> dict[str, Any]:
    time.sleep(parameters["seconds"])
    return {"slept": True}


@method("soak.stream")
@asynchronous
def stream(handler: Handler, parameters: Any) -> None:
    """A second of chunks."""

    def write() -> None:
        for number in range(CHUNKS):
            handler.respond_raw(b"x" * 1000, "text/plain", finish=number == CHUNKS - 1)
            time.sleep(1 / CHUNKS)

    threading.Thread(target=write).start()


# States of sessions


def _add_one(state: dict[str, Any]) -> None:
    state["count"] = state.get("count", 0) + 1


@method("soak.increment")
@authenticated
def increment(handler: Handler, parameters: Any) -> None:
    handler.session.update(_add_one)


@method("soak.aincrement")
@authenticated
async def aincrement(handler: Handler, parameters: Any) -> None:
    await handler.session.aupdate(_add_one)


@method("soak.count")
@authenticated
def count(handler: Handler, parameters: Any) -> int:
    return handler.session.get("count", 0)


# Events


@method("soak.send")
def send(handler: Handler, parameters: Any) -> None:
    EventManager.instance().send(parameters["event"], parameters["args"], parameters.get("broadcast", True))


@method("soak.asend")
async def asend(handler: Handler, parameters: Any) -> None:
    await EventManager.instance().asend(
        parameters["event"], parameters["args"], parameters.get("broadcast", True)
    )


@method("soak.await")
@requires("event")
async def wait(handler: Handler, parameters: Any) -> Any:
    return await handler.wait_event(parameters["event"], parameters.get("timeout"))


@method("soak.await_many")
async def wait_for_many(handler: Handler, parameters: Any) -> None:
    """All at once, until the time is over."""
    waits = [handler.wait_event(name, parameters["timeout"]) for name in parameters["events"]]
    await asyncio.gather(*waits, return_exceptions=True)


@method("soak.wait")
@requires("event")
@asynchronous(timeout=60)
def wait_for_handler(handler: Handler, parameters: Any) -> None:
    handler.register_event_handler(parameters["event"], handler.respond)


@method("soak.follow")
@requires("event")
def follow(handler: Handler, parameters: Any) -> None:
    """Each event from the answer on, as messages of the socket."""
    name = parameters["event"]
    handler.register_event_handler(name, lambda args: handler.send_message(args, name), persist=True)


@method("soak.push")
def push(handler: Handler, parameters: Any) -> None:
    """Numbered messages, from a thread of their own."""

    def send() -> None:
        for number in range(parameters["count"]):
            handler.send_message(number, "push")

    threading.Thread(target=send).start()


# What the process tells of itself


@method("soak.claim_many")
async def claim_many(handler: Handler, parameters: Any) -> None:
    """So many nonces at once, which take as many connections to where nonces are kept as there may be."""
    buckets = nonce_buckets()
    await asyncio.gather(*(buckets.aclaim(str(uuid.uuid4()), 1) for _ in range(parameters["count"])))


@method("soak.waiting")
async def waiting(handler: Handler, parameters: Any) -> int:
    """How many in this process would get an event."""
    manager = EventManager.instance()
    joined = manager._joins.get(parameters["event"])
    if joined is None or not joined.done():
        return 0
    return len(manager._handlers.get(parameters["event"], ()))


@method("soak.errands")
async def errands(handler: Handler, parameters: Any) -> list[int]:
    """Those that were done since somebody asked."""
    return [done.get_nowait() for _ in range(done.qsize())]


@method("soak.look")
async def look(handler: Handler, parameters: Any) -> dict[str, Any]:
    manager = EventManager.instance()
    if parameters.get("collect"):
        gc.collect()
    used, spare = allocated()
    hub_tasks, groups = await asyncio.wrap_future(manager.hub.submit(_look_at_hub(manager)))
    return {
        "pid": os.getpid(),
        "tasks": len(asyncio.all_tasks()) + hub_tasks,
        "handlers": manager.count_handlers(),
        "groups": groups,
        "objects": len(gc.get_objects()),
        "blocks": sys.getallocatedblocks(),
        "allocated": used,
        "spare": spare,
        "lost": manager.hub.lost,
        "outages": manager.hub.outages,
    }


async def _look_at_hub(manager: EventManager) -> tuple[int, int]:
    return len(asyncio.all_tasks()), len(await manager.hub.groups())
