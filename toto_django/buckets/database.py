"""Buckets in the table of Django's database cache."""

import base64
import pickle
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.conf import settings as django_settings
from django.db import DatabaseError, connections, router

from toto_django.buckets.base import SwappedBuckets

__all__ = ["DatabaseBuckets"]

READ = "SELECT {value} FROM {table} WHERE {cache_key} = %s"
LOCK = f"{READ} FOR UPDATE"
SWAP = "UPDATE {table} SET {value} = %s, {expires} = %s WHERE {cache_key} = %s AND {value} = %s"


class DatabaseBuckets(SwappedBuckets):
    """In a DatabaseCache, whose own ``incr`` reads and then writes.

    A row that has expired is still a bucket: nothing but the cache's culling takes rows away.
    """

    is_culled = True
    errors: ClassVar[tuple[type[Exception], ...]] = (DatabaseError,)

    def _read(self, key: str) -> tuple[Any, int | None]:
        connection = self._connection
        # In a transaction of somebody else's, others' newer rows may be seen by locking reads only.
        is_locking = connection.in_atomic_block and connection.features.has_select_for_update
        _, row = self._execute(LOCK if is_locking else READ, self.cache.make_and_validate_key(key))
        if row is None:
            return None, None
        return row[0], pickle.loads(base64.b64decode(row[0]))  # noqa: S301 - as the cache itself would.

    def _swap(self, key: str, kept: Any, full_at: int, seconds: int) -> bool:
        if kept is None:
            return bool(self.cache.add(key, full_at, seconds))
        expires = datetime.fromtimestamp(
            int(self.cache.get_backend_timeout(seconds)), UTC if django_settings.USE_TZ else None
        )
        count, _ = self._execute(
            SWAP,
            base64.b64encode(pickle.dumps(full_at, self.cache.pickle_protocol)).decode(),
            self._connection.ops.adapt_datetimefield_value(expires),
            self.cache.make_and_validate_key(key),
            kept,
        )
        return count == 1

    @property
    def _connection(self) -> Any:
        return connections[router.db_for_write(self.cache.cache_model_class)]

    def _execute(self, statement: str, *parameters: Any) -> tuple[int, Any]:
        """How many rows it met, and the first that it found."""
        connection, names = self._connection, ("value", "expires", "cache_key")
        quoted = {name: connection.ops.quote_name(name) for name in names}
        with connection.cursor() as cursor:
            cursor.execute(
                statement.format(table=connection.ops.quote_name(self.cache._table), **quoted), parameters
            )
            return cursor.rowcount, cursor.fetchone() if cursor.description else None
