"""What cannot be under WSGI: methods that answer later, and notice of a client that left."""

from typing import Any

from tests.conformance import paths
from tests.conformance.answers import DECODERS
from tests.conformance.recordings import Case, Expectation, Request

LATE_METHODS = frozenset(
    {
        "async_.thread",
        "async_.batch_thread",
        "async_.error",
        "async_.toto_error",
        "async_.both",
        "async_.none",
        "async_.twice",
        "async_.unserialisable",
        "async_.noattr",
        "async_.late_session",
        "async_.stream",
        "async_.never",
        "misc.closed_raises",
        "ev.wait",
        "ev.wait_keep",
        "ev.wait_off_loop",
        "receive_message",
    }
)
LOGS_OF_CLOSING = frozenset({"disconnect_log", "disconnect_batch_log"})
"""Cases that read a log in which on_connection_close left its entry."""
REFUSAL = {"error": {"code": 1000, "value": {"$contains": "ASGI"}}}
NOT_CLOSED = {
    "result": {
        "$excludes": [
            ["closed.on_connection_close"],
            ["never.on_connection_close", "t1"],
            ["never.on_connection_close", "b"],
        ]
    }
}


def refused(case: Case) -> Expectation | None:
    """What a WSGI server answers instead; None for a case that needs no ASGI server."""
    expect = case.expect
    if expect is None or case.request.method == "HEAD":
        return None
    if case.name in LOGS_OF_CLOSING:
        return {"body_includes": NOT_CLOSED}
    members = _late_members(case.request)
    if members:
        body = expect["body"]
        for member in members:
            body = paths.replaced(body, f"$.batch.{member}", REFUSAL)
        return {**expect, "body": body}
    if _called(case.request) in LATE_METHODS:
        return {
            "body_includes": REFUSAL,
            "signed": expect.get("signed", False),
            "cookies": expect.get("cookies", []),
        }
    return None


def _late_members(request: Request) -> list[str]:
    batch = _decoded(request).get("batch")
    if not isinstance(batch, dict):
        return []
    return [
        name for name, call in batch.items() if isinstance(call, dict) and call.get("method") in LATE_METHODS
    ]


def _called(request: Request) -> Any:
    in_url = request.path.partition("?")[0].strip("/").replace("/", ".")
    named = in_url or _decoded(request).get("method")
    return named if isinstance(named, str) else None


def _decoded(request: Request) -> dict[str, Any]:
    content_type = request.headers.get("Content-Type", "application/json")
    decode = DECODERS.get(content_type.partition(";")[0])
    try:
        decoded = decode(request.body) if decode and request.body else {}
    except Exception:  # what cannot be decoded calls nothing
        return {}
    return decoded if isinstance(decoded, dict) else {}
