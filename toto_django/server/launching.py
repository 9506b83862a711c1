"""Starting a module of this package in a new interpreter, and telling it what to do."""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["MASTER", "PROCESS", "command", "environment", "told"]

MASTER = "toto_django.server.master"
PROCESS = "toto_django.server.process"
VARIABLE = "TOTO_SERVER"


def command(module: str, *labels: str) -> list[str]:
    """The command line; ``labels`` are for whoever reads the list of processes."""
    flags = [f"-W{option}" for option in sys.warnoptions]
    flags += [f"-X{name}" if value is True else f"-X{name}={value}" for name, value in sys._xoptions.items()]
    return [sys.executable, *flags, "-P", "-m", module, *labels]


def environment(what: Mapping[str, Any]) -> dict[str, str]:
    """The variables of the new process: these ones, the search path, and what it is told, as JSON."""
    told = {**what, "PYTHONPATH": os.environ.get("PYTHONPATH")}
    variables = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    return {**variables, "PYTHONPATH": path, VARIABLE: json.dumps(told)}


def told() -> dict[str, Any]:
    """What this process was told. Once: its own children do not see it."""
    what: dict[str, Any] = json.loads(os.environ.pop(VARIABLE))
    if (path := what.pop("PYTHONPATH")) is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = path
    return what
