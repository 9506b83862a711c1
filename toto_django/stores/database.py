"""Accounts and sessions in Django models: any database of the ORM.

Loaded by dotted path only, since it imports models.
"""

import functools
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    connections,
    models,
    router,
    transaction,
)
from django.db.models import F

from toto_django.conf import settings
from toto_django.exceptions import InvalidParameters, InvalidUserID, Unavailable, UserIDExists
from toto_django.models import AccountProperties, Session
from toto_django.stores.base import AccountRecord, Conflict, Gone, SessionRecord, Store
from toto_django.stores.ids import hashed_session_id, new_session_id

__all__ = ["DatabaseStore", "account_model", "username_field"]

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger("toto_django")


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
        except (OperationalError, InterfaceError) as error:
            logger.error("store %r does not answer: %s", self.alias, error)
            raise Unavailable from error

    return guarded  # type: ignore[return-value]


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

    # Accounts

    @_guarded
    def create_account(self, user_id: str, password: str, properties: Mapping[str, Any]) -> None:
        model = account_model()
        longest = model._meta.get_field(username_field(model)).max_length  # type: ignore[union-attr]
        if longest is not None and len(user_id) > longest:
            raise InvalidUserID
        account = model(**{username_field(model): user_id, "password": password})
        try:
            with transaction.atomic(using=self._database(model)):
                account.save(using=self._database(model), force_insert=True)
                self._write_properties(account, dict(properties))
        except IntegrityError:
            if not self._accounts.filter(**{username_field(model): user_id}).exists():
                raise
            raise UserIDExists from None

    @_guarded
    def get_account(self, user_id: str) -> AccountRecord | None:
        account = self._find(self._accounts, user_id)
        if account is None:
            return None
        return AccountRecord(user_id, account.password, account.is_active, self._read_properties(account))

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
    def create_session(self, user_id: str, expires: float, state: bytes = b"") -> SessionRecord:
        session_id = new_session_id()
        self._sessions.create(
            id_hash=hashed_session_id(session_id), user_id=user_id, expires=expires, state=state
        )
        return SessionRecord(session_id, user_id, expires, state, 0)

    @_guarded
    def load_sessions(self, session_ids: Iterable[str]) -> dict[str, SessionRecord]:
        by_hash = {hashed_session_id(session_id): session_id for session_id in session_ids}
        rows = self._sessions.filter(id_hash__in=by_hash, expires__gt=time.time()).values_list(
            "id_hash", "user_id", "expires", "state", "version"
        )
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

    # Steps

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


def _cleaned(account: AbstractBaseUser, name: str, value: Any) -> Any:
    try:
        return account._meta.get_field(name).clean(value, account)  # type: ignore[union-attr]
    except ValidationError as error:
        raise InvalidParameters(f"Invalid {name}.", {name: error.messages}) from None
