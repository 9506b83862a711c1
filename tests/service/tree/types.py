from typing import Any


def invoke(handler: Any, parameters: Any) -> Any:
    return {"type": type(parameters).__name__, "repr": repr(parameters)}
