"""Accounts and sessions in MongoDB.

Two collections: ``accounts`` {_id: user id, password, is_active, properties} and
``sessions`` {_id: hash of the session id, user_id, expires, expires_at, state, version}.
A change is one command on one document, so a standalone server will do as well as a
replica set. Writes are acknowledged by a majority; reads come from the primary.
"""

import os
import re
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from threading import Lock
from typing import Any, Final
from weakref import finalize

from django.core.checks import CheckMessage, Warning
from pymongo import AsyncMongoClient, MongoClient, ReadPreference, WriteConcern
from pymongo.errors import BulkWriteError, DocumentTooLarge, DuplicateKeyError, PyMongoError

from toto_django.codecs import JSON
from toto_django.exceptions import TooLarge, Unavailable, UserIDExists
from toto_django.loops import PerLoop
from toto_django.stores.base import AccountRecord, Conflict, Gone, SessionRecord, known_options
from toto_django.stores.ids import hashed_session_id, new_session_id
from toto_django.stores.stepwise import Steps, StepwiseStore

__all__ = ["MongoDBStore"]

CLIENT: Final[Mapping[str, Any]] = {
    "timeoutMS": 5000,
    "tz_aware": True,
    "uuidRepresentation": "standard",
}
"""What clients are given unless OPTIONS says otherwise; an operation takes 5 seconds at most."""
INDEXES: Final[Mapping[str, Mapping[str, Any]]] = {"user_id": {}, "expires_at": {"expireAfterSeconds": 0}}
"""Of the sessions; MongoDB's own removal of expired ones is a janitor, every read looks at ``expires``."""
SAFE_NAME = re.compile(r"[^.$=\0][^.$\0]*")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_SECOND = 253_402_300_799.0
"""Of the year 9999, and of all dates."""
DUPLICATE_KEY = 11000


class MongoDBStore(StepwiseStore):
    """OPTIONS: ``HOST``, a MongoDB URI; ``DATABASE`` ("toto"); ``CLIENT``, arguments of pymongo's clients."""

    errors = (PyMongoError, DocumentTooLarge)

    def __init__(self, alias: str, options: Mapping[str, Any]) -> None:
        super().__init__(alias, options)
        self._host, self._database, client = known_options(
            options, HOST="mongodb://127.0.0.1:27017", DATABASE="toto", CLIENT={}
        )
        self._arguments = {**CLIENT, **client}
        self._client: MongoClient[Any] | None = None
        self._made_in = 0
        self._lock = Lock()
        self._clients: PerLoop[AsyncMongoClient[Any]] = PerLoop(
            lambda: AsyncMongoClient(self._host, **self._arguments), lambda client: client.close()
        )

    @property
    def db(self) -> Any:
        """pymongo's database."""
        return self.client

    # Clients

    @property
    def client(self) -> Any:
        with self._lock:
            if self._client is None or self._made_in != os.getpid():
                # A client of the parent process is of no use after a fork.
                self._client, self._made_in = MongoClient(self._host, **self._arguments), os.getpid()
                finalize(self, self._client.close).atexit = False
        return self._chosen(self._client)

    @property
    def async_client(self) -> Any:
        return self._chosen(self._clients.get())

    def _chosen(self, client: Any) -> Any:
        return client.get_database(
            self._database, read_preference=ReadPreference.PRIMARY, write_concern=WriteConcern("majority")
        )

    def _unavailable(self, error: Exception) -> Unavailable:
        if isinstance(error, DocumentTooLarge):
            raise TooLarge from error
        return super()._unavailable(error)

    # Maintenance

    def close(self) -> None:
        if self._client is not None and self._made_in == os.getpid():
            self._client.close()
        self._client = None

    def check_server(self) -> list[CheckMessage]:
        messages = super().check_server()
        if messages:
            return messages
        missing = ", ".join(self._run(self._missing_indexes()))
        if not missing:
            return []
        text = f"The store {self.alias!r} lacks indexes of its sessions: {missing}."
        return [Warning(text, hint="Run manage.py toto_prepare.", id="toto_django.W032")]

    def prepare(self) -> list[str]:
        """Raises Unavailable."""
        return self._run(self._prepare())

    def _prepare(self) -> Steps[list[str]]:
        missing = yield from self._missing_indexes()
        for name in missing:
            yield partial(_create_index, name)
        return [f"index of sessions by {name}" for name in missing]

    def _missing_indexes(self) -> Steps[list[str]]:
        indexes = yield lambda db: db.sessions.index_information()
        there = {tuple(index["key"]) for index in indexes.values()}
        return [name for name in INDEXES if ((name, 1),) not in there]

    def _ping(self) -> Steps[None]:
        yield lambda db: db.command("ping")

    # Accounts

    def _create_account(self, user_id: str, password: str, properties: Mapping[str, Any]) -> Steps[None]:
        document = _as_document(AccountRecord(user_id, password, True, properties))
        try:
            yield lambda db: db.accounts.insert_one(document)
        except DuplicateKeyError:
            raise UserIDExists from None

    def _create_accounts(self, accounts: Sequence[AccountRecord]) -> Steps[set[str]]:
        return (
            yield from self._inserted("accounts", {each.user_id: _as_document(each) for each in accounts})
        )

    def _inserted(self, collection: str, documents: Mapping[str, dict[str, Any]]) -> Steps[set[str]]:
        """The keys of those that were not there yet."""
        keys = list(documents)
        if not keys:
            return set()
        try:
            yield lambda db: db[collection].insert_many(documents.values(), ordered=False)
        except BulkWriteError as error:
            failed = error.details["writeErrors"]
            if any(each["code"] != DUPLICATE_KEY for each in failed):
                raise
            return set(keys) - {keys[each["index"]] for each in failed}
        return set(keys)

    def _get_account(self, user_id: str) -> Steps[AccountRecord | None]:
        document = yield lambda db: db.accounts.find_one({"_id": user_id})
        if document is None:
            return None
        properties = {
            _plain_name(name): _plain_value(value) for name, value in document["properties"].items()
        }
        return AccountRecord(user_id, document["password"], document["is_active"], properties)

    def _set_password(self, user_id: str, password: str, replacing: str | None) -> Steps[bool]:
        account = {"_id": user_id} if replacing is None else {"_id": user_id, "password": replacing}
        result = yield lambda db: db.accounts.update_one(account, {"$set": {"password": password}})
        return bool(result.matched_count)

    def _change_properties(
        self, user_id: str, changed: Mapping[str, Any], removed: Iterable[str]
    ) -> Steps[bool]:
        unset = {f"properties.{_kept_name(name)}": "" for name in removed}
        values = {f"properties.{_kept_name(name)}": _kept_value(value) for name, value in changed.items()}
        change = {
            "$set": {path: value for path, value in values.items() if path not in unset},
            "$unset": unset,
        }
        change = {operator: paths for operator, paths in change.items() if paths}
        if not change:
            return (yield from self._get_account(user_id)) is not None
        result = yield lambda db: db.accounts.update_one({"_id": user_id}, change)
        return bool(result.matched_count)

    def _delete_account(self, user_id: str) -> Steps[bool]:
        result = yield lambda db: db.accounts.delete_one({"_id": user_id})
        return bool(result.deleted_count)

    # Sessions

    def _create_session(
        self, user_id: str, expires: float, state: bytes, suffix: str
    ) -> Steps[SessionRecord]:
        record = SessionRecord(new_session_id(suffix), user_id, expires, state, 0)
        yield lambda db: db.sessions.insert_one(_session_document(record))
        return record

    def _adopt_sessions(self, sessions: Sequence[SessionRecord]) -> Steps[set[str]]:
        documents = {each.session_id: _session_document(each) for each in sessions}
        return (yield from self._inserted("sessions", documents))

    def _load_sessions(self, session_ids: Iterable[str]) -> Steps[dict[str, SessionRecord]]:
        by_hash = {hashed_session_id(session_id): session_id for session_id in session_ids}
        wanted = {"_id": {"$in": list(by_hash)}, "expires": {"$gt": time.time()}}
        documents = yield lambda db: db.sessions.find(wanted, batch_size=len(by_hash) + 1).to_list()
        return {
            by_hash[each["_id"]]: SessionRecord(
                by_hash[each["_id"]], each["user_id"], each["expires"], each["state"], int(each["version"])
            )
            for each in documents
        }

    def _swap_state(self, record: SessionRecord, state: bytes) -> Steps[SessionRecord]:
        session = {"_id": hashed_session_id(record.session_id), "expires": {"$gt": time.time()}}
        unchanged = {**session, "version": record.version}
        change = {"$set": {"state": state}, "$inc": {"version": 1}}
        result = yield lambda db: db.sessions.update_one(unchanged, change)
        if result.matched_count:
            return replace(record, state=state, version=record.version + 1)
        raise Conflict if (yield lambda db: db.sessions.find_one(session, {"_id": 1})) else Gone

    def _renew_session(self, record: SessionRecord, expires: float) -> Steps[SessionRecord]:
        session = {
            "_id": hashed_session_id(record.session_id),
            "expires": {"$gt": time.time(), "$lt": expires},
        }
        yield lambda db: db.sessions.update_one(session, {"$set": _expiry(expires)})
        return replace(record, expires=expires)

    def _delete_session(self, session_id: str) -> Steps[bool]:
        session = {"_id": hashed_session_id(session_id)}
        result = yield lambda db: db.sessions.delete_one(session)
        return bool(result.deleted_count)

    def _delete_sessions_of(self, user_id: str) -> Steps[int]:
        result = yield lambda db: db.sessions.delete_many({"user_id": user_id})
        return int(result.deleted_count)

    def _count_sessions_of(self, user_id: str) -> Steps[int]:
        live = {"user_id": user_id, "expires": {"$gt": time.time()}}
        return int((yield lambda db: db.sessions.count_documents(live)))

    def _clear_expired_sessions(self) -> Steps[int]:
        now = time.time()
        expired = {"expires_at": {"$lte": _date(now)}, "expires": {"$lte": now}}
        result = yield lambda db: db.sessions.delete_many(expired)
        return int(result.deleted_count)


def _create_index(name: str, db: Any) -> Any:
    return db.sessions.create_index(name, **INDEXES[name])


def _as_document(account: AccountRecord) -> dict[str, Any]:
    return {
        "_id": account.user_id,
        "password": account.password,
        "is_active": account.is_active,
        "properties": {_kept_name(name): _kept_value(value) for name, value in account.properties.items()},
    }


def _session_document(record: SessionRecord) -> dict[str, Any]:
    return {
        "_id": hashed_session_id(record.session_id),
        "user_id": record.user_id,
        **_expiry(record.expires),
        "state": record.state,
        "version": record.version,
    }


def _expiry(expires: float) -> dict[str, Any]:
    """To the microsecond for reads, and as a date, to the millisecond, for MongoDB's janitor."""
    return {"expires": expires, "expires_at": _date(expires)}


def _date(seconds: float) -> datetime:
    return EPOCH + timedelta(milliseconds=ceil(min(seconds, LAST_SECOND) * 1000))


def _kept_name(name: str) -> str:
    """A property's name as a field's: itself, or "=" and base64 where MongoDB would read more into it."""
    if SAFE_NAME.fullmatch(name) and _is_text(name):
        return name
    return "=" + urlsafe_b64encode(name.encode("utf-8", "surrogatepass")).decode()


def _plain_name(name: str) -> str:
    if not name.startswith("="):
        return name
    return urlsafe_b64decode(name[1:]).decode("utf-8", "surrogatepass")


def _kept_value(value: Any) -> Any:
    """Itself if it reads back as it is, for queries of the project's own; else its JSON text."""
    if value is None or isinstance(value, bool | float) or (isinstance(value, str) and _is_text(value)):
        return value
    if isinstance(value, int) and -(2**31) <= value < 2**31:
        return value
    return {"json": JSON.dumps(value).decode()}


def _plain_value(value: Any) -> Any:
    return JSON.loads(value["json"].encode()) if isinstance(value, dict) else value


def _is_text(text: str) -> bool:
    """Without lone surrogates, which UTF-8 has no place for."""
    try:
        return text.encode() is not None
    except UnicodeEncodeError:
        return False
