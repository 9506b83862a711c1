"""The keys of TOTO and their values, one by one."""

import difflib
from typing import Any

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error
from django.utils.module_loading import import_string

from toto_django.checks.types import Apps
from toto_django.codecs import codec_for
from toto_django.conf import Settings, settings

__all__ = ["check_codecs", "check_hooks", "check_settings"]


def check_settings(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """Unknown keys (E001) and values that a key cannot have (E101 and up)."""
    given = getattr(django_settings, "TOTO", {})
    if not isinstance(given, dict):
        return [Error("TOTO is not a dict.", id="toto_django.E002")]
    known = [setting.name for setting in Settings.all()]
    return [
        *(_unknown(name, known) for name in given if name not in known),
        *(
            Error(f"TOTO['{setting.name}'] must be {setting.expects}.", id=setting.check_id)
            for setting in Settings.invalid()
        ),
    ]


def _unknown(name: Any, known: list[str]) -> CheckMessage:
    nearest = difflib.get_close_matches(str(name).upper(), known, n=1)
    hint = f"Did you mean '{nearest[0]}'?" if nearest else None
    return Error(f"TOTO has no key '{name}'.", hint=hint, id="toto_django.E001")


def check_codecs(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """The codecs take the options that CODECS gives them."""
    messages: list[CheckMessage] = []
    if Settings.invalid():
        return messages
    for name in settings.CODECS:
        try:
            codec_for(f"application/{name}")
        except (TypeError, ValueError) as error:
            messages.append(Error(f"TOTO['CODECS']['{name}']: {error}", id=Settings.CODECS.check_id))
    return messages


def check_hooks(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """HMAC_VERIFY and HMAC_SIGN can be imported (E003)."""
    messages: list[CheckMessage] = []
    for setting in (Settings.HMAC_VERIFY, Settings.HMAC_SIGN):
        hook = setting.__get__(settings, Settings)
        if isinstance(hook, str):
            try:
                import_string(hook)
            except ImportError as error:
                messages.append(Error(f"TOTO['{setting.name}']: {error}", id="toto_django.E003"))
    return messages
