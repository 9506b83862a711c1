"""Passwords: how they are kept, and which are taken."""

from collections.abc import Iterator

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Warning

from toto_django.registry import registry

__all__ = ["password_risks"]

QUICK_HASHERS = {
    "toto_django.hashers.TotoPBKDF2PasswordHasher",
    "django.contrib.auth.hashers.MD5PasswordHasher",
}


def password_risks() -> Iterator[CheckMessage]:
    """Hashes that are quickly guessed (W071), passwords of one letter (W072)."""
    for hasher in QUICK_HASHERS.intersection(django_settings.PASSWORD_HASHERS[:1]):
        yield Warning(
            f"PASSWORD_HASHERS begins with {hasher}: what new passwords become is quickly guessed.",
            hint="Put 'django.contrib.auth.hashers.PBKDF2PasswordHasher' first.",
            id="toto_django.W071",
        )
    create = registry.get("account.create")
    if create is not None and create.is_builtin and not django_settings.AUTH_PASSWORD_VALIDATORS:
        yield Warning(
            "AUTH_PASSWORD_VALIDATORS is empty: account.create takes any password, of one letter too.",
            hint="Take over those that startproject writes.",
            id="toto_django.W072",
        )
