"""Accounts: creating, authenticating, passwords, properties (docs/protocol.md section 8).

These functions hash passwords, so they take their time: under ASGI they run in worker
threads (``run_in_worker``), never on the event loop.
"""

import copy
import secrets
import string
import unicodedata
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import replace
from typing import Any, Final, cast

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import FieldDoesNotExist, ValidationError

from toto_django.audit import audit
from toto_django.codecs import JSON, EncodeError
from toto_django.conf import MAX_USER_ID, settings
from toto_django.exceptions import InvalidParameters, InvalidUserID, TooLarge, UserNotFound
from toto_django.logs import one_line
from toto_django.signals import account_created, emit, login_failed, password_changed, session_ended
from toto_django.stores import AccountRecord, account_store, session_store
from toto_django.workers import run_in_worker

__all__ = [
    "Account",
    "as_properties",
    "authenticate",
    "change_password",
    "check_new_password",
    "create_account",
    "end_sessions",
    "generate_password",
    "is_current",
    "known_user_id",
    "login_failure",
    "normalize_user_id",
    "require_v2",
    "requires_v2",
    "set_password",
    "verified_account",
]

REFUSED_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
LONGEST_SPELLING = 4 * MAX_USER_ID
"""Characters that a user id may have before normalization, which makes one of four at most.

Normalizing takes the square of the length where combining marks stand in the wrong order.
"""
PASSWORD_LENGTH = 16
PASSWORD_ALPHABET = string.ascii_letters + string.digits
SIGNING: Final = "toto_signing"
"""The stored property that tells the signing scheme an account requires."""
RESERVED: Final = {"user_id", "password", "new_password", SIGNING}
"""Names that are never properties."""


def normalize_user_id(user_id: Any) -> str:
    """The one form of an id: NFKC and case-folded, as PRECIS UsernameCaseMapped (docs/protocol.md 8.1, 8.3).

    Raises InvalidUserID for what can be no id.
    """
    if not isinstance(user_id, str) or not 0 < len(user_id) <= LONGEST_SPELLING:
        raise InvalidUserID
    if user_id.isascii():
        normal = user_id.lower()
    else:
        normal = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", user_id).casefold())
    if len(normal) > MAX_USER_ID or any(
        unicodedata.category(character) in REFUSED_CATEGORIES for character in normal
    ):
        raise InvalidUserID
    return normal


def create_account(user_id: Any, password: Any, properties: Mapping[str, Any] | None = None) -> str:
    """The normal form of the new account's id.

    Raises InvalidUserID, InvalidParameters for the password or a property, UserIDExists.
    """
    normal_id = normalize_user_id(user_id)
    check_new_password(password, normal_id)
    extra = {name: value for name, value in (properties or {}).items() if name not in RESERVED}
    account_store().create_account(normal_id, make_password(password), as_properties(extra))
    audit("account_created", normal_id)
    emit(account_created, Account, user_id=normal_id)
    return normal_id


def authenticate(user_id: Any, password: Any) -> str:
    """The normal form of the id whose password this is. Raises UserNotFound."""
    return verified_account(user_id, password).user_id


def verified_account(user_id: Any, password: Any) -> AccountRecord:
    """The account whose password this is.

    Raises UserNotFound for whatever is not an active account with its password. One password
    is hashed for each of them: for ids that are unknown or none, and for accounts without one.
    """
    if not _is_text(password):
        raise login_failure(user_id, "invalid_password")
    try:
        normal_id = normalize_user_id(user_id)
    except InvalidUserID:
        make_password(password)
        raise login_failure(user_id, "invalid_user_id") from None
    account = account_store().get_account(normal_id)
    if account is None:
        make_password(password)
        raise login_failure(user_id, "unknown_account")

    upgraded: list[str] = []
    is_right = check_password(password, account.password, lambda raw: upgraded.append(make_password(raw)))
    if not is_right or not account.is_active:
        raise login_failure(user_id, "inactive_account" if is_right else "wrong_password")
    for encoded in upgraded:
        if not account_store().set_password(normal_id, encoded, replacing=account.password):
            return verified_account(normal_id, password)  # The password changed meanwhile.
        account = replace(account, password=encoded)
    return account


def login_failure(user_id: Any, reason: str) -> UserNotFound:
    """What to raise for a password that is refused; `login_failed` and the audit are told the reason."""
    audit("login_failed", user_id, reason=reason)
    emit(login_failed, Account, user_id=one_line(user_id), reason=reason)
    return UserNotFound()


def is_current(account: AccountRecord) -> bool:
    """The account is still active, with its password and what signatures it requires.

    Somebody who is changing it now is waited for.
    """
    now = account_store().get_settled_account(account.user_id)
    return (
        now is not None
        and now.is_active
        and now.password == account.password
        and now.properties.get(SIGNING) == account.properties.get(SIGNING)
    )


def known_user_id(user_id: Any) -> str:
    """The normal form of an active account's id. Raises UserNotFound."""
    try:
        normal_id = normalize_user_id(user_id)
    except InvalidUserID:
        raise UserNotFound("Invalid user ID") from None
    account = account_store().get_account(normal_id)
    if account is None or not account.is_active:
        raise UserNotFound("Invalid user ID")
    return normal_id


def change_password(user_id: Any, password: Any, new_password: Any) -> None:
    """Replace a password, given the old one; every session of the account ends.

    Raises UserNotFound for a wrong old password, InvalidParameters for an unfit new one.
    """
    user_id = authenticate(user_id, password)
    check_new_password(new_password, user_id, name="new_password")
    set_password(user_id, new_password)


def generate_password(user_id: Any) -> str:
    """A new random password, already in force; every session of the account ends."""
    user_id = known_user_id(user_id)
    password = "".join(secrets.choice(PASSWORD_ALPHABET) for _ in range(PASSWORD_LENGTH))
    set_password(user_id, password)
    return password


def set_password(user_id: str, password: str) -> None:
    """Set a password without asking for the old one; every session of the account ends."""
    if not account_store().set_password(user_id, make_password(password)):
        raise UserNotFound("Invalid user ID")
    audit("password_changed", user_id)
    end_sessions(user_id)
    emit(password_changed, Account, user_id=user_id)


def require_v2(user_id: Any, is_required: bool = True) -> None:
    """Let an account have sessions signed by v2 only; those it has end. Needs HMAC_UPGRADE.

    Raises UserNotFound.
    """
    normal_id = known_user_id(user_id)
    changed, removed = ({SIGNING: "v2"}, []) if is_required else ({}, [SIGNING])
    if not account_store().change_properties(normal_id, changed, removed):
        raise UserNotFound("Invalid user ID")
    end_sessions(normal_id)


def requires_v2(user_id: str) -> bool:
    """Whether `require_v2` was said of an account (its id in normal form)."""
    account = account_store().get_account(user_id)
    return account is not None and account.properties.get(SIGNING) == "v2"


def end_sessions(user_id: str) -> int:
    """End every session of an account; how many there were."""
    ended = session_store().delete_sessions_of(user_id)
    audit("sessions_ended", user_id)
    emit(session_ended, Account, user_id=user_id)
    return ended


def check_new_password(password: Any, user_id: str, name: str = "password") -> None:
    """Refuse what is no text, empty, or not accepted by AUTH_PASSWORD_VALIDATORS."""
    messages = ["A password is non-empty text."]
    if password and _is_text(password):
        try:
            validate_password(password, _Candidate(user_id))  # type: ignore[arg-type]
            return
        except ValidationError as error:
            messages = error.messages
    raise InvalidParameters(" ".join(messages), {name: messages})


def _is_text(password: Any) -> bool:
    """Something that can be hashed: text without lone surrogates."""
    try:
        return isinstance(password, str) and password.encode() is not None
    except UnicodeEncodeError:
        return False


def as_properties(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as they will be read back: what JSON makes of them. Raises InvalidParameters, TooLarge."""
    try:
        data = JSON.dumps(dict(values))
    except EncodeError as error:
        raise InvalidParameters(str(error), {str(error.path[0]): [error.reason]}) from None
    if len(data) > settings.MAX_PROPERTIES:
        raise TooLarge(f"The account's properties are larger than {settings.MAX_PROPERTIES} bytes.")
    return dict(JSON.loads(data))


class Account(MutableMapping[str, Any]):
    """The properties of an account, read when first asked for, written by `save`.

    A missing name reads None. ``user_id`` reads the id, ``password`` reads None, and
    neither can be set.
    """

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self._properties: dict[str, Any] | None = None
        self._before: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"<Account {self.user_id!r}>"

    def __bool__(self) -> bool:
        """An account is there, whatever its properties."""
        return True

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __getitem__(self, name: str) -> Any:
        if name == "user_id":
            return self.user_id
        return None if name == "password" else self._loaded().get(name)

    def __setitem__(self, name: str, value: Any) -> None:
        if name in RESERVED:
            raise InvalidParameters(f"{name} is no property.", {name: ["It is no property."]})
        self._loaded()[name] = value

    def __delitem__(self, name: str) -> None:
        self._loaded().pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name == "user_id" or name in self._loaded()

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded())

    def __len__(self) -> int:
        return len(self._loaded())

    def get(self, name: str, default: Any = None) -> Any:
        return self._loaded().get(name, default) if name not in RESERVED else self[name]

    def pop(self, name: str, *default: Any) -> Any:
        return self._loaded().pop(name, *default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return self[name]

    def load_property(self, *names: str) -> None:
        """Read the newest values of these properties, dropping unsaved changes of them."""
        fresh, properties = self._read(), self._loaded()
        for name in names:
            for kept in (properties, self._before):
                kept.pop(name, None)
                if name in fresh:
                    kept[name] = copy.deepcopy(fresh[name])

    def save(self) -> None:
        """Write what was changed onto the newest properties. Raises InvalidParameters, UserNotFound."""
        properties = as_properties(self._loaded())
        changed = {
            name: value
            for name, value in properties.items()
            if name not in self._before or JSON.dumps(self._before[name]) != JSON.dumps(value)
        }
        removed = self._before.keys() - properties.keys()
        if changed or removed:
            if not account_store().change_properties(self.user_id, changed, removed):
                raise UserNotFound("Invalid user ID")
            self._adopt(properties)

    async def aload(self) -> None:
        """Read the properties, so that they can be used on an event loop."""
        self._adopt(await run_in_worker(self._read))

    async def asave(self) -> None:
        """See save."""
        await run_in_worker(self.save)

    def _loaded(self) -> dict[str, Any]:
        if self._properties is None:
            self._adopt(self._read())
        return cast("dict[str, Any]", self._properties)

    def _adopt(self, properties: dict[str, Any]) -> None:
        self._properties = properties
        self._before = copy.deepcopy(properties)

    def _read(self) -> dict[str, Any]:
        account = account_store().get_account(self.user_id)
        properties = {} if account is None else dict(account.properties)
        properties.pop(SIGNING, None)
        return properties


class _Candidate:
    """What Django's password validators ask of a user: names that a password must not resemble."""

    def __init__(self, user_id: str) -> None:
        self.username = self.email = user_id
        self._meta = self

    def get_field(self, name: str) -> None:
        raise FieldDoesNotExist(name)
