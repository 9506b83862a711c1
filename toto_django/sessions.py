"""Sessions: creating, loading, renewing, ending, and the state they keep (docs/protocol.md section 7)."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, TypeVar

from toto_django.accounts import Account, is_current, login_failure, requires_v2, verified_account
from toto_django.audit import audit
from toto_django.conf import settings
from toto_django.exceptions import NotAuthorized, ServerError, TooLarge, Unavailable
from toto_django.serializers import SERIALIZERS
from toto_django.signals import aemit, emit, session_created, session_ended
from toto_django.signing import SUFFIX, Scheme, scheme_of
from toto_django.stores import Conflict, Gone, SessionRecord, Store, session_store
from toto_django.workers import run_in_worker

__all__ = [
    "Session",
    "acreate_session",
    "aload_session",
    "aremove_session",
    "arenew",
    "create_session",
    "load_session",
    "login",
    "remove_session",
    "renew",
]

T = TypeVar("T")
State = dict[str, Any]

ATTEMPTS = 200
"""How often a state that others keep changing is tried again before the answer is Unavailable."""
LONGEST_PAUSE = 0.05
"""Seconds."""


class Session(MutableMapping[str, Any]):
    """A session and its state: a mapping whose missing keys read None.

    Changes stay in memory until `save` writes the keys that changed onto the newest
    state; `update` with a function is an atomic read-modify-write. Once the session has
    ended elsewhere, both raise NotAuthorized: it does not come back.
    """

    def __init__(self, record: SessionRecord, store: Store) -> None:
        self._record = record
        self._store = store
        self._state: State | None = None
        self._key: str | None = None
        self.ended = False

    def __repr__(self) -> str:
        return f"<Session of {self.user_id!r}>"

    def __bool__(self) -> bool:
        """A session is there, whatever its state holds."""
        return True

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def session_id(self) -> str:
        return self._record.session_id

    @property
    def permanent_id(self) -> str:
        """The session's name for its whole life, also where the session id changes; not what opens it."""
        return self._record.permanent_id or self._record.session_id

    @property
    def user_id(self) -> str:
        """The normal form of the account's id, "" for an anonymous session."""
        return self._record.user_id

    @property
    def expires(self) -> float:
        """Unix seconds."""
        return self._record.expires

    @property
    def scheme(self) -> Scheme | None:
        """How its requests and answers are signed; None when signing is off."""
        return scheme_of(self.permanent_id)

    @property
    def key(self) -> str | None:
        """The key this session's client signs with, in schemes that give it one of its own."""
        scheme = self.scheme
        if scheme is None or not scheme.gives_key:
            return None
        return self._key or next(scheme.keys(self))

    @key.setter
    def key(self, key: str) -> None:
        self._key = key

    def get_account(self, *names: str) -> Account:
        """The account's properties, all read when first asked for. Raises NotAuthorized when anonymous.

        Toto's arguments, the names to read, change nothing.
        """
        if not self.user_id:
            raise NotAuthorized
        return Account(self.user_id)

    async def aget_account(self, *names: str) -> Account:
        """See get_account; the properties are read at once."""
        account = self.get_account(*names)
        await account.aload()
        return account

    # The mapping

    @property
    def _values(self) -> State:
        if self._state is None:
            self._state = _decoded(self._record)
        return self._state

    def __getitem__(self, key: str) -> Any:
        return self._values.get(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._values[key] = value

    def __delitem__(self, key: str) -> None:
        self._values.pop(key, None)

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: str, default: Any = None) -> Any:
        return self._values.get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        return self._values.pop(key, *default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        return self._values.setdefault(key, default)

    def iterkeys(self) -> Iterator[str]:
        """For ported methods."""
        return iter(self)

    # Keeping it

    def save(self) -> None:
        """Write the keys that changed since the session was loaded onto the newest state.

        Raises NotAuthorized, TooLarge, ServerError for a value that cannot be kept.
        """
        change = self._changes()
        if change is not None:
            self._record = self._rewritten(change)
            self._merge_newest()

    async def asave(self) -> None:
        """See save."""
        change = self._changes()
        if change is not None:
            self._record = await self._arewritten(change)
            self._merge_newest()

    def save_state(self) -> None:
        """Toto's other name for save."""
        self.save()

    def refresh(self) -> None:
        """Read the newest state and drop unsaved changes. Raises NotAuthorized."""
        self._adopt(_existing(self._store.load_session(self.session_id)))

    async def arefresh(self) -> None:
        """See refresh."""
        self._adopt(_existing(await self._store.aload_session(self.session_id)))

    def update(self, *args: Any, **kwargs: Any) -> None:
        """With a function: change the newest state atomically, and drop unsaved changes.

        The function is given the state as a dict and changes it in place; it may run more
        than once. Anything else updates as a dict does, unsaved.
        """
        if args and callable(args[0]):
            self._adopt(self._rewritten(args[0]))
        else:
            self._values.update(*args, **kwargs)

    async def aupdate(self, change: Callable[[State], Any]) -> None:
        """See update."""
        self._adopt(await self._arewritten(change))

    def _rewritten(self, change: Callable[[State], Any]) -> SessionRecord:
        record = self._record
        for pause in _pauses():
            try:
                return self._store.swap_state(record, _changed(record, change))
            except Conflict:
                time.sleep(pause)
                record = _existing(self._store.load_session(self.session_id))
            except Gone:
                raise NotAuthorized from None
        raise Unavailable

    async def _arewritten(self, change: Callable[[State], Any]) -> SessionRecord:
        if not self._store.native_async:
            return await run_in_worker(self._rewritten, change)
        record = self._record
        for pause in _pauses():
            try:
                return await self._store.aswap_state(record, _changed(record, change))
            except Conflict:
                await asyncio.sleep(pause)
                record = _existing(await self._store.aload_session(self.session_id))
            except Gone:
                raise NotAuthorized from None
        raise Unavailable

    def _adopt(self, record: SessionRecord) -> None:
        self._record = record
        self._state = None

    def _merge_newest(self) -> None:
        """Take in what others changed; values that are in use stay the same objects."""
        newest = _decoded(self._record)
        for key in self._values.keys() - newest.keys():
            del self._values[key]
        for key, value in newest.items():
            if key not in self._values or _encoded(self._values[key], key) != _encoded(value, key):
                self._values[key] = value

    def _changes(self) -> Callable[[State], None] | None:
        """A function that makes this request's changes to any state; None when there are none."""
        if self._state is None:
            return None
        before = _decoded(self._record)
        changed = {
            key: value
            for key, value in self._state.items()
            if _encoded(value, key) != (_encoded(before[key], key) if key in before else None)
        }
        removed = before.keys() - self._state.keys()

        def merge(state: State) -> None:
            state.update(changed)
            for key in removed:
                state.pop(key, None)

        return merge if changed or removed else None


def create_session(user_id: str = "", *, wants_v2: bool = False) -> Session:
    """A new session of an account (its id in normal form), or an anonymous one.

    ``wants_v2``: its client speaks that signing scheme, and has it where HMAC_UPGRADE is on.
    """
    store = session_store()
    options = _store_options(user_id, wants_v2)
    session = Session(store.create_session(user_id, time.time() + _ttl(user_id), **options), store)
    emit(session_created, Session, user_id=user_id)
    return session


async def acreate_session(user_id: str = "", *, wants_v2: bool = False) -> Session:
    """See create_session."""
    store = session_store()
    if settings.HMAC_UPGRADE and user_id:
        options = await run_in_worker(_store_options, user_id, wants_v2)
    else:
        options = _store_options(user_id, wants_v2)
    session = Session(await store.acreate_session(user_id, time.time() + _ttl(user_id), **options), store)
    await aemit(session_created, Session, user_id=user_id)
    return session


def login(user_id: Any, password: Any, *, wants_v2: bool = False) -> Session:
    """A new session of the account whose password this is; see create_session. Raises UserNotFound."""
    account = verified_account(user_id, password)
    session = create_session(account.user_id, wants_v2=wants_v2)
    if not is_current(account):
        # The password was changed, and the sessions ended, while this one was made.
        remove_session(session)
        raise login_failure(user_id, "password_changed")
    return session


def load_session(session_id: str) -> Session | None:
    """The session of this id; None when it is unknown, expired or ended."""
    store = session_store()
    record = store.load_session(session_id)
    return None if record is None else Session(record, store)


async def aload_session(session_id: str) -> Session | None:
    """See load_session."""
    store = session_store()
    record = await store.aload_session(session_id)
    return None if record is None else Session(record, store)


def renew(session: Session) -> None:
    """Move the expiry if it is due (docs/protocol.md 7.4)."""
    expires = _due_expiry(session)
    if expires is not None:
        session._record = session._store.renew_session(session._record, expires)


async def arenew(session: Session) -> None:
    """See renew."""
    expires = _due_expiry(session)
    if expires is not None:
        session._record = await session._store.arenew_session(session._record, expires)


def remove_session(session: Session) -> None:
    """Log out."""
    session._store.delete_session(session.session_id)
    session.ended = True
    _audit_logout(session)
    emit(session_ended, Session, user_id=session.user_id)


async def aremove_session(session: Session) -> None:
    """See remove_session."""
    await session._store.adelete_session(session.session_id)
    session.ended = True
    _audit_logout(session)
    await aemit(session_ended, Session, user_id=session.user_id)


def _audit_logout(session: Session) -> None:
    if session.user_id:
        audit("logout", session.user_id)


def _store_options(user_id: str, wants_v2: bool) -> dict[str, Any]:
    """What marks a new session as one that is signed by v2 for its whole life."""
    is_v2 = settings.HMAC == "v2"
    if not is_v2 and settings.HMAC is not None and settings.HMAC_UPGRADE:
        is_v2 = wants_v2 or (bool(user_id) and requires_v2(user_id))
    return {"suffix": SUFFIX} if is_v2 else {}


def _ttl(user_id: str) -> float:
    return settings.SESSION_TTL if user_id else settings.ANON_SESSION_TTL


def _due_expiry(session: Session) -> float | None:
    ttl = _ttl(session.user_id)
    renewal = settings.SESSION_RENEW if session.user_id else settings.ANON_SESSION_RENEW
    interval = settings.SESSION_RENEW_INTERVAL
    if interval is None:
        interval = min(ttl / 100, 3600)
    expires = time.time() + (renewal or ttl)
    return expires if expires - session.expires > interval else None


def _pauses() -> Iterator[float]:
    for attempt in range(ATTEMPTS):
        yield random.uniform(0, min(LONGEST_PAUSE, 0.002 * (attempt + 1)))  # noqa: S311 (no secret)


def _existing(record: SessionRecord | None) -> SessionRecord:
    if record is None:
        raise NotAuthorized
    return record


def _decoded(record: SessionRecord) -> State:
    if not record.state:
        return {}
    serializer = settings.STATE_SERIALIZER
    try:
        return dict(SERIALIZERS[serializer].loads(record.state))
    except Exception as error:
        raise ServerError(f"The session's state is not {serializer}.") from error


def _encoded(value: Any, name: str) -> bytes:
    try:
        return SERIALIZERS[settings.STATE_SERIALIZER].dumps(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ServerError(f"The session cannot keep {name}: {error}") from error


def _changed(record: SessionRecord, change: Callable[[State], Any]) -> bytes:
    """The new state's bytes. Raises TooLarge, ServerError."""
    state = _decoded(record)
    change(state)
    data = _encoded(state, "its state")
    if len(data) > settings.MAX_STATE:
        raise TooLarge(f"The session's state is larger than {settings.MAX_STATE} bytes.")
    return data
