"""The store contract: where accounts and sessions are kept.

A store implements the plain methods; each ``a`` twin has its signature and runs it in a
worker thread unless the store has a native one. Every store passes the suite in
tests/store_contract.py unedited. A store that does not answer raises Unavailable.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.checks import CheckMessage, Warning
from django.core.exceptions import ImproperlyConfigured

from toto_django.exceptions import Unavailable, UserIDExists
from toto_django.stores.coalescing import Coalescer
from toto_django.workers import run_in_worker

__all__ = [
    "AccountRecord",
    "Conflict",
    "Gone",
    "Maintenance",
    "SessionRecord",
    "Store",
    "StoredUser",
    "known_options",
]


class Conflict(Exception):
    """The session's state was changed by somebody else since it was read."""


class Gone(Exception):
    """The session does not exist any more."""


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """``password`` is a hash in Django's encoding."""

    user_id: str
    password: str
    is_active: bool
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """``expires`` in Unix seconds; ``version`` changes with every change of ``state``.

    ``permanent_id`` is what stays the same in stores whose session ids change, "" in the others.
    """

    session_id: str
    user_id: str
    expires: float
    state: bytes
    version: int
    permanent_id: str = ""


@dataclass(frozen=True)
class StoredUser:
    """``request.user`` for accounts that are not Django models."""

    user_id: str
    is_active: bool
    is_authenticated = True
    is_anonymous = False

    def __str__(self) -> str:
        return self.user_id

    def get_username(self) -> str:
        return self.user_id


def known_options(options: Mapping[str, Any], **defaults: Any) -> list[Any]:
    """A store's OPTIONS, in the order of the defaults. Raises ImproperlyConfigured for other keys."""
    unknown = sorted(options.keys() - defaults.keys())
    if unknown:
        raise ImproperlyConfigured(f"OPTIONS has no {', '.join(unknown)}; there are {', '.join(defaults)}")
    return [options.get(name, default) for name, default in defaults.items()]


class Maintenance:
    """What commands and system checks ask of a store, outside of calls."""

    alias: str

    def check(self) -> list[CheckMessage]:
        """What is wrong with the store's configuration; its server is not asked."""
        return []

    def check_server(self) -> list[CheckMessage]:
        """What is wrong with the store's server: that it does not answer, or lacks something."""
        try:
            self.ping()
        except Unavailable as error:
            text = f"The store {self.alias!r} does not answer: {error.__cause__ or error.value}"
            return [Warning(text, id="toto_django.W031")]
        return []

    def close(self) -> None:
        """Let go of what the store holds open outside of event loops; it is not used any more."""

    def prepare(self) -> list[str]:
        """Create what the store needs on its server, such as indexes; a line for each."""
        return []

    def ping(self) -> None:
        """Ask the server for a sign of life. Raises Unavailable, caused by the reason."""
        raise NotImplementedError

    def create_account(self, user_id: str, password: str, properties: Mapping[str, Any]) -> None:
        """See Store."""
        raise NotImplementedError

    def create_accounts(self, accounts: Sequence[AccountRecord]) -> set[str]:
        """Create many in few trips; the ids that were created. Those that exist stay as they are."""
        created = set()
        for account in accounts:
            try:
                self.create_account(account.user_id, account.password, account.properties)
            except UserIDExists:
                continue
            created.add(account.user_id)
        return created

    def adopt_sessions(self, sessions: Sequence[SessionRecord]) -> set[str]:
        """Keep sessions under ids made elsewhere; the ids that were kept. Existing ones stay as they are."""
        raise NotImplementedError


class Store(Maintenance):
    """Accounts and sessions behind one interface; user ids arrive in their normal form."""

    keeps_accounts = True
    """It can be TOTO["ACCOUNTS"]."""
    keeps_state = True
    """The newest state is the store's. False: it travels in the session id, which changes with it."""
    supports_revocation = True
    """A deleted session is refused from then on."""
    uses_account_model = False
    """Accounts are objects of TOTO["ACCOUNT_MODEL"]."""
    native_async = False
    """The ``a`` methods do not use a worker thread."""
    max_sessions_per_trip = 500
    """How many sessions are loaded at once on an event loop."""

    def __init__(self, alias: str, options: Mapping[str, Any]) -> None:
        self.alias = alias
        self._loads = Coalescer(self.aload_sessions, self.max_sessions_per_trip)

    def ping(self) -> None:
        """See Maintenance."""
        raise NotImplementedError

    async def aping(self) -> None:
        """See ping."""
        await run_in_worker(self.ping)

    @property
    def db(self) -> Any:
        """The underlying database, as ported methods reach it through ``handler.connection.db``."""
        raise NotImplementedError

    # Accounts

    def create_account(self, user_id: str, password: str, properties: Mapping[str, Any]) -> None:
        """Raises UserIDExists, also for the loser of a race."""
        raise NotImplementedError

    def get_account(self, user_id: str) -> AccountRecord | None:
        raise NotImplementedError

    def get_settled_account(self, user_id: str) -> AccountRecord | None:
        """See get_account; a change of the account in a transaction that is not over yet is waited for."""
        return self.get_account(user_id)

    def get_user(self, user_id: str) -> Any:
        """What ``request.user`` is for this account in Django and DRF views; None when unknown."""
        raise NotImplementedError

    def set_password(self, user_id: str, password: str, replacing: str | None = None) -> bool:
        """Given the hash it replaces, only if that is still the account's. False when nothing was set."""
        raise NotImplementedError

    def change_properties(self, user_id: str, changed: Mapping[str, Any], removed: Iterable[str]) -> bool:
        """Merge into the newest properties, atomically. False when there is no such account."""
        raise NotImplementedError

    def delete_account(self, user_id: str) -> bool:
        raise NotImplementedError

    # Sessions

    def create_session(
        self, user_id: str, expires: float, state: bytes = b"", *, suffix: str = ""
    ) -> SessionRecord:
        """A session with an id of the store's making: URL-safe, 128 random bits or more.

        Its permanent id, which is the id itself in stores whose ids do not change, ends in
        ``suffix``.
        """
        raise NotImplementedError

    def load_sessions(self, session_ids: Iterable[str]) -> dict[str, SessionRecord]:
        """The unexpired ones among many, in one round trip."""
        raise NotImplementedError

    def load_session(self, session_id: str) -> SessionRecord | None:
        """None when unknown or expired."""
        return self.load_sessions([session_id]).get(session_id)

    def swap_state(self, record: SessionRecord, state: bytes) -> SessionRecord:
        """Replace the state if it is still the one in ``record``. Raises Conflict or Gone."""
        raise NotImplementedError

    def renew_session(self, record: SessionRecord, expires: float) -> SessionRecord:
        """Move the expiry; a session that is gone stays gone."""
        raise NotImplementedError

    def delete_session(self, session_id: str) -> bool:
        raise NotImplementedError

    def delete_sessions_of(self, user_id: str) -> int:
        """End every session of an account; how many there were."""
        raise NotImplementedError

    def count_sessions_of(self, user_id: str) -> int:
        """How many unexpired sessions an account has."""
        raise NotImplementedError

    def clear_expired_sessions(self) -> int:
        raise NotImplementedError

    # The same on an event loop

    async def acreate_account(self, user_id: str, password: str, properties: Mapping[str, Any]) -> None:
        """See create_account."""
        await run_in_worker(self.create_account, user_id, password, properties)

    async def aget_account(self, user_id: str) -> AccountRecord | None:
        """See get_account."""
        return await run_in_worker(self.get_account, user_id)

    async def aget_settled_account(self, user_id: str) -> AccountRecord | None:
        """See get_settled_account."""
        return await run_in_worker(self.get_settled_account, user_id)

    async def aget_user(self, user_id: str) -> Any:
        """See get_user."""
        return await run_in_worker(self.get_user, user_id)

    async def aset_password(self, user_id: str, password: str, replacing: str | None = None) -> bool:
        """See set_password."""
        return await run_in_worker(self.set_password, user_id, password, replacing)

    async def achange_properties(
        self, user_id: str, changed: Mapping[str, Any], removed: Iterable[str]
    ) -> bool:
        """See change_properties."""
        return await run_in_worker(self.change_properties, user_id, changed, removed)

    async def adelete_account(self, user_id: str) -> bool:
        """See delete_account."""
        return await run_in_worker(self.delete_account, user_id)

    async def acreate_session(
        self, user_id: str, expires: float, state: bytes = b"", *, suffix: str = ""
    ) -> SessionRecord:
        """See create_session."""
        return await run_in_worker(self.create_session, user_id, expires, state, suffix=suffix)

    async def aload_sessions(self, session_ids: Iterable[str]) -> dict[str, SessionRecord]:
        """See load_sessions."""
        return await run_in_worker(self.load_sessions, session_ids)

    async def aload_session(self, session_id: str) -> SessionRecord | None:
        """See load_session; loads at the same time share a trip."""
        return await self._loads.get(session_id)

    async def aswap_state(self, record: SessionRecord, state: bytes) -> SessionRecord:
        """See swap_state."""
        return await run_in_worker(self.swap_state, record, state)

    async def arenew_session(self, record: SessionRecord, expires: float) -> SessionRecord:
        """See renew_session."""
        return await run_in_worker(self.renew_session, record, expires)

    async def adelete_session(self, session_id: str) -> bool:
        """See delete_session."""
        return await run_in_worker(self.delete_session, session_id)

    async def adelete_sessions_of(self, user_id: str) -> int:
        """See delete_sessions_of."""
        return await run_in_worker(self.delete_sessions_of, user_id)

    async def acount_sessions_of(self, user_id: str) -> int:
        """See count_sessions_of."""
        return await run_in_worker(self.count_sessions_of, user_id)

    async def aclear_expired_sessions(self) -> int:
        """See clear_expired_sessions."""
        return await run_in_worker(self.clear_expired_sessions)
