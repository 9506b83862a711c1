"""From an account as the source keeps it to one that this service can keep: id, password, properties."""

import datetime
import decimal
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from bson import ObjectId
from django.contrib.auth.hashers import make_password

from toto_django.accounts import RESERVED, as_properties, normalize_user_id
from toto_django.codecs import JSON
from toto_django.conf import settings
from toto_django.exceptions import InvalidParameters, InvalidUserID, TooLarge, TotoException
from toto_django.hashers import TotoPBKDF2PasswordHasher
from toto_django.importing.base import Refused, SourceAccount
from toto_django.stores import AccountRecord

__all__ = ["Judged", "judged_account", "normal_id", "plain_text", "without_fields"]

Notes = list[tuple[str, str]]
"""Reasons, each with the name of a property or ""."""

SCALARS = (bool, int, float, datetime.date, datetime.time, decimal.Decimal, uuid.UUID)
"""What the codecs carry, as numbers or as text."""
MAX_LEVELS = 64
NO_USER_ID = "its user id can be none here"


class Judged(NamedTuple):
    """``user_id`` as the source writes it; ``notes`` tell what does not come along."""

    record: AccountRecord
    user_id: str
    has_password: bool
    notes: Notes


def plain_text(value: Any) -> str:
    """Text, or bytes that are UTF-8. Raises Refused."""
    try:
        if isinstance(value, bytes):
            return value.decode()
        if isinstance(value, str):
            value.encode()
            return str(value)
    except UnicodeError:
        raise Refused("it is not UTF-8") from None
    raise Refused("it is no text")


def normal_id(user_id: Any) -> str:
    """The normal form of an id. Raises Refused."""
    try:
        return normalize_user_id(plain_text(user_id))
    except (InvalidUserID, Refused):
        raise Refused(NO_USER_ID) from None


def judged_account(account: SourceAccount, user_id: str) -> Judged:
    """What is taken of an account, under an id in its normal form. Raises Refused."""
    if account.problem:
        raise Refused(account.problem)
    encoded, problem = _password(account.password)
    properties, notes = _properties(account.fields)
    if problem:
        notes.insert(0, (problem, ""))
    record = AccountRecord(user_id, encoded, True, properties)
    return Judged(record, plain_text(account.user_id), not problem, notes)


def without_fields(judged: Judged, error: InvalidParameters) -> Judged:
    """The account without the properties that the account model's fields refuse."""
    properties = {name: value for name, value in judged.record.properties.items() if name not in error.fields}
    notes = [("a field of the account model refuses it", name) for name in error.fields]
    record = replace(judged.record, properties=properties)
    return judged._replace(record=record, notes=[*judged.notes, *notes])


def _password(stored: Any) -> tuple[str, str]:
    """A hash in Django's encoding, and what is wrong with the stored one."""
    try:
        # PostgreSQL fills char columns with blanks.
        text = plain_text(stored).rstrip(" ") if stored else ""
        if text.startswith("$"):
            TotoPBKDF2PasswordHasher().decode(text[1:])
            return text[1:], ""
        problem = "it has a password hash of another kind" if text else "it has no password"
    except Refused:
        problem = "its password hash is damaged"
    except ValueError:
        problem = "its password hash is damaged or asks for too much work"
    return make_password(None), f"{problem}: nobody can log in until a password is set"


def _properties(fields: Mapping[str, Any]) -> tuple[dict[str, Any], Notes]:
    """The properties that can be kept, and why others cannot."""
    try:
        return as_properties({_name(name): _plain(value) for name, value in fields.items()}), []
    except (Refused, TotoException):
        return _properties_one_by_one(fields)


def _properties_one_by_one(fields: Mapping[str, Any]) -> tuple[dict[str, Any], Notes]:
    kept: dict[str, Any] = {}
    notes: Notes = []
    for name, value in fields.items():
        try:
            kept |= as_properties({_name(name): _plain(value)})
        except (Refused, TotoException) as error:
            notes.append((_reason(error), name))
    for name in sorted(kept, key=lambda name: len(JSON.dumps({name: kept[name]})), reverse=True):
        if len(JSON.dumps(kept)) > settings.MAX_PROPERTIES:
            del kept[name]
            notes.append(("a property does not fit into MAX_PROPERTIES", name))
    return kept, notes


def _reason(error: Exception) -> str:
    if isinstance(error, TooLarge):
        return "a property does not fit into MAX_PROPERTIES"
    if isinstance(error, InvalidParameters):
        [[reason]] = error.fields.values()
        return f"a property cannot be kept: {reason}"
    return f"a property cannot be kept: {error}"


def _name(name: Any) -> str:
    if name in RESERVED:
        raise Refused("its name is reserved")
    return plain_text(name)


def _plain(value: Any, level: int = 1) -> Any:
    """A value that JSON can carry, binary data as the text that it is. Raises Refused."""
    if level > MAX_LEVELS:
        raise Refused("it is nested too deeply")
    if value is None or isinstance(value, SCALARS):
        return value
    if isinstance(value, str | bytes):
        return plain_text(value)
    if isinstance(value, ObjectId):
        return str(value)
    if isinstance(value, Mapping):
        return {plain_text(key): _plain(item, level + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, level + 1) for item in value]
    raise Refused(f"it is of type {type(value).__name__}")
