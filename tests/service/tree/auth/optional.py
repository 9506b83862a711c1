# ruff: noqa: F403, F405
from typing import Any

from toto_django.invocation import *


@optionally_authenticated
def invoke(handler: Any, parameters: Any) -> Any:
    session = handler.session
    user_id = None if session is None else session.user_id
    return {"user_id": user_id, "has_session": session is not None, "parameters": parameters}
