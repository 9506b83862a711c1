"""account.create, account.login, account.logout, account.update (docs/protocol.md section 8)."""

from typing import Any

from toto_django import accounts
from toto_django.exceptions import InvalidUserID
from toto_django.exchange import login_result
from toto_django.handler import Handler
from toto_django.invocation import authenticated, requires
from toto_django.registry import method

__all__ = ["create", "login", "logout", "update"]


@method("account.create")
@requires("user_id", "password")
def create(handler: Handler, parameters: dict[str, Any]) -> dict[str, Any]:
    """Make an account and log in. Further parameters become its properties."""
    user_id = accounts.create_account(parameters["user_id"], parameters["password"], _properties(parameters))
    return login_result(handler.create_session(user_id, verify_password=False))


@method("account.login")
@requires("user_id", "password")
def login(handler: Handler, parameters: dict[str, Any]) -> dict[str, Any]:
    """Log in: a new session."""
    return login_result(handler.exchange.login(parameters["user_id"], parameters["password"]))


@method("account.logout")
@authenticated
def logout(handler: Handler, parameters: Any) -> dict[str, bool]:
    """End this session."""
    handler.exchange.logout()
    return {"authenticated": False}


@method("account.update")
@authenticated
@requires("password")
def update(handler: Handler, parameters: dict[str, Any]) -> dict[str, Any]:
    """Change properties and, with new_password, the password, which ends all older sessions."""
    assert handler.session is not None
    user_id = handler.session.user_id
    accounts.authenticate(user_id, parameters["password"])
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
