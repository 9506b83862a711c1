from typing import Any


def invoke(handler: Any, parameters: Any) -> Any:
    session = handler.create_session(
        parameters.get("user_id"), parameters.get("password"), verify_password=parameters.get("verify", True)
    )
    return {"user_id": session.user_id, "has_key": session.key is not None}
