"""chat.receive, chat.subscribe, chat.post, chat.typing: all for logged-in accounts."""

import asyncio
import logging
from typing import Annotated, Any

from django.db import transaction
from pydantic import Field, StringConstraints

from example_project.chat.models import Message
from example_project.chat.news import event_name, newer, shown
from example_project.chat.subscriptions import Subscription
from toto_django import method
from toto_django.events import EventManager
from toto_django.exceptions import NotAuthorized, TimedOut, TotoException, Unavailable
from toto_django.handler import Handler
from toto_django.invocation import authenticated, default_parameters
from toto_django.models import Account
from toto_django.workers import run_in_worker

logger = logging.getLogger(__name__)

LONGEST_WAIT = 20
"""Seconds."""
GREATEST_ID = 2**63 - 1


Room = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_lower=True, max_length=40, pattern=r"^[\w-]+$"),
    Field(description="Letters, digits, hyphens and underscores; case does not matter."),
]
Text = Annotated[
    str,
    # PostgreSQL keeps no U+0000.
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=Message.MAX_LENGTH, pattern=r"^[^\x00]*$"
    ),
]
MessageId = Annotated[int, Field(ge=0, le=GREATEST_ID)]
Wait = Annotated[int, Field(ge=0, le=LONGEST_WAIT, description="Seconds.")]


class SocketNeeded(TotoException):
    def __init__(self) -> None:
        super().__init__(2201, "Subscribe over a web socket.")


@method
@authenticated
async def receive(
    handler: Handler, room: Room = "lobby", after: MessageId | None = None, wait: Wait = LONGEST_WAIT
) -> list[dict[str, Any]]:
    """Messages after the id ``after``, without one the latest; where there are none, wait for one."""
    if after is None or not wait:
        return await run_in_worker(newer, room, after)
    listening = asyncio.create_task(_heard(handler, room, wait))
    try:
        await asyncio.sleep(0)  # It listens before the database is read, so nothing gets between.
        if messages := await run_in_worker(newer, room, after):
            return messages
        typing = await listening
        return [*await run_in_worker(newer, room, after), *typing]
    finally:
        listening.cancel()


@method
@authenticated
async def subscribe(handler: Handler, room: Room = "lobby", after: MessageId | None = None) -> dict[str, str]:
    """Push the same to this web socket, from now on. Another room takes the place of the one before."""
    if handler.exchange.socket is None:
        raise SocketNeeded
    await Subscription(handler, room, after).start()
    return {"room": room}


@method
@authenticated
@default_parameters({"text": ""})  # Saying nothing is as wrong as leaving the text out: 1100, not 1003.
def post(handler: Handler, text: Text, room: Room = "lobby") -> dict[str, Any]:
    """Say something in a room."""
    message = Message.objects.create(room=room, author=_account(handler), text=text)
    transaction.on_commit(lambda: _announce(message))
    return shown(message)


@method
@authenticated
async def typing(handler: Handler, room: Room = "lobby") -> dict[str, str]:
    """Tell a room that somebody is about to say something. Nothing keeps it."""
    await EventManager.instance().asend(event_name(room), {"typing": handler.session.user_id})
    return {"room": room}


async def _heard(handler: Handler, room: str, wait: float) -> list[dict[str, Any]]:
    """Who is typing, once something happens in the room; nobody for a message, or when the time is up."""
    try:
        event = await handler.wait_event(event_name(room), wait)
    except TimedOut:
        return []
    return [event] if "typing" in event else []


def _announce(message: Message) -> None:
    """The message is saved. Where the event cannot be sent, everybody finds it a little later."""
    try:
        EventManager.instance().send(event_name(message.room), {"id": message.pk})
    except Unavailable:
        logger.warning("message %d was saved, but not announced", message.pk)


def _account(handler: Handler) -> Account:
    try:
        return Account.objects.get(user_id=handler.session.user_id)
    except Account.DoesNotExist:
        raise NotAuthorized from None
