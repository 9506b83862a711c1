"""The messages."""

from typing import ClassVar

from django.db import models


class Message(models.Model):
    """What somebody said in a room; it goes when the account goes."""

    MAX_LENGTH = 1000

    room = models.CharField(max_length=40)
    author = models.ForeignKey("toto_django.Account", on_delete=models.CASCADE, related_name="messages")
    text = models.TextField(max_length=MAX_LENGTH)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["pk"]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["room", "id"], name="chat_room_id")]

    def __str__(self) -> str:
        return self.text[:50]
