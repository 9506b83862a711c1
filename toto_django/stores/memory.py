"""A store in the process's memory, for tests and trials: it is gone with the process."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from threading import RLock
from typing import Any

from toto_django.exceptions import UserIDExists
from toto_django.stores.base import AccountRecord, Conflict, Gone, SessionRecord, Store, StoredUser
from toto_django.stores.ids import hashed_session_id, new_session_id

__all__ = ["MemoryStore", "MemoryUser"]


MemoryUser = StoredUser


class MemoryStore(Store):
    """Every process has accounts and sessions of its own."""

    def __init__(self, alias: str, options: Mapping[str, Any]) -> None:
        super().__init__(alias, options)
        self._lock = RLock()
        self._accounts: dict[str, AccountRecord] = {}
        self._sessions: dict[str, SessionRecord] = {}

    @property
    def db(self) -> Any:
        """The accounts and sessions themselves, as two dicts."""
        return {"accounts": self._accounts, "sessions": self._sessions}

    def ping(self) -> None:
        """Nothing can be missing."""

    def create_account(self, user_id: str, password: str, properties: Mapping[str, Any]) -> None:
        with self._lock:
            if user_id in self._accounts:
                raise UserIDExists
            self._accounts[user_id] = AccountRecord(user_id, password, True, deepcopy(dict(properties)))

    def create_accounts(self, accounts: Sequence[AccountRecord]) -> set[str]:
        with self._lock:
            new = {account.user_id: account for account in accounts if account.user_id not in self._accounts}
            self._accounts.update(deepcopy(new))
            return set(new)

    def get_account(self, user_id: str) -> AccountRecord | None:
        account = self._accounts.get(user_id)
        return account and replace(account, properties=deepcopy(account.properties))

    def get_user(self, user_id: str) -> Any:
        account = self._accounts.get(user_id)
        return account and StoredUser(account.user_id, account.is_active)

    def set_password(self, user_id: str, password: str, replacing: str | None = None) -> bool:
        with self._lock:
            account = self._accounts.get(user_id)
            if account is None or replacing not in (None, account.password):
                return False
            self._accounts[user_id] = replace(account, password=password)
            return True

    def change_properties(self, user_id: str, changed: Mapping[str, Any], removed: Iterable[str]) -> bool:
        with self._lock:
            account = self._accounts.get(user_id)
            if account is None:
                return False
            properties = {**account.properties, **deepcopy(dict(changed))}
            for name in removed:
                properties.pop(name, None)
            self._accounts[user_id] = replace(account, properties=properties)
            return True

    def delete_account(self, user_id: str) -> bool:
        with self._lock:
            return self._accounts.pop(user_id, None) is not None

    def create_session(
        self, user_id: str, expires: float, state: bytes = b"", *, suffix: str = ""
    ) -> SessionRecord:
        session_id = new_session_id(suffix)
        record = SessionRecord(session_id, user_id, expires, state, 0)
        with self._lock:
            return self._keep(record)

    def load_sessions(self, session_ids: Iterable[str]) -> dict[str, SessionRecord]:
        now = time.time()
        found = {}
        for session_id in session_ids:
            record = self._sessions.get(hashed_session_id(session_id))
            if record is not None and record.expires > now:
                found[session_id] = replace(record, session_id=session_id)
        return found

    def swap_state(self, record: SessionRecord, state: bytes) -> SessionRecord:
        with self._lock:
            kept = self.load_session(record.session_id)
            if kept is None:
                raise Gone
            if kept.version != record.version:
                raise Conflict
            return self._keep(replace(kept, state=state, version=kept.version + 1))

    def renew_session(self, record: SessionRecord, expires: float) -> SessionRecord:
        with self._lock:
            kept = self.load_session(record.session_id)
            if kept is not None and kept.expires < expires:
                self._keep(replace(kept, expires=expires))
            return replace(record, expires=expires)

    def delete_session(self, session_id: str) -> bool:
        with self._lock:
            return self._sessions.pop(hashed_session_id(session_id), None) is not None

    def delete_sessions_of(self, user_id: str) -> int:
        return self._delete(lambda record: record.user_id == user_id)

    def adopt_sessions(self, sessions: Sequence[SessionRecord]) -> set[str]:
        with self._lock:
            new = [each for each in sessions if hashed_session_id(each.session_id) not in self._sessions]
            return {self._keep(session).session_id for session in new}

    def count_sessions_of(self, user_id: str) -> int:
        now = time.time()
        return sum(
            record.user_id == user_id and record.expires > now for record in list(self._sessions.values())
        )

    def clear_expired_sessions(self) -> int:
        now = time.time()
        return self._delete(lambda record: record.expires <= now)

    def _keep(self, record: SessionRecord) -> SessionRecord:
        self._sessions[hashed_session_id(record.session_id)] = replace(record, session_id="")
        return record

    def _delete(self, doomed: Callable[[SessionRecord], bool]) -> int:
        with self._lock:
            keys = [key for key, record in self._sessions.items() if doomed(record)]
            for key in keys:
                del self._sessions[key]
            return len(keys)
