"""What happens to an account's sessions when its model changes outside of the wire.

A changed password, a deactivation, a new user id and a deletion end the account's
sessions, wherever they come from: the admin, a management command, the project's code.
"""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ImproperlyConfigured
from django.db.models.signals import post_delete, post_save, pre_save

from toto_django.accounts import Account, end_sessions
from toto_django.conf import settings
from toto_django.models import AccountProperties
from toto_django.signals import emit, password_changed
from toto_django.stores import account_store
from toto_django.stores.database import account_model

__all__ = ["connect", "connect_all"]


def connect_all() -> None:
    """Follow the configured account model, if accounts are in the database."""
    try:
        if account_store().uses_account_model:
            connect(account_model())
    except (ImproperlyConfigured, ImportError):
        return  # A system check reports it.


def connect(model: type[AbstractBaseUser]) -> None:
    """Follow this model."""
    for signal, receiver in (
        (pre_save, end_when_renamed),
        (post_save, end_when_closed),
        (post_delete, end_when_deleted),
    ):
        signal.connect(
            receiver, sender=model, dispatch_uid=f"toto_django.{receiver.__name__}.{model._meta.label}"
        )


def end_when_renamed(*, sender: Any, instance: Any, raw: bool = False, **kwargs: Any) -> None:
    update_fields = kwargs.get("update_fields")
    if (
        instance._state.adding
        or raw
        or (update_fields is not None and sender.USERNAME_FIELD not in update_fields)
    ):
        return
    before = sender._base_manager.using(kwargs["using"]).filter(pk=instance.pk)
    name = before.values_list(sender.USERNAME_FIELD, flat=True).first()
    if name is not None and name != instance.get_username():
        end_sessions(name)


def end_when_closed(*, instance: Any, created: bool, raw: bool = False, **kwargs: Any) -> None:
    if created or raw:
        return
    is_new_password = (
        instance._password is not None
    )  # Django's own sign of it, unset when a hash is only upgraded.
    if is_new_password or not instance.is_active:
        end_sessions(instance.get_username())
    if is_new_password:
        emit(password_changed, Account, user_id=instance.get_username())


def end_when_deleted(*, instance: Any, using: str, **kwargs: Any) -> None:
    end_sessions(instance.get_username())
    if settings.ACCOUNT_MODEL != "toto_django.Account":
        AccountProperties.objects.using(using).filter(account_pk=str(instance.pk)).delete()
