"""chat.receive, chat.subscribe, chat.post, chat.typing: all for logged-in accounts."""

import asyncio
import logging
from itertools import chain
from typing import Any

from django.db import transaction
from rest_framework.serializers import CharField, IntegerField, RegexField, Serializer

from example_project.chat.models import Message
from example_project.chat.news import event_name, newer, shown
from example_project.chat.subscriptions import Subscription
from toto_django import method
from toto_django.events import EventManager
from toto_django.exceptions import InvalidParameters, NotAuthorized, TimedOut, TotoException, Unavailable
from toto_django.handler import Handler
from toto_django.invocation import authenticated
from toto_django.models import Account
from toto_django.workers import run_in_worker

logger = logging.getLogger(__name__)

LONGEST_WAIT = 20
"""Seconds."""
GREATEST_ID = 2**63 - 1


class SocketNeeded(TotoException):
    def __init__(self) -> None:
        super().__init__(2201, "Subscribe over a web socket.")


class Place(Serializer):
    """A room's name: letters, digits, hyphens and underscores, in lower case whatever was given."""

    room = RegexField(
        r"\A[\w-]+\Z",
        max_length=40,
        default="lobby",
        error_messages={"invalid": "Rooms have names of letters, digits, hyphens and underscores."},
    )

    def validate_room(self, room: str) -> str:
        return room.lower()


class Reading(Place):
    after = IntegerField(min_value=0, max_value=GREATEST_ID, allow_null=True, default=None)
    wait = IntegerField(min_value=0, max_value=LONGEST_WAIT, default=LONGEST_WAIT)


class Writing(Place):
    text = CharField(max_length=Message.MAX_LENGTH)


@method
@authenticated
async def receive(handler: Handler, parameters: Any) -> list[dict[str, Any]]:
    """Messages after the id ``after``, without one the latest; where there are none, wait for one."""
    room, after, wait = _checked(Reading, parameters, "room", "after", "wait")
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
async def subscribe(handler: Handler, parameters: Any) -> dict[str, Any]:
    """Push the same to this web socket, from now on. Another room takes the place of the one before."""
    room, after = _checked(Reading, parameters, "room", "after")
    if handler.exchange.socket is None:
        raise SocketNeeded
    await Subscription(handler, room, after).start()
    return {"room": room}


@method
@authenticated
def post(handler: Handler, parameters: Any) -> dict[str, Any]:
    """Say something in a room."""
    room, text = _checked(Writing, parameters, "room", "text")
    message = Message.objects.create(room=room, author=_account(handler), text=text)
    transaction.on_commit(lambda: _announce(message))
    return shown(message)


@method
@authenticated
async def typing(handler: Handler, parameters: Any) -> dict[str, Any]:
    """Tell a room that somebody is about to say something. Nothing keeps it."""
    (room,) = _checked(Place, parameters, "room")
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


def _checked(kind: type[Serializer], parameters: Any, *names: str) -> list[Any]:
    """The values of these parameters. Raises InvalidParameters."""
    given = kind(data=parameters)
    if not given.is_valid():
        fields = {name: [str(message) for message in messages] for name, messages in given.errors.items()}
        raise InvalidParameters(" ".join(chain.from_iterable(fields.values())), fields)
    return [given.validated_data[name] for name in names]
