from typing import Any

from toto_django.invocation import raw_response


@raw_response
def invoke(handler: Any, parameters: Any) -> Any:
    return "raw bytes"
