"""From a session as the source keeps it to one that goes on here: id, account, expiry, state."""

import math
import re
import time
from collections.abc import Callable
from typing import Any, Final

from toto_django.accounts import SIGNING
from toto_django.conf import settings
from toto_django.hashers import TotoPBKDF2PasswordHasher
from toto_django.importing import pickles
from toto_django.importing.accounts import normal_id, plain_text
from toto_django.importing.base import Refused, SourceSession
from toto_django.importing.scratch import Claims
from toto_django.serializers import SERIALIZERS
from toto_django.signing import current_scheme
from toto_django.stores import SessionRecord, account_store

__all__ = ["AccountLookup", "checked_session_id", "judged_session"]

SESSION_ID: Final = re.compile(r"[A-Za-z0-9_-]{22,64}", re.ASCII)
"""The original's have 22 characters."""
NO_ACCOUNT: Final = "its account is not here"


class AccountLookup:
    """Whose sessions may go on. It remembers what it saw: make a new one for each batch."""

    def __init__(self, claims: Claims, is_dry_run: bool) -> None:
        self.claims = claims
        self.is_dry_run = is_dry_run
        self.refusals: dict[str, str] = {}

    def own_id(self, user_id: Any) -> str:
        """The account's id here, "" for nobody's. Raises Refused.

        An account goes on only while its password is the imported one. After a login or a
        change of password here, and when somebody else registered the id here, the source's
        sessions could let the wrong person in.
        """
        if user_id in (None, "", b""):
            return ""
        written, normal = plain_text(user_id), normal_id(user_id)
        claim = self.claims.find(normal)
        if written != normal and (claim is None or claim[0] != written):
            raise Refused("its account was not taken")
        if normal not in self.refusals:
            self.refusals[normal] = self._refusal(normal, claim is not None and claim[1])
        if self.refusals[normal]:
            raise Refused(self.refusals[normal])
        return normal

    def _refusal(self, user_id: str, would_have_password: bool) -> str:
        account = account_store().get_account(user_id)
        if account is None:
            return "" if self.is_dry_run and would_have_password else NO_ACCOUNT
        if not account.is_active:
            return "its account is not active here"
        if settings.HMAC_UPGRADE and SIGNING in account.properties:
            return "its account requires signatures v2 here"
        is_imported = account.password.startswith(f"{TotoPBKDF2PasswordHasher.algorithm}$")
        return "" if is_imported else "its account has another password here, or none"


def judged_session(session_id: str, session: SourceSession, own_id: Callable[[Any], str]) -> SessionRecord:
    """The session under its old id. Raises Refused."""
    expires = _expires(session.expires)
    scheme = current_scheme()
    if scheme is not None and scheme.gives_key:
        raise Refused(f"its client lacks the key: under {scheme.name!r} keys are new here")
    return SessionRecord(session_id, own_id(session.user_id), expires, _state(session.state), 0)


def checked_session_id(session: SourceSession) -> str:
    """Raises Refused when it can be none, or the session cannot be read."""
    if session.problem:
        raise Refused(session.problem)
    # PostgreSQL fills char columns with blanks.
    session_id = plain_text(session.session_id).rstrip(" ")
    if not SESSION_ID.fullmatch(session_id):
        raise Refused("its id is none of Toto's")
    return session_id


def _expires(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        expires = float(value) if is_number else math.nan
    except OverflowError:
        expires = math.inf
    if not math.isfinite(expires):
        raise Refused("its expiry is no time")
    if expires <= time.time():
        raise Refused("it has expired")
    return expires


def _state(stored: Any) -> bytes:
    """A state in this service's serialization, b"" for none."""
    if stored in (None, "", b""):
        return b""
    state = stored if isinstance(stored, dict) else _unpickled(stored)
    if not isinstance(state, dict):
        raise Refused("its state is no dict")
    try:
        data = SERIALIZERS[settings.STATE_SERIALIZER].dumps(state)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Refused(f"its state cannot be kept as {settings.STATE_SERIALIZER}: {error}") from None
    if len(data) > settings.MAX_STATE:
        raise Refused("its state does not fit into MAX_STATE")
    return data


def _unpickled(stored: Any) -> Any:
    data = stored.encode("utf-8", "surrogateescape") if isinstance(stored, str) else stored
    if not isinstance(data, bytes):
        raise Refused("its state is no pickle")
    try:
        return pickles.loads(data)
    except pickles.PickleRefused as error:
        raise Refused(f"its state cannot be read: {error}") from None
