from typing import Any

from toto_django.invocation import asynchronous


@asynchronous
def invoke(handler: Any, parameters: Any) -> None:
    """Never answers."""


def on_connection_close(handler: Any) -> None:
    raise RuntimeError("on_connection_close fails")
