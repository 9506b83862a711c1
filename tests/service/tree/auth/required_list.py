# ruff: noqa: F403, F405
from typing import Any

from toto_django.invocation import *


@authenticated
def invoke(handler: Any, parameters: Any) -> Any:
    return []
