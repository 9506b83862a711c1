"""What drf-spectacular's schemas say of TotoAuthentication; imported where drf_spectacular is installed."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from toto_django.conf import settings
from toto_django.http import SESSION_COOKIE
from toto_django.signing import current_scheme

__all__ = ["TotoCookieScheme", "TotoScheme"]


class TotoScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The session's id and, unless HMAC is None, the signature of the request."""

    target_class = "toto_django.drf.TotoAuthentication"

    @property
    def name(self) -> list[str]:  # type: ignore[override]
        return ["totoSession"] if current_scheme() is None else ["totoSession", "totoSignature"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        definitions = [
            {"type": "apiKey", "in": "header", "name": "x-toto-session-id", "description": SESSION},
            {"type": "apiKey", "in": "header", "name": "x-toto-hmac", "description": _signature()},
        ]
        return definitions[: len(self.name)]


class TotoCookieScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The cookie alone."""

    target_class = "toto_django.drf.TotoCookieAuthentication"
    name = "totoCookie"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE}


SESSION = "The session_id that account.login answers."
SIGNATURE = "base64(HMAC-SHA1(key, message)) of the request."
SIGNATURE_V2 = "v2:<Unix seconds>:<nonce>:<base64(HMAC-SHA256(key, message))> of the request."


def _signature() -> str:
    if settings.HMAC == "v2":
        return SIGNATURE_V2
    return f"{SIGNATURE} In sessions of v2: {SIGNATURE_V2}" if settings.HMAC_UPGRADE else SIGNATURE
