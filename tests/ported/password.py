"""password: Toto's connection"""

# ruff: noqa: F403, F405
from toto.exceptions import *
from toto.invocation import *


@requires("user_id", "password", "new_password")
def invoke(handler, parameters):
    try:
        handler.db_connection.change_password(
            parameters["user_id"], parameters["password"], parameters["new_password"]
        )
    except TotoException as error:
        return {"refused": error.code, "is_unknown": error.code == ERROR_USER_NOT_FOUND}
    return {"user_id": handler.create_session(parameters["user_id"], parameters["new_password"]).user_id}
