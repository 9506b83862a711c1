"""Accounts and sessions in Django models: any database of the ORM.

Loaded by dotted path only, since it imports models.
"""

import functools
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import (
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    connections,
    models,
    router,
    transaction,
)
from django.db.models import F

from toto_django.conf import settings
from toto_django.exceptions import InvalidParameters, InvalidUserID, Unavailable, UserIDExists
from toto_django.models import Account, AccountProperties, Session
from toto_django.stores.base import AccountRecord, Conflict, Gone, SessionRecord, Store
from toto_django.stores.ids import hashed_session_id, new_session_id

__all__ = ["DatabaseStore", "account_model", "username_field"]

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger("toto_django")

READ_ONLY = "25006"
"""PostgreSQL's SQLSTATE of a write to a standby, which is what connections may find after a failover."""


def account_model() -> type[AbstractBaseUser]:
    """The model that TOTO["ACCOUNT_MODEL"] names. Raises ImproperlyConfigured."""
    name = settings.ACCOUNT_MODEL
    try:
        model = apps.get_model(name)
    except (LookupError, ValueError) as error:
        raise ImproperlyConfigured(f"TOTO['ACCOUNT_MODEL'] = {name!r}: {error}") from error
    if not issubclass(model, AbstractBaseUser):
        raise ImproperlyConfigured(f"TOTO['ACCOUNT_MODEL'] = {name!r} is no subclass of AbstractBaseUser")
    return model


def _guarded(
    method: Callable[Concatenate["DatabaseStore", P], T],
) -> Callable[Concatenate["DatabaseStore", P], T]:
    """Report a database that does not answer as what it is, never as a missing account or session."""

    @functools.wraps(method)
    def guarded(self: "DatabaseStore", *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(self, *args, **kwargs)
        except (OperationalError, InterfaceError, InternalError) as error:
            if isinstance(error, InternalError) and not _is_read_only(error):
                raise
            logger.error("store %r does not answer: %s", self.alias, error)
            raise Unavailable from error

    return guarded  # type: ignore[return-value]


def _is_read_only(error: InternalError) -> bool:
    cause = error.__cause__
    return READ_ONLY in (getattr(cause, "sqlstate", None), getattr(cause, "pgcode", None))


def username_field(model: type[AbstractBaseUser]) -> str:
    """The name of the field that holds user ids."""
    return str(model.USERNAME_FIELD)  # type: ignore[attr-defined]


class DatabaseStore(Store):
    """OPTIONS: ``DATABASE``, an alias of Django's DATABASES (default: as the database routers say)."""

    uses_account_model = True

    def __init__(self, alias: str, options: Mapping[str, Any]) -> None:
        super().__init__(alias, options)
        self.database: str | None = options.get("DATABASE")

    @property
    def db(self) -> Any:
        """Django's connection, with ``cursor()`` and the rest."""
        return connections[self._database(Session)]

    @_guarded
    def ping(self) -> None:
        for alias in {self._database(Session), self._database(account_model())}:
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT 1")

    # Accounts

    @_guarded
    def create_account(self, user_id: str, password: str, properties: Mapping[str, Any]) -> None:
        model = account_model()
        if not _fits(model, user_id):
            raise InvalidUserID
        try:
            self._insert_account(AccountRecord(user_id, password, True, properties))
        except IntegrityError:
            if not self._accounts.filter(**{username_field(model): user_id}).exists():
                raise
            raise UserIDExists from None

    @_guarded
    def create_accounts(self, accounts: Sequence[AccountRecord]) -> set[str]:
        model = account_model()
        name, using = username_field(model), self._database(model)
        wanted = {account.user_id: account for account in accounts if _fits(model, account.user_id)}
        there = set(self._accounts.filter(**{f"{name}__in": wanted}).values_list(name, flat=True))
        new = [account for user_id, account in wanted.items() if user_id not in there]
        if issubclass(model, Account) and not settings.ACCOUNT_FIELDS:
            try:
                with transaction.atomic(using=using):
                    model._default_manager.using(using).bulk_create(map(_as_account, new))
                return {account.user_id for account in new}
            except IntegrityError:
                pass  # Somebody else created one of them meanwhile.
        with transaction.atomic(using=using):
            return {account.user_id for account in new if self._is_inserted(account)}

    @_guarded
    def get_account(self, user_id: str) -> AccountRecord | None:
        return self._record_of(self._find(self._accounts, user_id))

    @_guarded
    def get_settled_account(self, user_id: str) -> AccountRecord | None:
        """SQLite has one writer at a time, and no locks of rows."""
        with transaction.atomic(using=self._accounts.db, savepoint=False):
            return self._record_of(self._find(self._accounts.select_for_update(), user_id))

    @_guarded
    def get_user(self, user_id: str) -> Any:
        return self._find(self._accounts, user_id)

    @_guarded
    def set_password(self, user_id: str, password: str, replacing: str | None = None) -> bool:
        account = self._find(self._accounts, user_id)
        if account is None:
            return False
        accounts = self._accounts.filter(pk=account.pk)
        return (accounts if replacing is None else accounts.filter(password=replacing)).update(
            password=password
        ) > 0

    @_guarded
    def change_properties(self, user_id: str, changed: Mapping[str, Any], removed: Iterable[str]) -> bool:
        accounts = self._accounts
        with transaction.atomic(using=accounts.db):
            # A write takes the row's lock on every database; on SQLite select_for_update() does not.
            name = username_field(accounts.model)
            accounts.filter(**{name: user_id}).update(**{name: F(name)})
            account = self._find(accounts, user_id)
            if account is None:
                return False
            properties = {**self._read_properties(account), **changed}
            for name in removed:
                properties.pop(name, None)
                if name in settings.ACCOUNT_FIELDS:
                    properties[name] = account._meta.get_field(name).get_default()
            self._write_properties(account, properties)
            return True

    @_guarded
    def delete_account(self, user_id: str) -> bool:
        account = self._find(self._accounts, user_id)
        return account is not None and account.delete(using=self._database(type(account)))[0] > 0

    # Sessions

    @_guarded
    def create_session(
        self, user_id: str, expires: float, state: bytes = b"", *, suffix: str = ""
    ) -> SessionRecord:
        session_id = new_session_id(suffix)
        self._sessions.create(
            id_hash=hashed_session_id(session_id), user_id=user_id, expires=expires, state=state
        )
        return SessionRecord(session_id, user_id, expires, state, 0)

    @_guarded
    def load_sessions(self, session_ids: Iterable[str]) -> dict[str, SessionRecord]:
        by_hash = {hashed_session_id(session_id): session_id for session_id in session_ids}
        if not by_hash:
            return {}
        with self.db.cursor() as cursor:
            cursor.execute(_load_sql(self.db, len(by_hash)), [*by_hash, time.time()])
            rows = cursor.fetchall()
        return {
            by_hash[id_hash]: SessionRecord(by_hash[id_hash], user_id, expires, bytes(state), version)
            for id_hash, user_id, expires, state, version in rows
        }

    @_guarded
    def swap_state(self, record: SessionRecord, state: bytes) -> SessionRecord:
        session = self._sessions.filter(id_hash=hashed_session_id(record.session_id), expires__gt=time.time())
        version = record.version + 1
        if session.filter(version=record.version).update(state=state, version=version):
            return SessionRecord(record.session_id, record.user_id, record.expires, state, version)
        raise Conflict if session.exists() else Gone

    @_guarded
    def renew_session(self, record: SessionRecord, expires: float) -> SessionRecord:
        session = self._sessions.filter(id_hash=hashed_session_id(record.session_id), expires__gt=time.time())
        session.filter(expires__lt=expires).update(expires=expires)
        return SessionRecord(record.session_id, record.user_id, expires, record.state, record.version)

    @_guarded
    def delete_session(self, session_id: str) -> bool:
        return self._sessions.filter(id_hash=hashed_session_id(session_id)).delete()[0] > 0

    @_guarded
    def delete_sessions_of(self, user_id: str) -> int:
        return self._sessions.filter(user_id=user_id).delete()[0]

    @_guarded
    def count_sessions_of(self, user_id: str) -> int:
        return self._sessions.filter(user_id=user_id, expires__gt=time.time()).count()

    @_guarded
    def clear_expired_sessions(self) -> int:
        return self._sessions.filter(expires__lte=time.time()).delete()[0]

    @_guarded
    def adopt_sessions(self, sessions: Sequence[SessionRecord]) -> set[str]:
        wanted = {hashed_session_id(session.session_id): session for session in sessions}
        with transaction.atomic(using=self._database(Session)):
            there = set(self._sessions.filter(id_hash__in=wanted).values_list("id_hash", flat=True))
            new = {id_hash: session for id_hash, session in wanted.items() if id_hash not in there}
            rows = [
                Session(id_hash=id_hash, user_id=each.user_id, expires=each.expires, state=each.state)
                for id_hash, each in new.items()
            ]
            self._sessions.bulk_create(rows, ignore_conflicts=True)
        return {session.session_id for session in new.values()}

    # Steps

    def _insert_account(self, record: AccountRecord) -> None:
        model = account_model()
        account = model(**{username_field(model): record.user_id, "password": record.password})
        if not record.is_active:
            account.is_active = False
        with transaction.atomic(using=self._database(model)):
            account.save(using=self._database(model), force_insert=True)
            self._write_properties(account, dict(record.properties))

    def _is_inserted(self, record: AccountRecord) -> bool:
        try:
            self._insert_account(record)
        except IntegrityError:
            return False
        return True

    def _database(self, model: type[models.Model]) -> str:
        """Always the database that is written to: a session must be readable as soon as it is made."""
        return self.database or router.db_for_write(model)

    @property
    def _accounts(self) -> models.QuerySet[Any]:
        model = account_model()
        return model._default_manager.using(self._database(model))

    @property
    def _sessions(self) -> models.QuerySet[Session]:
        return Session.objects.using(self._database(Session))

    def _find(self, accounts: models.QuerySet[Any], user_id: str) -> Any:
        """The account of exactly this id, whatever the column's collation takes for equal."""
        account = accounts.filter(**{username_field(accounts.model): user_id}).first()
        return account if account is not None and account.get_username() == user_id else None

    def _record_of(self, account: Any) -> AccountRecord | None:
        if account is None:
            return None
        properties = self._read_properties(account)
        return AccountRecord(account.get_username(), account.password, account.is_active, properties)

    def _read_properties(self, account: AbstractBaseUser) -> dict[str, Any]:
        fields = {name: getattr(account, name) for name in settings.ACCOUNT_FIELDS}
        return {**self._holder(account).properties, **fields}

    def _write_properties(self, account: AbstractBaseUser, properties: dict[str, Any]) -> None:
        fields = {name: properties.pop(name) for name in settings.ACCOUNT_FIELDS if name in properties}
        for name, value in fields.items():
            setattr(account, name, _cleaned(account, name, value))
        if fields:
            account.save(using=self._database(type(account)), update_fields=list(fields))
        holder = self._holder(account)
        if properties != holder.properties:
            holder.properties = properties
            holder.save(using=self._database(type(holder)))

    def _holder(self, account: AbstractBaseUser) -> Any:
        """The object whose ``properties`` are the account's: itself, or a row beside it."""
        if hasattr(account, "properties"):
            return account
        rows = AccountProperties.objects.using(self._database(AccountProperties))
        return rows.filter(account_pk=str(account.pk)).first() or AccountProperties(
            account_pk=str(account.pk)
        )


def _load_sql(connection: Any, count: int) -> str:
    """The statement of every authenticated call: to have the ORM build it takes longer than to run it."""
    quoted = connection.ops.quote_name
    fields = ("id_hash", "user_id", "expires", "state", "version")
    names = ", ".join(map(quoted, fields))
    wanted = ", ".join(["%s"] * count)
    return (  # Quoted names and placeholders alone.
        f"SELECT {names} FROM {quoted(Session._meta.db_table)} "  # noqa: S608
        f"WHERE {quoted('id_hash')} IN ({wanted}) AND {quoted('expires')} > %s"
    )


def _fits(model: type[AbstractBaseUser], user_id: str) -> bool:
    longest = model._meta.get_field(username_field(model)).max_length  # type: ignore[union-attr]
    return longest is None or len(user_id) <= longest


def _as_account(record: AccountRecord) -> Account:
    return Account(
        user_id=record.user_id,
        password=record.password,
        is_active=record.is_active,
        properties=cast(Any, dict(record.properties)),
    )


def _cleaned(account: AbstractBaseUser, name: str, value: Any) -> Any:
    try:
        return account._meta.get_field(name).clean(value, account)  # type: ignore[union-attr]
    except ValidationError as error:
        raise InvalidParameters(f"Invalid {name}.", {name: error.messages}) from None
