"""``misc.*``: the handler and the log of the hooks."""

from typing import Any

from tests.service import journal
from toto_django import method


@method("misc.status")
def status(handler: Any, parameters: Any) -> Any:
    handler.set_status(parameters.get("code", 418))
    return {"status": "set"}


@method("misc.header")
def header(handler: Any, parameters: Any) -> Any:
    handler.set_header("x-custom", "value")
    return {"header": "set"}


@method("misc.cookie")
def cookie(handler: Any, parameters: Any) -> Any:
    handler.set_cookie("mine", "yes")
    return {"cookie": "set"}


@method("misc.ctype")
def ctype(handler: Any, parameters: Any) -> Any:
    handler.response_type = "application/vnd.custom+json"
    return {"ctype": "set"}


@method("misc.redirect")
def redirect(handler: Any, parameters: Any) -> None:
    handler.redirect("/elsewhere")


@method("misc.log")
def log(handler: Any, parameters: Any) -> Any:
    return list(journal.entries)


@method("misc.clearlog")
def clearlog(handler: Any, parameters: Any) -> Any:
    journal.entries.clear()
    return {"cleared": True}
