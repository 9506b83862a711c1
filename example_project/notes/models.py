"""The notes."""

from typing import ClassVar

from django.db import models


class Note(models.Model):
    """A short text of one account; it goes when the account goes."""

    MAX_LENGTH = 2000

    owner = models.ForeignKey("toto_django.Account", on_delete=models.CASCADE, related_name="notes")
    text = models.TextField(max_length=MAX_LENGTH)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]

    def __str__(self) -> str:
        return self.text[:50]
