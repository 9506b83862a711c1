"""notes.add, notes.list, notes.edit, notes.delete, notes.profile: all for logged-in accounts."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import CharField

from example_project.notes.models import Note
from toto_django import method
from toto_django.exceptions import InvalidParameters, NotAuthorized, TotoException
from toto_django.handler import Handler
from toto_django.invocation import authenticated, requires
from toto_django.models import Account

MAX_NOTES = 100
TEXT = CharField(max_length=Note.MAX_LENGTH)
DISPLAY_NAME = CharField(max_length=80, allow_blank=True)


class NoteNotFound(TotoException):
    """There is no such note, or it is somebody else's; the answer does not tell which."""

    def __init__(self) -> None:
        super().__init__(2001, "No such note.")


class TooManyNotes(TotoException):
    def __init__(self) -> None:
        super().__init__(2002, f"An account has {MAX_NOTES} notes at most.")


@method
@authenticated
@requires("text")
def add(handler: Handler, parameters: dict[str, Any]) -> dict[str, Any]:
    """Keep a text."""
    text = _checked(TEXT, "text", parameters)
    if _own_notes(handler).count() >= MAX_NOTES:
        raise TooManyNotes
    return _shown(Note.objects.create(owner=_account(handler), text=text))


@method("notes.list")
@authenticated
def list_notes(handler: Handler, parameters: Any) -> list[dict[str, Any]]:
    """All notes of the account, the newest first."""
    return [_shown(note) for note in _own_notes(handler)]


@method
@authenticated
@requires("id", "text")
def edit(handler: Handler, parameters: dict[str, Any]) -> dict[str, Any]:
    """Replace a note's text."""
    note = _own_note(handler, parameters["id"])
    note.text = _checked(TEXT, "text", parameters)
    note.save(update_fields=["text", "updated"])
    return _shown(note)


@method
@authenticated
@requires("id")
def delete(handler: Handler, parameters: dict[str, Any]) -> dict[str, Any]:
    """Throw a note away."""
    _own_note(handler, parameters["id"]).delete()
    return {"deleted": parameters["id"]}


@method
@authenticated
def profile(handler: Handler, parameters: dict[str, Any]) -> dict[str, Any]:
    """Who is logged in. A parameter display_name changes that property of the account."""
    account = handler.session.get_account()
    if "display_name" in parameters:
        account["display_name"] = _checked(DISPLAY_NAME, "display_name", parameters)
        account.save()
    return {"user_id": account.user_id, "display_name": account["display_name"] or ""}


def _own_notes(handler: Handler) -> QuerySet[Note]:
    return Note.objects.filter(owner__user_id=handler.session.user_id)


def _own_note(handler: Handler, note_id: Any) -> Note:
    try:
        return _own_notes(handler).get(pk=note_id)
    except (Note.DoesNotExist, TypeError, ValueError, OverflowError):
        raise NoteNotFound from None


def _account(handler: Handler) -> Account:
    try:
        return Account.objects.get(user_id=handler.session.user_id)
    except Account.DoesNotExist:
        raise NotAuthorized from None


def _checked(field: CharField, name: str, parameters: dict[str, Any]) -> str:
    try:
        return field.run_validation(parameters[name])
    except ValidationError as error:
        messages = [str(message) for message in error.detail]
        raise InvalidParameters(" ".join(messages), {name: messages}) from None


def _shown(note: Note) -> dict[str, Any]:
    return {"id": note.pk, "text": note.text, "created": note.created, "updated": note.updated}
