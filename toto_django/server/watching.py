"""Changes of a project's Python files, for ``--autoreload``."""

import os
import sys
from collections.abc import AsyncIterator

__all__ = ["changes"]


async def changes() -> AsyncIterator[list[str]]:
    """The names of files that have changed, whenever some have."""
    from watchfiles import PythonFilter, awatch

    async for found in awatch(*_folders(), watch_filter=PythonFilter(), recursive=True):
        yield sorted({os.path.relpath(path) for _, path in found})


def _folders() -> list[str]:
    """The search path without what is installed, and without what another folder contains."""
    installed = tuple({sys.prefix, sys.base_prefix})
    folders = {os.path.realpath(entry) for entry in ("", *sys.path) if os.path.isdir(entry or ".")}
    own = {folder for folder in folders if not folder.startswith(installed)}
    return sorted(folder for folder in own if not any(_holds(other, folder) for other in own))


def _holds(outer: str, inner: str) -> bool:
    return inner.startswith(os.path.join(outer, ""))
