"""A web socket of the ASGI application, opened with any headers."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from toto_django.asgi import get_asgi_application

__all__ = ["opened"]

Headers = Iterable[tuple[str, str]]


async def opened(headers: Headers, method: str = "auth.optional", path: str = "/websocket") -> Any:
    """The answer to a call over a socket that was opened so; the close code where it was refused."""
    to_application: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "ws",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 50000),
        "server": ("toto.test", 80),
        "subprotocols": [],
    }
    application = asyncio.create_task(
        get_asgi_application()(scope, to_application.get, messages.put)  # type: ignore[arg-type]
    )
    to_application.put_nowait({"type": "websocket.connect"})
    try:
        async with asyncio.timeout(10):
            first = await messages.get()
            if first["type"] == "websocket.close":
                return first["code"]
            call = {"id": 1, "method": method, "parameters": {}}
            to_application.put_nowait({"type": "websocket.receive", "text": json.dumps(call)})
            return json.loads((await messages.get())["text"])
    finally:
        to_application.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait([application], timeout=10)
