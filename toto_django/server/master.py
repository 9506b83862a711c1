"""The master of a daemon: ``python -m toto_django.server.master``. It never sets Django up."""

import asyncio
import os
import socket
import sys
from contextlib import ExitStack, suppress

from toto_django.server.launching import told
from toto_django.server.logs import set_up_logging
from toto_django.server.pidfiles import PidFiles
from toto_django.server.problems import NotStarted
from toto_django.server.supervisor import Supervisor

__all__ = ["main"]


def main() -> None:
    """Serve until told to end. Exits with 1 where a process does not serve at the beginning."""
    what = told()
    listeners, lock, answer = what.pop("listeners"), what.pop("lock"), what.pop("answer")
    set_up_logging()
    files = PidFiles(what["options"]["pidfile"])
    files.write_master(lock)
    with ExitStack() as stack:
        stack.callback(files.remove, lock)
        opened = {number: stack.enter_context(socket.socket(fileno=number)) for number in set(listeners)}
        sockets = [opened[number] for number in listeners]
        try:
            asyncio.run(Supervisor(what, sockets, files, began=lambda: _say_yes(answer)).run())
        except NotStarted as problem:
            sys.exit(str(problem))


def _say_yes(answer: int) -> None:
    """To who has started this process, and may have left."""
    with suppress(OSError):
        os.write(answer, b"1")
    os.close(answer)


if __name__ == "__main__":
    main()
