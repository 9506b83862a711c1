"""Stores whose database has a plain and an asynchronous client of the same shape.

Each operation is written once, as a generator of steps: functions of a client. The plain
methods run the steps on the plain client, their twins await them on the other one.
"""

import logging
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from toto_django.exceptions import Unavailable
from toto_django.steps import arun_steps, run_steps
from toto_django.stores.base import AccountRecord, SessionRecord, Store, StoredUser
from toto_django.workers import run_in_worker

__all__ = ["Step", "Steps", "StepwiseStore"]

T = TypeVar("T")
Step = Callable[[Any], Any]
Steps = Generator[Step, Any, T]
"""Yields a step, is sent its value or thrown its error, returns the operation's value."""

logger = logging.getLogger("toto_django")


class StepwiseStore(Store):
    """What a database's steps raise (`errors`) and do not handle becomes Unavailable."""

    native_async = True
    errors: tuple[type[Exception], ...]

    @property
    def client(self) -> Any:
        """What the steps of plain methods are given."""
        raise NotImplementedError

    @property
    def async_client(self) -> Any:
        """What the steps of asynchronous methods are given: the running loop's own."""
        raise NotImplementedError

    def _run(self, steps: Steps[T]) -> T:
        try:
            client = self.client
            return run_steps(steps, lambda step: step(client))
        except self.errors as error:
            raise self._unavailable(error) from error

    async def _arun(self, steps: Steps[T]) -> T:
        if not self.native_async:
            return await run_in_worker(self._run, steps)
        try:
            client = self.async_client
            return await arun_steps(steps, lambda step: step(client))
        except self.errors as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> Unavailable:
        logger.error("store %r does not answer: %s", self.alias, error)
        return Unavailable()

    # The operations

    def _ping(self) -> Steps[None]:
        raise NotImplementedError

    def _create_account(self, user_id: str, password: str, properties: Mapping[str, Any]) -> Steps[None]:
        raise NotImplementedError

    def _create_accounts(self, accounts: Sequence[AccountRecord]) -> Steps[set[str]]:
        raise NotImplementedError

    def _get_account(self, user_id: str) -> Steps[AccountRecord | None]:
        raise NotImplementedError

    def _get_user(self, user_id: str) -> Steps[StoredUser | None]:
        account = yield from self._get_account(user_id)
        return None if account is None else StoredUser(account.user_id, account.is_active)

    def _set_password(self, user_id: str, password: str, replacing: str | None) -> Steps[bool]:
        raise NotImplementedError

    def _change_properties(
        self, user_id: str, changed: Mapping[str, Any], removed: Iterable[str]
    ) -> Steps[bool]:
        raise NotImplementedError

    def _delete_account(self, user_id: str) -> Steps[bool]:
        raise NotImplementedError

    def _create_session(
        self, user_id: str, expires: float, state: bytes, suffix: str
    ) -> Steps[SessionRecord]:
        raise NotImplementedError

    def _adopt_sessions(self, sessions: Sequence[SessionRecord]) -> Steps[set[str]]:
        raise NotImplementedError

    def _load_sessions(self, session_ids: Iterable[str]) -> Steps[dict[str, SessionRecord]]:
        raise NotImplementedError

    def _swap_state(self, record: SessionRecord, state: bytes) -> Steps[SessionRecord]:
        raise NotImplementedError

    def _renew_session(self, record: SessionRecord, expires: float) -> Steps[SessionRecord]:
        raise NotImplementedError

    def _delete_session(self, session_id: str) -> Steps[bool]:
        raise NotImplementedError

    def _delete_sessions_of(self, user_id: str) -> Steps[int]:
        raise NotImplementedError

    def _count_sessions_of(self, user_id: str) -> Steps[int]:
        raise NotImplementedError

    def _clear_expired_sessions(self) -> Steps[int]:
        raise NotImplementedError

    # The store contract

    def ping(self) -> None:
        self._run(self._ping())

    async def aping(self) -> None:
        await self._arun(self._ping())

    def create_account(self, user_id: str, password: str, properties: Mapping[str, Any]) -> None:
        self._run(self._create_account(user_id, password, properties))

    async def acreate_account(self, user_id: str, password: str, properties: Mapping[str, Any]) -> None:
        await self._arun(self._create_account(user_id, password, properties))

    def create_accounts(self, accounts: Sequence[AccountRecord]) -> set[str]:
        return self._run(self._create_accounts(accounts))

    def get_account(self, user_id: str) -> AccountRecord | None:
        return self._run(self._get_account(user_id))

    async def aget_account(self, user_id: str) -> AccountRecord | None:
        return await self._arun(self._get_account(user_id))

    def get_user(self, user_id: str) -> Any:
        return self._run(self._get_user(user_id))

    async def aget_user(self, user_id: str) -> Any:
        return await self._arun(self._get_user(user_id))

    def set_password(self, user_id: str, password: str, replacing: str | None = None) -> bool:
        return self._run(self._set_password(user_id, password, replacing))

    async def aset_password(self, user_id: str, password: str, replacing: str | None = None) -> bool:
        return await self._arun(self._set_password(user_id, password, replacing))

    def change_properties(self, user_id: str, changed: Mapping[str, Any], removed: Iterable[str]) -> bool:
        return self._run(self._change_properties(user_id, changed, removed))

    async def achange_properties(
        self, user_id: str, changed: Mapping[str, Any], removed: Iterable[str]
    ) -> bool:
        return await self._arun(self._change_properties(user_id, changed, removed))

    def delete_account(self, user_id: str) -> bool:
        return self._run(self._delete_account(user_id))

    async def adelete_account(self, user_id: str) -> bool:
        return await self._arun(self._delete_account(user_id))

    def create_session(
        self, user_id: str, expires: float, state: bytes = b"", *, suffix: str = ""
    ) -> SessionRecord:
        return self._run(self._create_session(user_id, expires, state, suffix))

    async def acreate_session(
        self, user_id: str, expires: float, state: bytes = b"", *, suffix: str = ""
    ) -> SessionRecord:
        return await self._arun(self._create_session(user_id, expires, state, suffix))

    def adopt_sessions(self, sessions: Sequence[SessionRecord]) -> set[str]:
        return self._run(self._adopt_sessions(sessions))

    def load_sessions(self, session_ids: Iterable[str]) -> dict[str, SessionRecord]:
        return self._run(self._load_sessions(session_ids))

    async def aload_sessions(self, session_ids: Iterable[str]) -> dict[str, SessionRecord]:
        return await self._arun(self._load_sessions(session_ids))

    def swap_state(self, record: SessionRecord, state: bytes) -> SessionRecord:
        return self._run(self._swap_state(record, state))

    async def aswap_state(self, record: SessionRecord, state: bytes) -> SessionRecord:
        return await self._arun(self._swap_state(record, state))

    def renew_session(self, record: SessionRecord, expires: float) -> SessionRecord:
        return self._run(self._renew_session(record, expires))

    async def arenew_session(self, record: SessionRecord, expires: float) -> SessionRecord:
        return await self._arun(self._renew_session(record, expires))

    def delete_session(self, session_id: str) -> bool:
        return self._run(self._delete_session(session_id))

    async def adelete_session(self, session_id: str) -> bool:
        return await self._arun(self._delete_session(session_id))

    def delete_sessions_of(self, user_id: str) -> int:
        return self._run(self._delete_sessions_of(user_id))

    async def adelete_sessions_of(self, user_id: str) -> int:
        return await self._arun(self._delete_sessions_of(user_id))

    def count_sessions_of(self, user_id: str) -> int:
        return self._run(self._count_sessions_of(user_id))

    async def acount_sessions_of(self, user_id: str) -> int:
        return await self._arun(self._count_sessions_of(user_id))

    def clear_expired_sessions(self) -> int:
        return self._run(self._clear_expired_sessions())

    async def aclear_expired_sessions(self) -> int:
        return await self._arun(self._clear_expired_sessions())
