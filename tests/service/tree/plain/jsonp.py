from typing import Any

from toto_django.invocation import jsonp


@jsonp
def invoke(handler: Any, parameters: Any) -> Any:
    return {"parameters": parameters}
