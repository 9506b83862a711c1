"""``rt.*``: methods that wait, send and report what their process holds, for tests/realtime.py."""

import asyncio
import logging
import os
import threading
import time
from dataclasses import replace
from typing import Any

from toto_django import hub, method
from toto_django.events import EventManager, Registration
from toto_django.invocation import anonymous_session, asynchronous, authenticated
from toto_django.registry import Method

# A server for tests of what is left after a while need not be as patient as others.
hub.LINGER_SECONDS = float(os.environ.get("TOTO_TEST_LINGER", hub.LINGER_SECONDS))
hub.HEARTBEAT_SECONDS = min(hub.HEARTBEAT_SECONDS, hub.LINGER_SECONDS)

journal: list[str] = []
running = {"now": 0, "most": 0}


def _closed(handler: Any) -> None:
    journal.append(f"closed {handler.method_name}")


def _closing(function: Any) -> Method:
    """Leaves an entry in the journal when the client leaves."""
    return replace(Method.of(function), on_connection_close=_closed)


@method("rt.echo")
def echo(handler: Any, parameters: Any) -> Any:
    return parameters


@method("rt.whoami")
@authenticated
def whoami(handler: Any, parameters: Any) -> Any:
    return handler.session.user_id


@method("rt.fail")
def fail(handler: Any, parameters: Any) -> Any:
    raise ValueError("a secret")


@method("rt.wait")
@_closing
async def wait(handler: Any, parameters: Any) -> Any:
    return {"got": await handler.wait_event(parameters["event"], parameters.get("timeout"))}


@method("rt.wait_handler")
@_closing
@asynchronous
def wait_handler(handler: Any, parameters: Any) -> None:
    def respond(args: Any) -> None:
        handler.respond({"got": args})

    handler.register_event_handler(parameters["event"], respond, parameters.get("main", True))


@method("rt.wait_session")
@anonymous_session
@asynchronous
def wait_session(handler: Any, parameters: Any) -> None:
    wait_handler.function(handler, parameters)


@method("rt.wait_user")
@authenticated
async def wait_user(handler: Any, parameters: Any) -> Any:
    await handler.wait_event(parameters["event"])
    return {"user_id": handler.session.user_id}


@method("rt.user")
@authenticated
def user(handler: Any, parameters: Any) -> Any:
    return {"user_id": handler.session.user_id}


@method("rt.session")
@anonymous_session
def session(handler: Any, parameters: Any) -> Any:
    return {"session_id": handler.session.session_id}


@method("rt.never")
@_closing
@asynchronous
def never(handler: Any, parameters: Any) -> None:
    """Answers as `rt.answer_all` says, or never."""
    parked.append(handler)


parked: list[Any] = []


@method("rt.answer_all")
def answer_all(handler: Any, parameters: Any) -> Any:
    for waiting in parked:
        waiting.respond({"late": True})
    count = len(parked)
    parked.clear()
    return {"answered": count}


@method("rt.parked")
def parked_(handler: Any, parameters: Any) -> Any:
    return {"parked": len(parked)}


@method("rt.never_short")
@asynchronous(timeout=0.3)
def never_short(handler: Any, parameters: Any) -> None:
    handler.register_event_handler("rt.nothing", handler.respond)


@method("rt.from")
@asynchronous
async def from_(handler: Any, parameters: Any) -> None:
    """Answers from where ``parameters["where"]`` says, ``times`` times."""

    def respond() -> None:
        for number in range(parameters.get("times", 1)):
            handler.respond({"number": number})

    async def respond_later() -> None:
        await asyncio.sleep(0.01)
        respond()

    if parameters["where"] == "loop":
        asyncio.get_running_loop().call_later(0.01, respond)
    elif parameters["where"] == "thread":
        threading.Timer(0.01, respond).start()
    elif parameters["where"] == "task":
        tasks.add(task := asyncio.create_task(respond_later()))
        task.add_done_callback(tasks.discard)
    else:
        respond()


tasks: set[Any] = set()


@method("rt.stream")
@asynchronous
def stream(handler: Any, parameters: Any) -> None:
    def write(args: Any) -> None:
        handler.respond_raw(args or b"", "text/plain", finish=args is None)

    streams.append(EventManager.instance().register_handler(parameters["event"], write, persist=True))
    handler.respond_raw("begin;", "text/plain", finish=False)


streams: list[Registration] = []


@method("rt.forget")
def forget(handler: Any, parameters: Any) -> None:
    """Take the handlers of `rt.stream` back."""
    for registration in streams:
        EventManager.instance().remove_handler(registration)
    streams.clear()


@method("rt.slow")
async def slow(handler: Any, parameters: Any) -> Any:
    """How many of these ran at once at most."""
    running["now"] += 1
    running["most"] = max(running.values())
    try:
        await handler.wait_event(parameters["event"])
    finally:
        running["now"] -= 1
    return {"most": running["most"]}


@method("rt.push")
def push(handler: Any, parameters: Any) -> None:
    """Messages from a thread of its own, each with so many characters more."""
    more = {"text": "x" * parameters["size"]} if "size" in parameters else {}

    def send() -> None:
        for number in range(parameters["count"]):
            handler.send_message({"number": number, **more}, parameters.get("message_id"))

    threading.Thread(target=send).start()


@method("rt.push_here")
async def push_here(handler: Any, parameters: Any) -> str:
    """Messages from the event loop, before the answer."""
    for number in parameters["numbers"]:
        handler.send_message({"number": number})
    return "pushed"


@method("rt.push_in_thread")
def push_in_thread(handler: Any, parameters: Any) -> str:
    """The same in the thread of a plain method."""
    for number in parameters["numbers"]:
        handler.send_message({"number": number})
    return "pushed"


@method("rt.large")
def large(handler: Any, parameters: Any) -> Any:
    return "x" * parameters["size"]


@method("rt.subscribe")
def subscribe(handler: Any, parameters: Any) -> Any:
    def forward(args: Any) -> None:
        handler.send_message({"event": args})
        if parameters.get("again", True):
            handler.register_event_handler(parameters["event"], forward)

    handler.register_event_handler(
        parameters["event"], forward, deregister_on_finish=parameters.get("until_finish", False)
    )
    return {"subscribed": True}


@method("rt.push_late")
@asynchronous
def push_late(handler: Any, parameters: Any) -> None:
    """Keeps on sending to a socket that may be gone."""

    def send() -> None:
        for number in range(20):
            handler.send_message({"number": number})
            time.sleep(0.02)
        journal.append("pushed")

    threading.Thread(target=send).start()


@method("rt.opened")
def opened(handler: Any, parameters: Any) -> None:
    journal.append("opened")
    handler.send_message("welcome")


@method("rt.closed")
def closed(handler: Any, parameters: Any) -> None:
    journal.append("closed")


@method("rt.send")
def send(handler: Any, parameters: Any) -> Any:
    EventManager.instance().send(
        parameters["event"], parameters.get("args"), parameters.get("broadcast", True)
    )
    return {"sent": True}


@method("rt.asend")
async def asend(handler: Any, parameters: Any) -> Any:
    await EventManager.instance().asend(
        parameters["event"], parameters.get("args"), parameters.get("broadcast", True)
    )
    return {"sent": True}


@method("rt.send_now")
async def send_now(handler: Any, parameters: Any) -> None:
    """The payload is when it was sent, on the clock that all processes share."""
    await EventManager.instance().asend(parameters["event"], time.monotonic())


@method("rt.send_many")
async def send_many(handler: Any, parameters: Any) -> Any:
    """From the event loop, without waiting in between."""
    for number in range(parameters["count"]):
        EventManager.instance().send(parameters["event"], number)
    return {"sent": True}


@method("rt.collect")
def collect(handler: Any, parameters: Any) -> None:
    """Keep every payload of an event, for `rt.journal`."""
    EventManager.instance().register_handler(
        parameters["event"], lambda args: journal.append(args), persist=True, run_on_main_loop=True
    )


@method("rt.acollect")
async def acollect(handler: Any, parameters: Any) -> None:
    """See rt.collect; in order, because on the event loop."""
    collect.function(handler, parameters)


@method("rt.log")
def log(handler: Any, parameters: Any) -> None:
    logging.getLogger("toto_django").warning("%s", handler.exchange.given_session_id and "called")


@method("rt.journal")
def journal_(handler: Any, parameters: Any) -> Any:
    entries = list(journal)
    if parameters.get("clear"):
        journal.clear()
    return entries


@method("rt.stats")
async def stats(handler: Any, parameters: Any) -> Any:
    manager = EventManager.instance()
    return {
        "handlers": manager.count_handlers(),
        "joining": sum(not join.done() for join in manager._joins.values()),
        "groups": len(await asyncio.wrap_future(manager.hub.submit(manager.hub.groups()))),
        "lost": manager.hub.lost,
        "outages": manager.hub.outages,
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "files": sorted(_open_files()),
        "rss": _rss(),
    }


def _open_files() -> list[str]:
    """What the file descriptors of this process are."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    return found


def _rss() -> int:
    """Bytes of memory."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
