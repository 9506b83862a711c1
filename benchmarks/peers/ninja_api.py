"""django-ninja: an asynchronous operation whose body is a schema."""

from typing import Any

from django.urls import path
from ninja import NinjaAPI, Schema

from benchmarks.work import work

METHODS = {"bench.add": work}


class Parameters(Schema):
    a: int
    b: int


class Call(Schema):
    method: str
    parameters: Parameters


api = NinjaAPI(docs_url=None, openapi_url=None)


@api.post("call")
async def call(request: Any, call: Call) -> Any:
    return {"result": METHODS[call.method](call.parameters.dict())}


urlpatterns = [path("", api.urls)]
