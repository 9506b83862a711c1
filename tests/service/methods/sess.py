"""``sess.*``: session state."""
# ruff: noqa: F403, F405

from typing import Any

from toto_django import method
from toto_django.invocation import *


@method("sess.get")
@anonymous_session
def get(handler: Any, parameters: Any) -> Any:
    return {"value": handler.session[parameters["k"]]}


@method("sess.contains")
@anonymous_session
def contains(handler: Any, parameters: Any) -> Any:
    return {"contains": parameters["k"] in handler.session}


@method("sess.set")
@anonymous_session
def set_(handler: Any, parameters: Any) -> Any:
    handler.session[parameters["k"]] = parameters["v"]
    handler.session.save()
    return {"saved": True}


@method("sess.nosave")
@anonymous_session
def nosave(handler: Any, parameters: Any) -> Any:
    handler.session[parameters["k"]] = parameters["v"]
    return {"saved": False}


@method("sess.delete")
@anonymous_session
def delete(handler: Any, parameters: Any) -> Any:
    del handler.session[parameters["k"]]
    handler.session.save()
    return {"deleted": True}


@method("sess.counter")
@authenticated
def counter(handler: Any, parameters: Any) -> Any:
    handler.session["counter"] = (handler.session["counter"] or 0) + 1
    handler.session.save()
    return {"count": handler.session["counter"]}


@method("sess.keys")
@anonymous_session
def keys(handler: Any, parameters: Any) -> Any:
    by_method = parameters.get("how") == "iterkeys"
    return {"keys": sorted(handler.session.iterkeys() if by_method else handler.session)}


@method("sess.save_state")
@anonymous_session
def save_state(handler: Any, parameters: Any) -> Any:
    handler.session.save_state()
    return {"saved": True}


@method("sess.refresh")
@anonymous_session
def refresh(handler: Any, parameters: Any) -> Any:
    handler.session["unsaved"] = 1
    handler.session.refresh()
    return {"unsaved_after_refresh": handler.session["unsaved"]}


@method("sess.info")
@anonymous_session
def info(handler: Any, parameters: Any) -> Any:
    session = handler.session
    return {
        "user_id": session.user_id,
        "session_id": session.session_id,
        "expires": session.expires,
        "key": session.key,
    }
