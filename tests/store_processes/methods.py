"""``failures.*``: what clients call while their store's server fails."""

from typing import Any

from toto_django import method
from toto_django.invocation import authenticated


def _increment(state: dict[str, Any]) -> None:
    state["count"] = state.get("count", 0) + 1


@method("failures.add")
@authenticated
def add(handler: Any, parameters: Any) -> Any:
    handler.session.update(_increment)
    return {"count": handler.session["count"]}


@method("failures.aadd")
@authenticated
async def aadd(handler: Any, parameters: Any) -> Any:
    await handler.session.aupdate(_increment)
    return {"count": handler.session["count"]}


@method("failures.get")
@authenticated
def get(handler: Any, parameters: Any) -> Any:
    return {"count": handler.session["count"], "user_id": handler.session.user_id}


@method("failures.public")
async def public(handler: Any, parameters: Any) -> Any:
    return {"public": True}
