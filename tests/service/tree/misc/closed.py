from typing import Any

from tests.service import journal


def invoke(handler: Any, parameters: Any) -> Any:
    journal.entries.append(["closed.invoke"])
    return {"ok": True}


def on_connection_close(handler: Any) -> None:
    journal.entries.append(["closed.on_connection_close"])
