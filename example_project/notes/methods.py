"""notes.add, notes.list, notes.edit, notes.delete, notes.profile: all for logged-in accounts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from django.db.models import QuerySet
from pydantic import StringConstraints

from example_project.notes.models import Note
from toto_django import method
from toto_django.exceptions import NotAuthorized, TotoException
from toto_django.handler import Handler
from toto_django.invocation import authenticated
from toto_django.models import Account

MAX_NOTES = 100
NO_NUL = r"^[^\x00]*$"
"""PostgreSQL keeps no U+0000."""

Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=Note.MAX_LENGTH, pattern=NO_NUL)
]
DisplayName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=80, pattern=NO_NUL)]


@dataclass
class ShownNote:
    """A note as its owner sees it."""

    id: int
    text: str
    created: datetime
    updated: datetime


@dataclass
class Profile:
    """Who is logged in; the display name is empty until it is set."""

    user_id: str
    display_name: str


class NoteNotFound(TotoException):
    """There is no such note, or it is somebody else's; the answer does not tell which."""

    def __init__(self) -> None:
        super().__init__(2001, "No such note.")


class TooManyNotes(TotoException):
    def __init__(self) -> None:
        super().__init__(2002, f"An account has {MAX_NOTES} notes at most.")


@method
@authenticated
def add(handler: Handler, text: Text) -> ShownNote:
    """Keep a text."""
    if _own_notes(handler).count() >= MAX_NOTES:
        raise TooManyNotes
    return _shown(Note.objects.create(owner=_account(handler), text=text))


@method("notes.list")
@authenticated
def list_notes(handler: Handler) -> list[ShownNote]:
    """All notes of the account, the newest first."""
    return [_shown(note) for note in _own_notes(handler)]


@method
@authenticated
def edit(handler: Handler, id: Any, text: Text) -> ShownNote:
    """Replace a note's text."""
    note = _own_note(handler, id)
    note.text = text
    note.save(update_fields=["text", "updated"])
    return _shown(note)


@method
@authenticated
def delete(handler: Handler, id: Any) -> dict[str, Any]:
    """Throw a note away."""
    _own_note(handler, id).delete()
    return {"deleted": id}


@method
@authenticated
def profile(handler: Handler, display_name: DisplayName = None) -> Profile:
    """Who is logged in. A parameter display_name changes that property of the account."""
    account = handler.session.get_account()
    if display_name is not None:
        account["display_name"] = display_name
        account.save()
    return Profile(account.user_id, account["display_name"] or "")


def _own_notes(handler: Handler) -> QuerySet[Note]:
    return Note.objects.filter(owner__user_id=handler.session.user_id)


def _own_note(handler: Handler, note_id: Any) -> Note:
    """Whatever can be no id is the id of no note."""
    try:
        return _own_notes(handler).get(pk=note_id)
    except (Note.DoesNotExist, TypeError, ValueError, OverflowError):
        raise NoteNotFound from None


def _account(handler: Handler) -> Account:
    try:
        return Account.objects.get(user_id=handler.session.user_id)
    except Account.DoesNotExist:
        raise NotAuthorized from None


def _shown(note: Note) -> ShownNote:
    return ShownNote(note.pk, note.text, note.created, note.updated)
