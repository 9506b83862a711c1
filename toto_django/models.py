"""Accounts and sessions in the project's database."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext_lazy as _

from toto_django.codecs import JSON, EncodeError, Malformed
from toto_django.conf import MAX_USER_ID

__all__ = [
    "Account",
    "AccountProperties",
    "ExactCharField",
    "ExactTextMixin",
    "PropertiesField",
    "Session",
]


class ExactTextMixin:
    """Text that equals only itself: no folding of case, accents or trailing spaces by a MySQL collation."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        parameters = super().db_parameters(connection)  # type: ignore[misc]
        if connection.vendor == "mysql":
            is_mariadb = connection.mysql_is_mariadb  # type: ignore[attr-defined]
            parameters["collation"] = "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"
        return parameters


class ExactCharField(ExactTextMixin, models.CharField):  # type: ignore[type-arg]
    """A CharField that compares exactly on every database."""


class PropertiesField(ExactTextMixin, models.TextField):  # type: ignore[type-arg]
    """A dict kept as ASCII JSON text.

    Text, not a JSON column: those refuse U+0000, reorder, or round large integers,
    each database in its own way.
    """

    empty_values = ()
    """Validation looks at every value: only a dict will do."""

    def from_db_value(self, value: Any, *args: Any) -> Any:
        return value if value is None else JSON.loads(value.encode())

    def get_prep_value(self, value: Any) -> Any:
        return JSON.dumps(value).decode()

    def to_python(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return JSON.loads(value.encode() or b"{}")
        except Malformed:
            raise ValidationError(_("Enter valid JSON.")) from None

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        if not isinstance(value, dict):
            raise ValidationError(_("Properties are a JSON object."))
        try:
            JSON.dumps(value)
        except EncodeError as error:
            raise ValidationError(str(error)) from None

    def value_from_object(self, obj: models.Model) -> Any:
        return JSON.dumps(super().value_from_object(obj)).decode()

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.value_from_object(obj))


class Account(AbstractBaseUser):
    """Who logs in. ``user_id`` is in its normal form: NFKC, case-folded."""

    user_id = ExactCharField(_("user ID"), max_length=MAX_USER_ID, unique=True)
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("An inactive account cannot log in; its sessions have ended.")
    )
    properties = PropertiesField(_("properties"), default=dict, blank=True)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    last_login = None

    USERNAME_FIELD = "user_id"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = BaseUserManager["Account"]()

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")

    def __str__(self) -> str:
        return str(self.user_id)


class AccountProperties(models.Model):
    """Properties of accounts whose model (TOTO["ACCOUNT_MODEL"]) has no field for them."""

    account_pk = ExactCharField(max_length=MAX_USER_ID, unique=True)
    properties = PropertiesField(_("properties"), default=dict)

    class Meta:
        verbose_name = _("account properties")
        verbose_name_plural = _("account properties")

    def __str__(self) -> str:
        return str(self.account_pk)


class Session(models.Model):
    """A session; the id that opens it is not here, only its SHA-256."""

    id_hash = models.CharField(primary_key=True, max_length=64, editable=False)
    user_id = ExactCharField(_("user ID"), max_length=MAX_USER_ID, blank=True, db_index=True)
    expires = models.FloatField(_("expires (Unix seconds)"), db_index=True)
    state = models.BinaryField(_("state"), default=b"", blank=True)
    version = models.PositiveBigIntegerField(default=0)
    created = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")

    def __str__(self) -> str:
        return f"{self.user_id or '(anonymous)'} {self.id_hash[:8]}"
