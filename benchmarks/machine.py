"""The machine that measures: its cores, its limits, and what is installed on it. Linux."""

import datetime
import os
import platform
import resource
import shutil
import sys
from collections.abc import Collection, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = [
    "FIRST_CORE",
    "allow_open_files",
    "description",
    "leave_first_core",
    "on_cores",
    "packages",
    "require",
    "use_all_cores",
]

FIRST_CORE = {0}
PACKAGES = (
    *("django", "uvicorn", "uvloop", "httptools", "granian", "gunicorn", "channels", "redis", "hiredis"),
    *("django-redis", "psycopg", "pymongo", "mysqlclient", "msgpack", "tornado", "djangorestframework"),
    *("django-ninja", "pydantic", "django-modern-rpc", "django-bolt", "msgspec"),
)


def leave_first_core() -> None:
    """To the measured process alone: what is started from here inherits it."""
    others = os.sched_getaffinity(0) - FIRST_CORE
    if others:
        os.sched_setaffinity(0, others)


def use_all_cores() -> None:
    """See leave_first_core: for what is not measured alone."""
    os.sched_setaffinity(0, range(os.cpu_count() or 1))


def on_cores(cores: Collection[int], command: Iterable[str]) -> list[str]:
    """A command line that runs on these cores alone."""
    return ["taskset", "-c", ",".join(map(str, sorted(cores))), *command]


def allow_open_files() -> None:
    """As many connections as the machine lets this process and its children have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def require(*programs: str) -> None:
    """Exit where one is missing."""
    for program in programs:
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing (Debian: apt-get install wrk util-linux).")


def description() -> str:
    """Markdown, for the head of a page of figures."""
    lines = [
        f"{datetime.datetime.now(datetime.UTC):%d %B %Y}",
        f"{os.cpu_count()} cores, {_cpu()}",
        f"{platform.system()} {platform.release()}, {platform.machine()}",
        f"Python {platform.python_version()}",
        ", ".join(packages()),
    ]
    return "\n".join(f"- {line}" for line in lines)


def packages() -> list[str]:
    """Names and versions of what is there."""
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return found


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor()
