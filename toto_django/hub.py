"""One event loop, in one thread of the process, that owns the channel layer.

Whoever sends hands the work to it: request threads, other event loops, commands. So a
layer never sees two loops, a synchronous sender makes no loop of its own, and one reader
task lives as long as the process and is never cancelled while it receives.
"""

import asyncio
import hashlib
import itertools
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from typing import Any, Final, TypeVar

from channels.layers import InMemoryChannelLayer, channel_layers

from toto_django.conf import settings
from toto_django.exceptions import Unavailable
from toto_django.serializers import unpack

__all__ = ["Hub", "group_name", "is_in_memory"]

T = TypeVar("T")
Receiver = Callable[[str, Any], None]

logger = logging.getLogger("toto_django")

MESSAGE_TYPE = "toto.event"
FORMS: Final = (
    {"event": str, "args": bytes, "sender": str, "number": int},
    {"event": str, "args": bytes},
    {"event": str, "request": str, "sender": str},
    {"request": str, "offer": str},
)
"""Of messages: an event for all, one for this process, who would take one, and who offers to."""
MEMBERS: Final = {name for form in FORMS for name in form}
MEMORY_LAYER = "channels.layers.InMemoryChannelLayer"
OFFER_SECONDS = (0.05, 0.15, 0.3)
"""How long processes may take to offer themselves for an event sent to one; more only while none has."""
RETRY_SECONDS = 0.1
LINGER_SECONDS = 10.0
"""How long a group is kept after its last waiter left: long-polls come back."""
HEARTBEAT_SECONDS = 5.0
BEATS_TO_RENEWAL = 12
SETTLE_SECONDS = 0.5
"""How long after an outage events wait, so that every process is back before they are sent."""
NUMBERED_GROUPS = 1000
CONCURRENT_JOINS = 32
MEMORY_CAPACITY = 10_000


def group_name(event: str) -> str:
    """Any event name as a group name of Channels: ASCII, short."""
    return f"toto.{hashlib.sha256(event.encode('utf-8', 'surrogatepass')).hexdigest()[:40]}"


def is_in_memory() -> bool:
    """Events stay in their process: CHANNEL_LAYERS has no layer that processes share."""
    layer = channel_layers.configs.get(settings.CHANNEL_LAYER, {})
    return str(layer.get("BACKEND", MEMORY_LAYER)) == MEMORY_LAYER


def _make_layer() -> Any:
    """A layer of the hub's own, made as CHANNEL_LAYERS says; in memory where it says nothing."""
    alias = settings.CHANNEL_LAYER
    if alias in channel_layers.configs:
        return channel_layers.make_backend(alias)
    return InMemoryChannelLayer(capacity=MEMORY_CAPACITY)


def _message(**members: Any) -> dict[str, Any]:
    return {"type": MESSAGE_TYPE, **members}


def _is_message(message: Any) -> bool:
    """One that a hub can have sent; whoever else can write to the layer may have put anything there."""
    if not isinstance(message, dict):
        return False
    return {name: type(value) for name, value in message.items() if name in MEMBERS} in FORMS


class Hub:
    """Sends events to every process, and calls ``receive(name, args)`` for those that arrive here."""

    def __init__(self, receive: Receiver) -> None:
        self._receive = receive
        self._loop = asyncio.new_event_loop()
        self._id = uuid.uuid4().hex
        self._layer: Any = None
        self._channel = ""
        self._groups: dict[str, float | None] = {}
        """Joined groups by event name: None while waited for, else when the last waiter left."""
        self._ready = asyncio.Event()
        self._turn_to_send = asyncio.Lock()
        """Events leave in the order they were sent in, and never need more than one connection."""
        self._joining = asyncio.Semaphore(CONCURRENT_JOINS)
        self._settled_at = 0.0
        self._numbers: OrderedDict[str, itertools.count[int]] = OrderedDict()
        self._seen: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._offers: dict[str, list[str]] = {}
        """Channels of the processes that would take an event sent to one, by request."""
        self._untaken: dict[str, tuple[str, bytes]] = {}
        """Events sent to one that nobody has offered to take yet, by request."""
        self._turns: OrderedDict[str, int] = OrderedDict()
        self._turn = itertools.count(1)
        self._tasks: set[asyncio.Task[Any]] = set()
        self.lost = 0
        """Events that were sent but did not arrive here, because a queue was full."""
        self.outages = 0
        Thread(target=self._run, name="toto-events", daemon=True).start()

    # From any thread

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        """Run on the hub's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    # On the hub's loop

    async def send(self, event: str, args: bytes) -> None:
        """To every process that waits for the event. Raises Unavailable."""
        numbers = self._numbers.setdefault(event, itertools.count())
        self._numbers.move_to_end(event)
        while len(self._numbers) > NUMBERED_GROUPS:
            self._numbers.popitem(last=False)
        await self._send({"event": event, "args": args, "sender": self._id, "number": next(numbers)})

    async def send_to_one(self, event: str, args: bytes) -> None:
        """To one of the processes that wait for the event, in rotation. Raises Unavailable.

        Those that wait offer to take it, and the one that had its last turn longest ago gets it.
        Where none has offered after a moment, the first one to do so within EVENT_TIMEOUT gets
        it: a busy process is no reason to lose it. The sender does not wait for that.
        """
        request = uuid.uuid4().hex
        offers = self._offers[request] = []
        try:
            await self._send({"event": event, "request": request, "sender": self._channel})
            for seconds in OFFER_SECONDS:
                await asyncio.sleep(seconds)
                if offers:
                    break
        finally:
            del self._offers[request]
        if offers:
            taker = min(offers, key=lambda channel: (self._turns.get(channel, 0), channel != self._channel))
            await self._hand_over(taker, event, args)
        elif len(self._untaken) < NUMBERED_GROUPS:
            self._untaken[request] = event, args
            self._loop.call_later(settings.EVENT_TIMEOUT, self._untaken.pop, request, None)

    async def _hand_over(self, taker: str, event: str, args: bytes) -> None:
        """Send an event to the channel of one process, whose turn that was."""
        self._turns.pop(taker, None)
        self._turns[taker] = next(self._turn)
        while len(self._turns) > NUMBERED_GROUPS:
            self._turns.popitem(last=False)
        await self._attempt(lambda: self._layer.send(taker, _message(event=event, args=args)))

    async def _hand_over_late(self, taker: str, event: str, args: bytes) -> None:
        with suppress(Unavailable):  # It has been logged, and whoever sent the event waits no more.
            await self._hand_over(taker, event, args)

    async def join(self, event: str) -> None:
        """Returns when events of this name arrive; while the layer is down, once it is back."""
        is_member = event in self._groups
        self._groups[event] = None
        if not self._ready.is_set():
            await self._ready.wait()
        elif not is_member:
            await self._join(event)

    async def _join(self, event: str) -> None:
        while event in self._groups:
            try:
                async with self._joining:
                    await self._layer.group_add(group_name(event), self._channel)
                return
            except Exception as error:
                self._report("cannot join a group", error)
                await asyncio.sleep(RETRY_SECONDS)
                await self._ready.wait()

    async def leave(self, event: str) -> None:
        """Nobody here waits for the event any more."""
        if event in self._groups:
            self._groups[event] = time.monotonic()

    async def groups(self) -> list[str]:
        """The events this process listens for."""
        return sorted(self._groups)

    async def close(self) -> None:
        """End the loop and its thread."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._loop.call_soon(self._loop.stop)

    async def _send(self, message: dict[str, Any]) -> None:
        group = group_name(message["event"])
        await self._attempt(lambda: self._layer.group_send(group, _message(**message)))

    async def _attempt(self, operation: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            async with asyncio.timeout(settings.EVENT_TIMEOUT):
                await self._ready.wait()
                if (settling := self._settled_at - time.monotonic()) > 0:
                    await asyncio.sleep(settling)
                async with self._turn_to_send:
                    try:
                        await operation()
                    except Exception:
                        # Connections that were kept through an outage fail once.
                        await asyncio.sleep(RETRY_SECONDS)
                        await self._ready.wait()
                        await operation()
        except Exception as error:
            self._report("cannot send an event", error)
            raise Unavailable from error

    # The life of the loop

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._start(self._read())
        self._start(self._beat())
        self._loop.run_forever()
        self._loop.close()

    def _start(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self) -> None:
        """The one reader. A layer that fails is asked again until it answers; its groups are joined anew."""
        while True:
            try:
                await self._connect()
                while True:
                    await self._receive_one()
            except Exception as error:
                if self._ready.is_set() or not self.outages:
                    self.outages += 1
                    self._report("the channel layer does not answer; waiting requests go on waiting", error)
                self._ready.clear()
                await asyncio.sleep(RETRY_SECONDS)

    async def _receive_one(self) -> None:
        """Bytes that the layer cannot read are no outage."""
        try:
            message = await self._layer.receive(self._channel)
        except (TypeError, ValueError) as error:
            self._report("dropped what is no message of the channel layer", error)
            await asyncio.sleep(RETRY_SECONDS)
            return
        self._guarded(self._take, message)

    async def _connect(self) -> None:
        if self._layer is None:
            self._layer = _make_layer()
        self._seen.clear()
        self._channel = await self._layer.new_channel("toto")
        # Asks a layer that only pretends to be back.
        await self._layer.group_add(group_name(self._id), self._channel)
        joined: set[str] = set()
        while missing := self._groups.keys() - joined:  # More may be asked for meanwhile.
            for event in missing:
                await self._layer.group_add(group_name(event), self._channel)
            joined |= missing
        if self.outages and not self._ready.is_set():
            self._settled_at = time.monotonic() + SETTLE_SECONDS
            logger.warning("the channel layer answers again")
        self._ready.set()

    async def _beat(self) -> None:
        """Leave groups that nobody waits for; renew the membership of others before it expires."""
        for beat in itertools.count(1):
            await asyncio.sleep(HEARTBEAT_SECONDS)
            if self._ready.is_set():
                try:
                    await self._leave_groups()
                    if beat % BEATS_TO_RENEWAL == 0:
                        for event in list(self._groups):
                            await self._layer.group_add(group_name(event), self._channel)
                except Exception as error:
                    self._report("cannot renew the groups", error)

    async def _leave_groups(self) -> None:
        long_ago = time.monotonic() - LINGER_SECONDS
        for event in list(self._groups):
            left_at = self._groups.get(event)  # Now: somebody may have come while another one was left.
            if left_at is None or left_at > long_ago:
                continue
            del self._groups[event]
            for key in [key for key in self._seen if key[0] == event]:
                del self._seen[key]
            await self._layer.group_discard(group_name(event), self._channel)
            if event in self._groups:  # Somebody came while it was left.
                await self._layer.group_add(group_name(event), self._channel)

    def _take(self, message: Any) -> None:
        if not _is_message(message):
            logger.error("dropped a message of the channel layer that is no event")
        elif "offer" in message:
            untaken = self._untaken.pop(message["request"], None)
            if untaken is not None:
                self._start(self._hand_over_late(message["offer"], *untaken))
            self._offers.get(message["request"], []).append(message["offer"])
        elif "request" in message:
            self._start(self._offer(message))
        else:
            if "number" in message:
                self._count_lost(message["event"], message["sender"], message["number"])
            self._deliver(message["event"], message["args"])

    async def _offer(self, message: dict[str, Any]) -> None:
        """Offer to take an event sent to one process, if anybody here waits for it."""
        if self._groups.get(message["event"], 0.0) is None:
            offer = _message(request=message["request"], offer=self._channel)
            try:
                await self._layer.send(message["sender"], offer)
            except Exception as error:
                self._report("cannot offer to take an event", error)

    def _deliver(self, event: str, args: bytes) -> None:
        try:
            value = unpack(args)
        except Exception as error:
            logger.error("dropped an event whose payload is damaged: %s", type(error).__name__)
            return
        self._receive(event, value)

    def _guarded(self, step: Callable[..., None], *args: Any) -> None:
        """What a message holds is nothing to end the reader for."""
        try:
            step(*args)
        except Exception:
            logger.exception("an event could not be delivered")

    def _count_lost(self, event: str, sender: str, number: int) -> None:
        key = (event, sender)
        before = self._seen.pop(key, None)
        self._seen[key] = number
        while len(self._seen) > NUMBERED_GROUPS:
            self._seen.popitem(last=False)
        if before is not None and number > before + 1:
            self.lost += number - before - 1
            logger.error(
                "%d events were lost on the way: raise the channel layer's capacity", number - before - 1
            )

    def _report(self, what: str, error: Exception) -> None:
        logger.error("%s: %s: %s", what, type(error).__name__, error)
