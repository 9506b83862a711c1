"""The methods that are measured."""

import os
from typing import Any

from django.db.backends.signals import connection_created

from benchmarks.queries import work_with_query
from benchmarks.tally import Tally
from benchmarks.users import USER_ID
from benchmarks.work import done, waiting, work
from toto_django import method
from toto_django.events import EventManager
from toto_django.handler import Handler
from toto_django.invocation import authenticated, requires
from toto_django.sessions import create_session
from toto_django.signals import session_created

MORE = int(os.environ.get("BENCH_METHODS", "0"))
"""How many further methods there are: ``bench.add_0`` and so on."""

statements = Tally("statements")


@method("bench.plain")
def plain(handler: Handler, parameters: Any) -> dict[str, Any]:
    return work(parameters)


@method("bench.add")
async def add(handler: Handler, parameters: Any) -> dict[str, Any]:
    return work(parameters)


@method("bench.typed")
async def typed(handler: Handler, a: int, b: int) -> dict[str, Any]:
    return work({"a": a, "b": b})


@method("bench.signed_plain")
@authenticated
def signed_plain(handler: Handler, parameters: Any) -> dict[str, Any]:
    return work(parameters)


@method("bench.signed")
@authenticated
async def signed(handler: Handler, parameters: Any) -> dict[str, Any]:
    return work(parameters)


@method("bench.signed_orm")
@authenticated
def signed_orm(handler: Handler, parameters: Any) -> dict[str, Any]:
    return work_with_query(parameters)


@method("bench.wait")
@requires("event")
async def wait(handler: Handler, parameters: Any) -> Any:
    waiting.add()
    return await handler.wait_event(parameters["event"])


@method("bench.wake")
@requires("event")
async def wake(handler: Handler, parameters: Any) -> dict[str, Any]:
    result = work(parameters)
    await EventManager.instance().asend(parameters["event"], result)
    return result


@method("bench.sessions")
def make_sessions(handler: Handler, parameters: Any) -> list[str]:
    """The ids of new sessions, for stores that are in this process."""
    return [create_session(USER_ID).session_id for _ in range(parameters["count"])]


for number in range(MORE):
    method(f"bench.add_{number}")(add)


def _logged_in(**kwargs: Any) -> None:
    done.add()


def _count_statements(connection: Any, **kwargs: Any) -> None:
    """SQLite is in this process; the servers of the other databases count for themselves."""
    if connection.vendor == "sqlite":
        connection.execute_wrappers.append(_counted)


def _counted(execute: Any, *args: Any) -> Any:
    statements.add()
    return execute(*args)


session_created.connect(_logged_in)
connection_created.connect(_count_statements)
