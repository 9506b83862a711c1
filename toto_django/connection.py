"""What ported methods reach as ``handler.connection`` and ``handler.db_connection``."""

from collections.abc import Mapping
from typing import Any

from toto_django import accounts, sessions
from toto_django.exchange import Exchange
from toto_django.sessions import Session
from toto_django.stores import account_store

__all__ = ["Connection"]


class Connection:
    """Accounts and sessions under Toto's names. In ``async def`` methods, call these off the event loop."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    @property
    def db(self) -> Any:
        """The database under the accounts' store."""
        return account_store().db

    def create_account(
        self, user_id: Any, password: Any, additional_values: Mapping[str, Any] | None = None, **values: Any
    ) -> None:
        """Raises InvalidUserID, InvalidParameters, UserIDExists."""
        accounts.create_account(user_id, password, {**(additional_values or {}), **values})

    def create_session(
        self, user_id: Any = None, password: Any = None, verify_password: bool = True
    ) -> Session:
        """A new session that becomes the handler's. Raises UserNotFound."""
        return self._exchange.create_session(user_id, password, verify_password)

    def retrieve_session(self, session_id: str) -> Session | None:
        """Any session by its id, without asking for a signature; the handler's stays what it is."""
        return sessions.load_session(session_id)

    def remove_session(self, session_id: str) -> None:
        """End one session."""
        session = sessions.load_session(session_id)
        if session is not None:
            sessions.remove_session(session)
        current = self._exchange.session
        ended = session_id if session is None else session.permanent_id
        if current is not None and current.permanent_id == ended:
            current.ended = True

    def clear_sessions(self, user_id: Any) -> None:
        """End every session of an account."""
        user_id = accounts.normalize_user_id(user_id)
        accounts.end_sessions(user_id)
        self._exchange.forget_sessions_of(user_id)

    def change_password(self, user_id: Any, password: Any, new_password: Any) -> None:
        """Raises UserNotFound, InvalidParameters. Every session of the account ends."""
        accounts.change_password(user_id, password, new_password)
        self._exchange.forget_sessions_of(accounts.normalize_user_id(user_id))

    def generate_password(self, user_id: Any) -> str:
        """A new random password, already in force. Raises UserNotFound. Every session of the account ends."""
        password = accounts.generate_password(user_id)
        self._exchange.forget_sessions_of(accounts.normalize_user_id(user_id))
        return password
