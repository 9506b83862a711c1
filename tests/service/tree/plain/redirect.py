from typing import Any

from toto_django.exceptions import TotoException
from toto_django.invocation import error_redirect


@error_redirect({"404": "/not_found.html"})
def invoke(handler: Any, parameters: Any) -> Any:
    raise TotoException(404, "x")
