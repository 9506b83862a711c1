"""account.create, account.login, account.logout, account.update (docs/protocol.md section 8)."""

from typing import Any

from toto_django import accounts
from toto_django.conf import MAX_USER_ID
from toto_django.description.documenting import documented
from toto_django.exceptions import InvalidParameters, InvalidUserID, TooLarge, UserIDExists, UserNotFound
from toto_django.exchange import login_result
from toto_django.handler import Handler
from toto_django.invocation import authenticated, requires
from toto_django.registry import method
from toto_django.throttling import password_accepted, throttle, throttle_passwords

__all__ = ["create", "login", "logout", "update"]

USER_ID = {"type": "string", "minLength": 1, "maxLength": MAX_USER_ID}
PASSWORD = {"type": "string", "minLength": 1}
LOGIN = {
    "session_id": {"type": "string"},
    "expires": {"type": "number", "description": "Unix time in seconds."},
    "user_id": {"type": "string"},
    "key": {"type": "string", "description": "For signatures; only in the schemes session_key and v2."},
}
LOGIN_RESULT = {"type": "object", "properties": LOGIN, "required": ["session_id", "expires", "user_id"]}
PROPERTY = {"description": "A property of the account."}
BAD_PASSWORD = InvalidParameters("The password is not accepted.")


@method("account.create")
@requires("user_id", "password")
@throttle("create")
@documented(
    parameters={"user_id": USER_ID, "password": PASSWORD},
    others=PROPERTY,
    result=LOGIN_RESULT,
    errors=(UserIDExists(), InvalidUserID(), BAD_PASSWORD, TooLarge()),
)
def create(handler: Handler, parameters: dict[str, Any]) -> dict[str, Any]:
    """Make an account and log in. Further parameters become its properties."""
    user_id = accounts.create_account(parameters["user_id"], parameters["password"], _properties(parameters))
    return login_result(handler.create_session(user_id, verify_password=False))


@method("account.login")
@requires("user_id", "password")
@throttle_passwords()
@documented(
    parameters={"user_id": {"type": "string"}, "password": {"type": "string"}},
    others=True,
    result=LOGIN_RESULT,
    errors=(UserNotFound(),),
)
def login(handler: Handler, parameters: dict[str, Any]) -> dict[str, Any]:
    """Log in: a new session."""
    session = handler.exchange.login(parameters["user_id"], parameters["password"])
    password_accepted(handler)
    return login_result(session)


@method("account.logout")
@authenticated
@documented(
    parameters={},
    others=True,
    result={
        "type": "object",
        "properties": {"authenticated": {"const": False}},
        "required": ["authenticated"],
    },
)
def logout(handler: Handler, parameters: Any) -> dict[str, bool]:
    """End this session."""
    handler.exchange.logout()
    return {"authenticated": False}


@method("account.update")
@authenticated
@requires("password")
@throttle_passwords(None)
@documented(
    parameters={
        "password": {"type": "string", "description": "The one until now."},
        "new_password": PASSWORD,
        "user_id": {"type": "string", "description": "One's own."},
    },
    others=PROPERTY,
    result={
        "type": "object",
        "description": "With new_password also what account.login answers.",
        "properties": {"updated_fields": {"type": "array", "items": {"type": "string"}}, **LOGIN},
        "required": ["updated_fields"],
    },
    errors=(UserNotFound(), InvalidUserID(), BAD_PASSWORD, TooLarge()),
)
def update(handler: Handler, parameters: dict[str, Any]) -> dict[str, Any]:
    """Change properties and, with new_password, the password, which ends all older sessions."""
    assert handler.session is not None
    user_id = handler.session.user_id
    accounts.authenticate(user_id, parameters["password"])
    password_accepted(handler)
    if "user_id" in parameters and _normalized(parameters["user_id"]) != user_id:
        raise InvalidUserID
    properties = accounts.as_properties(_properties(parameters))
    if "new_password" in parameters:
        accounts.check_new_password(parameters["new_password"], user_id, name="new_password")
    if properties:
        account = handler.session.get_account()
        account.update(properties)
        account.save()
    if "new_password" not in parameters:
        return {"updated_fields": list(properties)}
    accounts.set_password(user_id, parameters["new_password"])
    session = handler.create_session(user_id, verify_password=False)
    return {"updated_fields": [*properties, "password"], **login_result(session)}


def _properties(parameters: dict[str, Any]) -> dict[str, Any]:
    """What is no credential; ``method`` is there when the parameters are the whole body."""
    return {name: value for name, value in parameters.items() if name not in CREDENTIALS}


def _normalized(user_id: Any) -> str | None:
    try:
        return accounts.normalize_user_id(user_id)
    except InvalidUserID:
        return None


CREDENTIALS = accounts.RESERVED | {"method"}
