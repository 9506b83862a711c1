"""What an import has to remember of all accounts, on disk: in a SQLite database of its own."""

import sqlite3
from collections.abc import Iterable, Iterator

__all__ = ["Claims", "SortedKeys"]


class _Scratch:
    schema: str

    def __init__(self) -> None:
        # SQLite deletes the file of a database without a name.
        self._database = sqlite3.connect("")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute(self.schema)

    def close(self) -> None:
        """Forget everything."""
        self._database.close()


class Claims(_Scratch):
    """Which account of the source has a user id's normal form; the first one that asks."""

    schema = "CREATE TABLE claims (normal_id TEXT PRIMARY KEY, user_id TEXT, is_usable INTEGER) WITHOUT ROWID"

    def add(self, normal_id: str, user_id: str, is_usable: bool) -> bool:
        """False when another account has it. ``is_usable``: its password can be used."""
        sql = "INSERT OR IGNORE INTO claims VALUES (?, ?, ?)"
        return self._database.execute(sql, (normal_id, user_id, is_usable)).rowcount == 1

    def find(self, normal_id: str) -> tuple[str, bool] | None:
        """The user id as the source writes it, and ``is_usable``."""
        sql = "SELECT user_id, is_usable FROM claims WHERE normal_id = ?"
        row = self._database.execute(sql, (normal_id,)).fetchone()
        return None if row is None else (row[0], bool(row[1]))


class SortedKeys(_Scratch):
    """Keys that come in any order and more than once, given back sorted and once."""

    schema = "CREATE TABLE keys (key BLOB PRIMARY KEY) WITHOUT ROWID"

    def add(self, keys: Iterable[bytes]) -> None:
        self._database.executemany("INSERT OR IGNORE INTO keys VALUES (?)", ((key,) for key in keys))

    def __len__(self) -> int:
        return int(self._database.execute("SELECT COUNT(*) FROM keys").fetchone()[0])

    def pages(self, size: int) -> Iterator[list[bytes]]:
        last = b""
        while page := self._page(last, size):
            yield page
            last = page[-1]

    def _page(self, last: bytes, size: int) -> list[bytes]:
        sql = "SELECT key FROM keys WHERE key > ? ORDER BY key LIMIT ?"
        return [key for (key,) in self._database.execute(sql, (last, size))]
