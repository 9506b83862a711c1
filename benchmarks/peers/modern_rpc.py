"""django-modern-rpc: JSON-RPC 2.0, in its plain view and its asynchronous one."""

from typing import Any

from django.urls import path
from modernrpc import Protocol
from modernrpc.server import RpcServer

from benchmarks.work import work

server = RpcServer(supported_protocol=Protocol.JSON_RPC)


@server.register_procedure(name="bench.plain")
def plain(a: int, b: int) -> dict[str, Any]:
    return work({"a": a, "b": b})


@server.register_procedure(name="bench.add")
async def add(a: int, b: int) -> dict[str, Any]:
    return work({"a": a, "b": b})


urlpatterns = [path("plain", server.view), path("coroutine", server.async_view)]
