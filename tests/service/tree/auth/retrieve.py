from typing import Any


def invoke(handler: Any, parameters: Any) -> Any:
    session = handler.retrieve_session(parameters["id"])
    return {"user_id": None if session is None else session.user_id}
