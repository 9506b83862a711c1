"""Events between requests, across threads, processes and machines (docs/protocol.md section 11)."""

import asyncio
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from importlib import import_module
from threading import Lock, Semaphore
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.core.signals import setting_changed

from toto_django.conf import settings
from toto_django.exceptions import ServerError, Unavailable
from toto_django.hub import Hub
from toto_django.serializers import pack
from toto_django.workers import with_fresh_connections

__all__ = ["EventManager", "Registration"]

logger = logging.getLogger("toto_django")

Function = Callable[[Any], Any]
Loop = asyncio.AbstractEventLoop

PLAIN_HANDLERS = 4
"""Threads for plain handlers that do not run on a request's loop."""
MOST_SENDING = 10_000
"""Events that nobody waits for until they are sent."""
MOST_PENDING = 10_000
"""Events that may wait for a handler that stays, or be at work in it; more are lost, counted and logged."""
REPORT_SECONDS = 1.0


class Registration:
    """One handler of one event. ``loop`` is the event loop it runs on; None for a thread of the manager's."""

    __slots__ = ("_room", "function", "is_active", "is_persistent", "loop", "lost", "name")

    def __init__(self, name: str, function: Function, is_persistent: bool, loop: Loop | None) -> None:
        self.name = name
        self.function = function
        self.is_persistent = is_persistent
        self.loop = loop
        self.is_active = True
        self.lost = 0
        """Events of which the log does not tell yet."""
        self._room = Semaphore(MOST_PENDING) if is_persistent else None

    def takes(self) -> bool:
        """Whether it has room for another event; a handler of one event always has."""
        return self._room is None or self._room.acquire(blocking=False)

    def done(self) -> None:
        """An event that it took is over."""
        if self._room is not None:
            self._room.release()


class EventManager:
    """Sends events and keeps the handlers of this process; `instance` is the one of the process."""

    _instance: "EventManager | None" = None
    _lock = Lock()

    def __init__(self) -> None:
        self._hub: Hub | None = None
        self._handlers: dict[str, dict[Registration, None]] = {}
        self._joins: dict[str, Future[None]] = {}
        self._table_lock = Lock()
        self._threads = ThreadPoolExecutor(PLAIN_HANDLERS, thread_name_prefix="toto-event")
        self._room_to_send = Semaphore(MOST_SENDING)
        self._is_set_up = False

    @classmethod
    def instance(cls) -> "EventManager":
        """The process's manager."""
        with cls._lock:
            if cls._instance is None:
                cls._instance = EventManager()
            return cls._instance

    def set_up(self) -> None:
        """Let the modules of EVENT_INIT_MODULES register their handlers, once in the life of a process."""
        with self._lock:
            is_first, self._is_set_up = not self._is_set_up, True
        for path in settings.EVENT_INIT_MODULES if is_first else ():
            import_module(path).invoke(self)

    # Sending

    def send(self, name: str, args: Any = None, broadcast: bool = True) -> None:
        """Send an event: to every process that waits for it, or with ``broadcast=False`` to one.

        Raises ServerError for a payload that cannot be carried, Unavailable where the channel
        layer does not answer. Called on an event loop it does not wait, and a failure is logged;
        Unavailable then means that MOST_SENDING others are not sent yet.
        """
        if _running_loop() is not None:
            self._send_unwaited(name, args, broadcast)
            return
        try:
            self._submit_send(name, args, broadcast).result(2 * settings.EVENT_TIMEOUT)
        except TimeoutError:
            raise Unavailable from None

    def _send_unwaited(self, name: str, args: Any, broadcast: bool) -> None:
        room = self._room_to_send
        if not room.acquire(blocking=False):
            raise Unavailable
        try:
            sent = self._submit_send(name, args, broadcast)
        except BaseException:
            room.release()
            raise
        sent.add_done_callback(lambda sent: room.release())

    async def asend(self, name: str, args: Any = None, broadcast: bool = True) -> None:
        """See send; waits until the channel layer has the event."""
        await asyncio.wrap_future(self._submit_send(name, args, broadcast))

    def _submit_send(self, name: str, args: Any, broadcast: bool) -> "Future[None]":
        try:
            data = pack(args)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise ServerError(f"The event cannot carry this: {error}") from error
        hub = self.hub
        return hub.submit(hub.send(name, data) if broadcast else hub.send_to_one(name, data))

    # Handlers

    def register_handler(
        self, name: str, handler: Function, run_on_main_loop: bool = False, persist: bool = False
    ) -> Registration:
        """Call ``handler(args)`` at the next event of this name, or with ``persist`` at each.

        Plain and coroutine functions. With ``run_on_main_loop`` it runs on the event loop of
        the caller, else in a thread of the manager's (a coroutine function on a loop of its own).
        While the channel layer is down, the handler waits for it to be back.
        """
        loop = _running_loop() if run_on_main_loop else None
        registration, joined = self.add(name, handler, persist, loop)
        try:
            self.wait_until_joined(joined)
        except Unavailable:
            logger.warning("the events %r will arrive once the channel layer answers", name)
        return registration

    def remove_handler(self, registration: Registration) -> None:
        """Take a handler back. Harmless when it is gone."""
        registration.is_active = False
        with self._table_lock:
            handlers = self._handlers.get(registration.name)
            if handlers is None or registration not in handlers:
                return
            del handlers[registration]
            if not handlers:
                self._abandon(registration.name)

    def add(
        self, name: str, handler: Function, persist: bool, loop: Loop | None
    ) -> tuple[Registration, "Future[None] | None"]:
        """A registration, and the future of its group's joining; None when joined already."""
        registration = Registration(name, handler, persist, loop)
        with self._table_lock:
            is_new = name not in self._handlers
            self._handlers.setdefault(name, {})[registration] = None
            if is_new:
                self._joins[name] = self.hub.submit(self.hub.join(name))
            joined = self._joins[name]
        return registration, None if joined.done() else joined

    def wait_until_joined(self, joined: "Future[None] | None") -> None:
        """Wait for a group's joining, except on an event loop, which must not wait. Raises Unavailable."""
        if joined is not None and _running_loop() is None:
            try:
                joined.result(settings.EVENT_TIMEOUT)
            except TimeoutError:
                raise Unavailable from None

    def is_registered(self, registration: Registration) -> bool:
        """It has not been taken back, nor had its one event."""
        with self._table_lock:
            return registration in self._handlers.get(registration.name, {})

    def count_handlers(self) -> int:
        """How many handlers are registered in this process."""
        with self._table_lock:
            return sum(map(len, self._handlers.values()))

    # Receiving, on the hub's loop

    @property
    def hub(self) -> Hub:
        """This process's end of the channel layer, made when first used."""
        with self._lock:
            if self._hub is None:
                self._hub = Hub(self._receive)
                for name in list(self._handlers):
                    self._joins[name] = self._hub.submit(self._hub.join(name))
            return self._hub

    def _receive(self, name: str, args: Any) -> None:
        by_loop: defaultdict[Loop | None, list[Registration]] = defaultdict(list)
        for registration in self._due(name):
            if registration.loop is not None and registration.loop.is_closed():
                continue
            if registration.takes():
                by_loop[registration.loop].append(registration)
            else:
                self._lose(registration)
        for loop, registrations in by_loop.items():
            if loop is not None:
                loop.call_soon_threadsafe(_run_on_loop, registrations, args)
                continue
            for registration in registrations:
                self._threads.submit(_run_in_thread, registration, args)

    def _lose(self, registration: Registration) -> None:
        self.hub.lost += 1
        registration.lost += 1
        if registration.lost == 1:
            asyncio.get_running_loop().call_later(REPORT_SECONDS, _report_lost, registration)

    def _due(self, name: str) -> Iterable[Registration]:
        """The handlers of an event; those for one event only are taken out."""
        with self._table_lock:
            handlers = self._handlers.get(name, {})
            due = list(handlers)
            for registration in due:
                if not registration.is_persistent:
                    del handlers[registration]
            if due and not handlers:
                self._abandon(name)
        return due

    def _abandon(self, name: str) -> None:
        """The last handler of an event is gone; called with the table locked."""
        del self._handlers[name], self._joins[name]
        self.hub.submit(self.hub.leave(name))

    def _forget_hub(self) -> None:
        with self._lock:
            hub, self._hub = self._hub, None
        if hub is not None:
            hub.submit(hub.close())


def _report_lost(registration: Registration) -> None:
    logger.error("%d events %r were lost: a handler was too slow", registration.lost, registration.name)
    registration.lost = 0


def _run_on_loop(registrations: list[Registration], args: Any) -> None:
    for registration in registrations:
        try:
            outcome = registration.function(args) if registration.is_active else None
            if asyncio.iscoroutine(outcome):
                task = asyncio.ensure_future(outcome)
                _running.add(task)
                task.add_done_callback(partial(_finished, registration))
                continue
        except Exception:
            _log_failure(registration.name)
        registration.done()


def _run_in_thread(registration: Registration, args: Any) -> None:
    try:
        if not registration.is_active:
            return
        if iscoroutinefunction(registration.function):
            asyncio.run(registration.function(args))
        else:
            with_fresh_connections(registration.function, args)
    except Exception:
        _log_failure(registration.name)
    finally:
        registration.done()


_running: set["asyncio.Future[Any]"] = set()
"""Handlers at work: a loop alone does not keep a task."""


def _finished(registration: Registration, task: "asyncio.Future[Any]") -> None:
    registration.done()
    _running.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("an event handler failed", exc_info=error)


def _log_failure(name: str) -> None:
    logger.exception("a handler of the event %r failed", name)


def _running_loop() -> Loop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _after_fork() -> None:
    """A child process has no thread of its parent's."""
    EventManager._lock = Lock()
    if EventManager._instance is not None:
        EventManager._instance._hub = None
        EventManager._instance._table_lock = Lock()
        EventManager._instance._threads = ThreadPoolExecutor(PLAIN_HANDLERS, thread_name_prefix="toto-event")
        EventManager._instance._room_to_send = Semaphore(MOST_SENDING)


def _on_setting_changed(*, setting: str, **kwargs: Any) -> None:
    if setting in ("CHANNEL_LAYERS", "TOTO") and EventManager._instance is not None:
        EventManager._instance._forget_hub()


os.register_at_fork(after_in_child=_after_fork)
setting_changed.connect(_on_setting_changed)
