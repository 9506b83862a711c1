from typing import Any


def invoke(handler: Any, parameters: Any) -> None:
    handler.respond({"direct": True})
