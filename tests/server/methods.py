"""``server.*``: methods that say where they run, and a start-up function."""

import asyncio
import os
import sys
import time
from typing import Any

from django.conf import settings

from toto_django import method
from toto_django.models import Account

begun: list[str] = []


@method("server.pid")
async def pid(handler: Any, parameters: Any) -> int:
    return os.getpid()


@method("server.sleep")
async def sleep(handler: Any, parameters: Any) -> str:
    await asyncio.sleep(float(parameters["seconds"]))
    return "slept"


@method("server.block")
def block(handler: Any, parameters: Any) -> str:
    time.sleep(float(parameters["seconds"]))
    return "slept"


@method("server.settings")
def toto_settings(handler: Any, parameters: Any) -> Any:
    return settings.TOTO


@method("server.begun")
def begun_(handler: Any, parameters: Any) -> list[str]:
    return begun


@method("server.say")
def say(handler: Any, parameters: Any) -> None:
    print(parameters["text"])


@method("server.accounts")
def accounts(handler: Any, parameters: Any) -> int:
    return Account.objects.count()


@method("server.aaccounts")
async def aaccounts(handler: Any, parameters: Any) -> int:
    return await Account.objects.acount()


@method("server.parsers")
def parsers(handler: Any, parameters: Any) -> list[str]:
    """What reads HTTP here."""
    return [name for name in ("h11", "httptools") if name in sys.modules]


def begin() -> None:
    """A start-up function."""
    begun.append("plain")


async def begin_on_loop() -> None:
    """Another one."""
    await asyncio.sleep(0)
    begun.append("coroutine")


def begin_badly() -> None:
    """One that fails."""
    raise RuntimeError("nothing to begin with")
