"""What happens to an account's sessions when its model changes outside of the wire.

A changed password, a deactivation, a new user id and a deletion end the account's
sessions, wherever they come from: the admin, a management command, the project's code.
"""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import is_password_usable
from django.core.exceptions import ImproperlyConfigured
from django.db.models.signals import post_delete, post_save, pre_save

from toto_django.accounts import Account, end_sessions
from toto_django.audit import audit
from toto_django.conf import Settings, settings
from toto_django.models import AccountProperties
from toto_django.signals import emit, password_changed
from toto_django.stores import account_store
from toto_django.stores.database import account_model

__all__ = ["connect", "connect_all"]


def connect_all() -> None:
    """Follow the configured account model, if accounts are in the database."""
    if Settings.invalid():
        return  # A system check reports it.
    try:
        if account_store().uses_account_model:
            connect(account_model())
    except (ImproperlyConfigured, ImportError):
        return  # A system check reports it.


def connect(model: type[AbstractBaseUser]) -> None:
    """Follow this model."""
    for signal, receiver in ((pre_save, _compare), (post_save, _end_if_closed), (post_delete, _end_for_good)):
        signal.connect(
            receiver, sender=model, dispatch_uid=f"toto_django.{receiver.__name__}.{model._meta.label}"
        )


def _compare(*, sender: Any, instance: Any, using: str, raw: bool = False, **kwargs: Any) -> None:
    """Before a save: what is stored still tells whether the password and the user id change."""
    instance._toto_has_new_password = False
    update_fields = kwargs.get("update_fields") or {sender.USERNAME_FIELD, "password"}
    if instance._state.adding or raw or not {sender.USERNAME_FIELD, "password"} & set(update_fields):
        return
    stored = sender._base_manager.using(using).filter(pk=instance.pk)
    user_id, password = stored.values_list(sender.USERNAME_FIELD, "password").first() or (None, None)
    if user_id is not None and user_id != instance.get_username():
        end_sessions(user_id)
    if "password" in update_fields and password not in (None, instance.password):
        instance._toto_has_new_password = not _is_upgrade(instance, kwargs.get("update_fields"))


def _is_upgrade(instance: Any, update_fields: frozenset[str] | None) -> bool:
    """Django saves the same password in a better hash exactly so."""
    is_alone = update_fields is not None and set(update_fields) == {"password"}
    return is_alone and instance._password is None and is_password_usable(instance.password)


def _end_if_closed(*, instance: Any, created: bool, raw: bool = False, **kwargs: Any) -> None:
    if created or raw:
        return
    if instance._toto_has_new_password or not instance.is_active:
        end_sessions(instance.get_username())
    if instance._toto_has_new_password:
        audit("password_changed", instance.get_username())
        emit(password_changed, Account, user_id=instance.get_username())


def _end_for_good(*, instance: Any, using: str, **kwargs: Any) -> None:
    end_sessions(instance.get_username())
    if settings.ACCOUNT_MODEL != "toto_django.Account":
        AccountProperties.objects.using(using).filter(account_pk=str(instance.pk)).delete()
