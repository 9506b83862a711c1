"""The original's JSON file: ``{"account": {user id: {...}}, "session": {session id: {...}}}``."""

import json
from collections.abc import Iterator
from typing import Any

from toto_django.importing.address import Address
from toto_django.importing.base import Selection, Source, SourceAccount, SourceError, SourceSession

__all__ = ["JSONSource"]

KNOWN = ("user_id", "password", "properties")
Item = tuple[str, Any]


class JSONSource(Source):
    """Reads the whole file into memory."""

    def __init__(self, address: Address, selection: Selection) -> None:
        self.selection = selection
        try:
            with open(address.url, "rb") as file:
                stored = json.load(file)
        except OSError as error:
            raise SourceError(f"{address.url}: {error.strerror}") from None
        except (ValueError, RecursionError):
            raise SourceError(f"{address.url} is not JSON.") from None
        self.stored_accounts = _items(stored, "account", address.url)
        self.stored_sessions = _items(stored, "session", address.url)

    def count_accounts(self) -> int:
        return len(self.stored_accounts)

    def count_sessions(self) -> int:
        return len(self.stored_sessions)

    def accounts(self, size: int) -> Iterator[list[SourceAccount]]:
        for page in _pages(self.stored_accounts, size):
            yield [self._account(user_id, account) for user_id, account in page]

    def sessions(self, size: int) -> Iterator[list[SourceSession]]:
        for page in _pages(self.stored_sessions, size):
            yield [_session(session_id, session) for session_id, session in page]

    def _account(self, user_id: str, account: Any) -> SourceAccount:
        if not isinstance(account, dict):
            return SourceAccount(user_id, problem="it is no object")
        nested = account.get("properties")
        fields = {**(nested if isinstance(nested, dict) else {}), **account}
        chosen = {name: fields[name] for name in fields if name not in KNOWN and name in self.selection}
        return SourceAccount(user_id, account.get("password"), chosen)


def _session(session_id: str, session: Any) -> SourceSession:
    if not isinstance(session, dict):
        return SourceSession(session_id, problem="it is no object")
    return SourceSession(session_id, session.get("user_id"), session.get("expires"), session.get("state"))


def _items(stored: Any, name: str, path: str) -> list[Item]:
    table = stored.get(name, {}) if isinstance(stored, dict) else None
    if not isinstance(table, dict):
        raise SourceError(f"{path} holds no object of the form {{'{name}': {{...}}}}.")
    return sorted(table.items())


def _pages(items: list[Item], size: int) -> Iterator[list[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
