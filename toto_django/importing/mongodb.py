"""MongoDB: collections ``accounts`` and ``sessions``."""

from collections.abc import Iterator
from typing import Any

from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError
from pymongo import ASCENDING, MongoClient
from pymongo.errors import PyMongoError

from toto_django.importing.address import Address
from toto_django.importing.base import Selection, Source, SourceAccount, SourceError, SourceSession

__all__ = ["MongoDBSource"]

Document = dict[str, Any]
DEFAULT_DATABASE = "toto_server"
KNOWN = ("_id", "user_id", "password")
OPTIONS: CodecOptions[Document] = CodecOptions(
    tz_aware=True,
    uuid_representation=UuidRepresentation.STANDARD,
    unicode_decode_error_handler="surrogateescape",
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)
"""What is no UTF-8 and no date of Python's is still read, and judged later."""
PATIENCE = 10_000
"""Milliseconds for finding a server."""


class MongoDBSource(Source):
    """Reads in the order of ``_id``, with one cursor: ids may be of several types."""

    def __init__(self, address: Address, selection: Selection) -> None:
        self.address = address
        self.selection = selection
        try:
            self.client = _client(address)
        except (PyMongoError, ValueError, TypeError) as error:
            raise self._error(error) from None
        self.database = self.client.get_default_database(DEFAULT_DATABASE, codec_options=OPTIONS)

    def close(self) -> None:
        self.client.close()

    def count_accounts(self) -> int:
        return self._count("accounts")

    def count_sessions(self) -> int:
        return self._count("sessions")

    def accounts(self, size: int) -> Iterator[list[SourceAccount]]:
        for page in self._pages("accounts", size):
            yield [self._account(document) for document in page]

    def sessions(self, size: int) -> Iterator[list[SourceSession]]:
        for page in self._pages("sessions", size):
            yield [_session(document) for document in page]

    def _account(self, document: Document) -> SourceAccount:
        fields = {
            name: value for name, value in document.items() if name not in KNOWN and name in self.selection
        }
        return SourceAccount(document.get("user_id"), document.get("password"), fields)

    def _count(self, name: str) -> int:
        try:
            return self.database[name].estimated_document_count()
        except PyMongoError as error:
            raise self._error(error) from None

    def _pages(self, name: str, size: int) -> Iterator[list[Document]]:
        page: list[Document] = []
        try:
            with self.database[name].find(batch_size=size).sort("_id", ASCENDING) as cursor:
                for document in cursor:
                    page.append(document)
                    if len(page) == size:
                        yield page
                        page = []
        except (PyMongoError, BSONError) as error:
            raise self._error(error) from None
        if page:
            yield page

    def _error(self, error: Exception) -> SourceError:
        return SourceError(self.address.hidden(str(error).partition(", Timeout:")[0]))


def _session(document: Document) -> SourceSession:
    session_id, user_id = document.get("session_id"), document.get("user_id")
    return SourceSession(session_id, user_id, document.get("expires"), document.get("state"))


def _client(address: Address) -> MongoClient[Document]:
    given: dict[str, Any] = (
        {"username": address.user, "password": address.password} if address.password else {}
    )
    return MongoClient(address.url, serverSelectionTimeoutMS=PATIENCE, **given)
