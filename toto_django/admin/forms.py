"""Forms for new accounts, new passwords, and properties as JSON text."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_text_html
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from toto_django.accounts import RESERVED, SIGNING, as_properties, check_new_password, normalize_user_id
from toto_django.codecs import JSON, Malformed
from toto_django.conf import settings
from toto_django.exceptions import InvalidParameters, InvalidUserID, TooLarge
from toto_django.models import Account

__all__ = ["AccountCreationForm", "AccountForm", "PasswordForm", "own_properties", "pretty_json"]


def pretty_json(value: Any) -> str:
    """Indented JSON; ASCII only where a lone surrogate keeps the text from being UTF-8."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=2)
    return text


def own_properties(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is kept beside them: the signing scheme that an account requires."""
    return {name: value for name, value in stored.items() if name != SIGNING}


class PropertiesField(forms.CharField):
    """JSON text ↔ a dict."""

    widget = forms.Textarea(attrs={"class": "vLargeTextField toto-json", "rows": 14, "spellcheck": "false"})

    def to_python(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return value
        text = super().to_python(value)
        try:
            return JSON.loads(text.encode()) if text else {}
        except UnicodeEncodeError:
            raise ValidationError(_("This text is not UTF-8."), code="invalid") from None
        except Malformed as error:
            reason = str(error.value).removeprefix("The body is not JSON: ")
            raise ValidationError(_("This is not JSON: %(reason)s"), "invalid", {"reason": reason}) from None

    def validate(self, value: Any) -> None:
        if not isinstance(value, Mapping):
            raise ValidationError(_("Properties are a JSON object."), code="invalid")
        reserved = sorted(RESERVED & value.keys())
        if reserved:
            names = ", ".join(reserved)
            raise ValidationError(_("These are no properties: %(names)s."), "reserved", {"names": names})
        try:
            as_properties(value)
        except TooLarge:
            limit = {"limit": settings.MAX_PROPERTIES}
            raise ValidationError(_("Properties take at most %(limit)d bytes."), "too_large", limit) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return _canonical(self.to_python(initial)) != _canonical(self.to_python(data))
        except ValidationError:
            return True


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """Changes of an account; its user id and its password are not among them."""

    properties = PropertiesField(
        label=_("Properties"),
        required=False,
        show_hidden_initial=True,
        help_text=_("A JSON object. Only what is changed here is written."),
    )

    class Meta:
        model = Account
        fields = ("is_active", "properties")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stored = own_properties(self.instance.properties)
        self.initial["properties"] = pretty_json(self._stored)

    def property_changes(self) -> tuple[dict[str, Any], set[str]]:
        """What was set and what was removed since the form was shown."""
        before, after = self._shown_properties(), self.cleaned_data["properties"]
        changed = {
            name: value
            for name, value in after.items()
            if name not in before or _canonical(before[name]) != _canonical(value)
        }
        return changed, before.keys() - after.keys()

    def _shown_properties(self) -> Mapping[str, Any]:
        shown = self.data.get(self.add_initial_prefix("properties"))
        try:
            properties = self._stored if shown is None else self.fields["properties"].to_python(shown)
        except ValidationError:
            return self._stored
        return own_properties(properties) if isinstance(properties, Mapping) else self._stored


class PasswordForm(forms.Form):
    """A password, twice."""

    password1 = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validators_help_text_html(),
    )
    password2 = forms.CharField(
        label=_("Password confirmation"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Enter the same password as before, for verification."),
    )

    def __init__(self, *args: Any, user_id: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user_id = user_id

    def clean(self) -> dict[str, Any]:
        super().clean()
        passwords = [self.cleaned_data.get(name) for name in ("password1", "password2")]
        if all(passwords):
            self._check(*passwords)
        return self.cleaned_data

    def _check(self, first: Any, second: Any) -> None:
        if first != second:
            text = _("The two password fields didn’t match.")  # noqa: RUF001
            mismatch = ValidationError(text, code="password_mismatch")
            return self.add_error("password2", mismatch)
        try:
            check_new_password(first, self.cleaned_data.get("user_id", self.user_id))
        except InvalidParameters as error:
            self.add_error("password1", error.fields["password"])


class AccountCreationForm(PasswordForm, forms.ModelForm):  # type: ignore[type-arg]
    """A user id, brought into its normal form, and a password."""

    class Meta:
        model = Account
        fields = ("user_id",)
        help_texts = {"user_id": _("Case does not matter: it is kept in its normal form.")}  # noqa: RUF012

    def clean_user_id(self) -> str:
        try:
            return normalize_user_id(self.cleaned_data["user_id"])
        except InvalidUserID:
            raise ValidationError(_("This can be no user ID."), code="invalid") from None

    def save(self, commit: bool = True) -> Account:
        self.instance.set_password(self.cleaned_data["password1"])
        account: Account = super().save(commit)
        return account


def _canonical(value: Any) -> str:
    """A text that tells 1 from true and 1.0, as comparing values does not."""
    return json.dumps(value, sort_keys=True)
