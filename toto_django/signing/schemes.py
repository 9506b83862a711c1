"""The schemes by their names, and which of them is whose."""

from toto_django.conf import settings
from toto_django.signing.base import Scheme
from toto_django.signing.toto import SessionKeyScheme, UserIDScheme
from toto_django.signing.v2 import SUFFIX, V2Scheme

__all__ = ["SCHEMES", "current_scheme", "scheme_of"]

V2 = V2Scheme()
SCHEMES: dict[str, Scheme] = {scheme.name: scheme for scheme in (UserIDScheme(), SessionKeyScheme(), V2)}


def current_scheme() -> Scheme | None:
    """The scheme that TOTO["HMAC"] names; None when signing is off."""
    name = settings.HMAC
    return None if name is None else SCHEMES[name]


def scheme_of(permanent_id: str) -> Scheme | None:
    """The scheme of a session: a session that began under v2 does not go back to an older one."""
    scheme = current_scheme()
    return V2 if scheme is not None and permanent_id.endswith(SUFFIX) else scheme
