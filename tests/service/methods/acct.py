"""``acct.*``: account properties and passwords."""
# ruff: noqa: F403, F405

from typing import Any

from toto_django import method
from toto_django.invocation import *
from toto_django.registry import registry


@method("acct.get")
@authenticated
def get(handler: Any, parameters: Any) -> Any:
    return {"value": handler.session.get_account()[parameters["k"]]}


@method("acct.set")
@authenticated
def set_(handler: Any, parameters: Any) -> Any:
    account = handler.session.get_account()
    account[parameters["k"]] = parameters["v"]
    account.save()
    return {"value": account[parameters["k"]]}


@method("acct.contains")
@authenticated
def contains(handler: Any, parameters: Any) -> Any:
    account, name = handler.session.get_account(), parameters["k"]
    before_load = name in account
    account[name]
    return {"before_load": before_load, "after_load": name in account}


@method("acct.change")
def change(handler: Any, parameters: Any) -> Any:
    handler.db_connection.change_password(
        parameters["user_id"], parameters["password"], parameters["new_password"]
    )
    return {"changed": True}


@method("acct.generate")
def generate(handler: Any, parameters: Any) -> Any:
    return {"password": handler.db_connection.generate_password(parameters["user_id"])}


@method("account_create")
def account_create(handler: Any, parameters: Any) -> Any:
    return registry.find("account.create")(handler, parameters)
