"""What is new in a room: messages from the database, events that say when to look there."""

from typing import Any

from example_project.chat.models import Message

HISTORY = 50
"""How many messages somebody who enters a room is given."""
LIMIT = 200
"""How many are given at a time."""


def event_name(room: str) -> str:
    """The event of a room: ``{"id": 7}`` for a message, ``{"typing": "ada"}``."""
    return f"chat.{room}"


def newer(room: str, after: int | None) -> list[dict[str, Any]]:
    """The messages after the one with this id, the oldest first; for None the latest ones."""
    messages = Message.objects.filter(room=room).select_related("author")
    if after is None:
        return [shown(message) for message in reversed(messages.order_by("-pk")[:HISTORY])]
    return [shown(message) for message in messages.filter(pk__gt=after)[:LIMIT]]


def shown(message: Message) -> dict[str, Any]:
    """A message as clients see it."""
    return {
        "id": message.pk,
        "author": message.author.user_id,
        "text": message.text,
        "created": message.created,
    }
