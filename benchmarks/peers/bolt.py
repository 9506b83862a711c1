"""django-bolt, whose server is written in Rust, with msgspec for JSON as its guide has it."""

from typing import Any

import msgspec
from django_bolt import BoltAPI

from benchmarks.work import work

METHODS = {"bench.add": work}


class Parameters(msgspec.Struct):
    a: int
    b: int


class Call(msgspec.Struct):
    method: str
    parameters: Parameters


api = BoltAPI(enable_logging=False, compression=False, validate_response=False)


@api.post("/coroutine")
async def coroutine(call: Call) -> dict[str, Any]:
    return _answer(call)


@api.post("/plain")
def plain(call: Call) -> dict[str, Any]:
    return _answer(call)


def _answer(call: Call) -> dict[str, Any]:
    return {"result": METHODS[call.method]({"a": call.parameters.a, "b": call.parameters.b})}


urlpatterns: list[Any] = []
