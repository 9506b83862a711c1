# ruff: noqa: F403, F405
from typing import Any

from toto_django.invocation import *


@authenticated
async def invoke(handler: Any, parameters: Any) -> Any:
    return {"user_id": handler.session.user_id}
