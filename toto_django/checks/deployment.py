"""What is fine while developing and risky on the Internet, from all sides."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Warning

from toto_django.checks.cookies import cookie_risks
from toto_django.checks.passwords import password_risks
from toto_django.checks.signing import signing_risks
from toto_django.checks.store_risks import store_risks
from toto_django.checks.throttles import throttle_risks
from toto_django.checks.transport import transport_risks
from toto_django.checks.types import Apps
from toto_django.conf import Settings, settings

__all__ = ["check_deployment"]


def check_deployment(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """Every risk that the settings tell of."""
    if Settings.invalid():
        return []
    return [
        *signing_risks(),
        *cookie_risks(),
        *transport_risks(),
        *store_risks(),
        *throttle_risks(),
        *password_risks(),
        *_told_to_clients(),
    ]


def _told_to_clients() -> Iterator[CheckMessage]:
    if settings.expose_errors:
        hint = "EXPOSE_ERRORS = False, or None and DEBUG = False: the log has them."
        text = "EXPOSE_ERRORS shows the texts of unexpected exceptions."
        yield Warning(text, hint=hint, id="toto_django.W014")
    if settings.DESCRIPTION == "public":
        text = "DESCRIPTION is 'public': everybody reads the names and parameters of all methods."
        hint = "'staff' shows them to staff. Where they are meant for everybody, silence this."
        yield Warning(text, hint=hint, id="toto_django.W081")
