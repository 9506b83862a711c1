"""ASGI and JSON, and nothing else: the limit of what Python can do on the same server."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.work import waiting, work

HEADERS = [(b"content-type", b"application/json")]

Message = dict[str, Any]

arrivals: set[asyncio.Future[Any]] = set()


async def application(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    call = json.loads(body)
    answer = json.dumps({"result": await METHODS[call["method"]](call["parameters"])}).encode()
    length = (b"content-length", str(len(answer)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, length]})
    await send({"type": "http.response.body", "body": answer})


async def add(parameters: Any) -> Any:
    return work(parameters)


async def wait(parameters: Any) -> Any:
    arrivals.add(arrived := asyncio.get_running_loop().create_future())
    waiting.add()
    return await arrived


async def wake(parameters: Any) -> Any:
    result = work(parameters)
    while arrivals:
        arrived = arrivals.pop()
        if not arrived.done():
            arrived.set_result(result)
    return result


METHODS = {"bench.add": add, "bench.wait": wait, "bench.wake": wake}
