"""What is compared: the cases, each a request to a server, and the ratios that are to be reached.

A further case is one more `Case` in CASES, and one more `Target` where it has one.
"""

import json
from dataclasses import dataclass

from benchmarks.load import Request
from benchmarks.places import POSTGRESQL, REDIS, SQLITE, Place
from benchmarks.processes import Server
from benchmarks.servers import (
    BOLT,
    DJANGO,
    DRF_GRANIAN,
    DRF_GUNICORN,
    MODERN_RPC,
    MODERN_RPC_WSGI,
    NINJA,
    PLAIN_DJANGO_WSGI,
    RAW,
    TORNADO,
    TOTO,
    TOTO_WSGI,
)
from benchmarks.users import PASSWORD, USER_ID, signature

__all__ = ["CASES", "TARGETS", "Case", "Target", "call", "signed_call"]

PARAMETERS = {"a": 1, "b": 2}
BATCH = 20


@dataclass(frozen=True)
class Case:
    """``what`` the server does, with its sessions or tokens in a ``place``."""

    what: str
    server: Server
    request: Request
    place: Place = SQLITE
    connections: int | None = None
    """None for as many as asked for."""
    least_seconds: int = 0


@dataclass(frozen=True)
class Target:
    """So many times as fast as the best of the others."""

    what: str
    case: Case
    others: tuple[Case, ...]
    least: float | None
    """None where the ratio is only shown."""


def call(method: str = "bench.add", path: str = "/service/") -> Request:
    return Request(path, _body(method))


def signed_call(method: str, path: str = "/service/") -> Request:
    body = _body(method)
    headers = {"x-toto-session-id": "{credential}", "x-toto-hmac": signature(body.encode())}
    return Request(path, body, needs="session", headers=headers, answer_header="x-toto-hmac")


def _body(method: str) -> str:
    return json.dumps({"method": method, "parameters": PARAMETERS})


def _batch(method: str) -> Request:
    one = {"method": method, "parameters": PARAMETERS}
    return Request("/service/", json.dumps({"batch": {f"{n:02}": one for n in range(BATCH)}}), calls=BATCH)


def _json_rpc(method: str, path: str) -> Request:
    return Request(path, json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": PARAMETERS}))


def _with_token(method: str = "bench.add") -> Request:
    headers = {"Authorization": "Token {credential}"}
    return Request("/token", _body(method), needs="token", headers=headers)


RAW_CALL = Case("public", RAW, call(path="/"))
TORNADO_CALL = Case("public", TORNADO, call(path="/"))
DJANGO_ASYNC = Case("public, async view", DJANGO, call(path="/coroutine"))
DJANGO_PLAIN = Case("public, plain view", DJANGO, call(path="/plain"))
NINJA_CALL = Case("public, async def, checked types", NINJA, call(path="/call"))
MODERN_RPC_CALL = Case("public, async def", MODERN_RPC, _json_rpc("bench.add", "/coroutine"))
BOLT_ASYNC = Case("public, async def", BOLT, call(path="/coroutine"))
BOLT_PLAIN = Case("public, plain def", BOLT, call(path="/plain"))
ASYNC = Case("public, async def", TOTO, call("bench.add"))
TYPED = Case("public, async def, checked types", TOTO, call("bench.typed"))
PLAIN = Case("public, plain def", TOTO, call("bench.plain"))
MEMBERS = Case(f"public, async def, batch of {BATCH}", TOTO, _batch("bench.add"))

WSGI_PLAIN = Case("public, plain def", TOTO_WSGI, call("bench.plain"))
WSGI_MEMBERS = Case(f"public, plain def, batch of {BATCH}", TOTO_WSGI, _batch("bench.plain"))
WSGI_MODERN_RPC = Case("public, plain def", MODERN_RPC_WSGI, _json_rpc("bench.plain", "/plain"))
WSGI_DJANGO = Case("public, plain view", PLAIN_DJANGO_WSGI, call(path="/plain"))
WSGI_DRF = [Case("public", server, call(path="/public")) for server in (DRF_GRANIAN, DRF_GUNICORN)]

REDIS_SIGNED = Case("signed, async def", TOTO, signed_call("bench.signed"), REDIS)
REDIS_DJANGO = Case("signed, async view", DJANGO, signed_call("bench.add", "/signed"), REDIS)

POSTGRESQL_SIGNED = Case("signed, async def", TOTO, signed_call("bench.signed"), POSTGRESQL)
POSTGRESQL_CROWD = Case(
    "signed, async def, 500 connections", TOTO, signed_call("bench.signed"), POSTGRESQL, connections=500
)
POSTGRESQL_QUERY = Case("signed, plain def, a query", TOTO, signed_call("bench.signed_orm"), POSTGRESQL)
SQLITE_SIGNED = Case("signed, async def", TOTO, signed_call("bench.signed"))
SQLITE_QUERY = Case("signed, plain def, a query", TOTO, signed_call("bench.signed_orm"))


def _drf(what: str, method: str, place: Place) -> tuple[Case, ...]:
    """Under each of its servers."""
    return tuple(Case(what, server, _with_token(method), place) for server in (DRF_GRANIAN, DRF_GUNICORN))


POSTGRESQL_TOKEN = _drf("token", "bench.add", POSTGRESQL)
POSTGRESQL_TOKEN_QUERY = _drf("token, a query", "bench.query", POSTGRESQL)
SQLITE_TOKEN = _drf("token", "bench.add", SQLITE)
SQLITE_TOKEN_QUERY = _drf("token, a query", "bench.query", SQLITE)

_ACCOUNT = {"user_id": USER_ID, "password": PASSWORD}
LOGIN = Case(
    "login",
    TOTO,
    Request(
        "/service/",
        json.dumps({"method": "account.login", "parameters": _ACCOUNT}),
        key="session_id",
        value=None,
        needs="account",
    ),
    connections=2,
    least_seconds=6,
)
DRF_LOGIN = Case(
    "login",
    DRF_GRANIAN,
    Request(
        "/login",
        json.dumps({"username": USER_ID, "password": PASSWORD}),
        key="token",
        value=None,
        needs="account",
    ),
    connections=2,
    least_seconds=6,
)

CASES = [
    *(RAW_CALL, TORNADO_CALL, DJANGO_ASYNC, DJANGO_PLAIN, NINJA_CALL, MODERN_RPC_CALL),
    *(BOLT_ASYNC, BOLT_PLAIN),
    *(ASYNC, TYPED, PLAIN, MEMBERS, SQLITE_SIGNED, SQLITE_QUERY, LOGIN),
    *(REDIS_SIGNED, REDIS_DJANGO),
    *(POSTGRESQL_SIGNED, POSTGRESQL_CROWD, POSTGRESQL_QUERY, *POSTGRESQL_TOKEN, *POSTGRESQL_TOKEN_QUERY),
    *(WSGI_PLAIN, WSGI_MEMBERS, WSGI_MODERN_RPC, WSGI_DJANGO, *WSGI_DRF),
    *(*SQLITE_TOKEN, *SQLITE_TOKEN_QUERY, DRF_LOGIN),
]

TARGETS = [
    Target("async def : Django, async view", ASYNC, (DJANGO_ASYNC,), 10),
    Target("async def : Tornado", ASYNC, (TORNADO_CALL,), 2.5),
    Target("async def : raw ASGI", ASYNC, (RAW_CALL,), 0.5),
    Target("checked types : unchecked", TYPED, (ASYNC,), None),
    Target("checked types : django-ninja", TYPED, (NINJA_CALL,), None),
    Target("async def : django-modern-rpc, uvicorn", ASYNC, (MODERN_RPC_CALL,), None),
    Target("async def : django-bolt", ASYNC, (BOLT_ASYNC, BOLT_PLAIN), None),
    Target("plain def : Django, plain view", PLAIN, (DJANGO_PLAIN,), 4),
    Target("calls in batches : single calls", MEMBERS, (ASYNC,), 8),
    Target("signed, Redis : Django doing the same", REDIS_SIGNED, (REDIS_DJANGO,), 8),
    Target("signed, Redis : public", REDIS_SIGNED, (ASYNC,), 0.55),
    Target("signed, PostgreSQL : DRF, token", POSTGRESQL_SIGNED, POSTGRESQL_TOKEN, 6),
    Target(
        "signed, PostgreSQL, a query : DRF, token, a query", POSTGRESQL_QUERY, POSTGRESQL_TOKEN_QUERY, 1.5
    ),
    Target("signed, PostgreSQL, a query : DRF, token, no query", POSTGRESQL_QUERY, POSTGRESQL_TOKEN, None),
    Target("signed, SQLite : DRF, token", SQLITE_SIGNED, SQLITE_TOKEN, None),
    Target("signed, SQLite, a query : DRF, token, a query", SQLITE_QUERY, SQLITE_TOKEN_QUERY, None),
    Target("login : DRF, login", LOGIN, (DRF_LOGIN,), None),
    Target("WSGI : django-modern-rpc, WSGI", WSGI_PLAIN, (WSGI_MODERN_RPC,), 1.2),
    Target("WSGI : Django, WSGI, plain view", WSGI_PLAIN, (WSGI_DJANGO,), None),
    Target("WSGI : DRF", WSGI_PLAIN, tuple(WSGI_DRF), None),
]
