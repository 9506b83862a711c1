# ruff: noqa: F403, F405
from typing import Any

from tests.service import journal
from toto_django.invocation import *


@asynchronous
def invoke(handler: Any, parameters: Any) -> None:
    handler.tag = parameters.get("tag")
    journal.entries.append(["never.invoke", handler.tag])


def on_connection_close(handler: Any) -> None:
    journal.entries.append(["never.on_connection_close", handler.tag])
