from typing import Any

from toto_django.invocation import authenticated


@authenticated
def invoke(handler: Any, parameters: Any) -> Any:
    return []
