"""The master: it holds the listening sockets and keeps the processes running."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from toto_django.server.logs import open_log
from toto_django.server.notify import notify, notify_reload
from toto_django.server.pidfiles import PidFiles
from toto_django.server.problems import NotStarted
from toto_django.server.slots import Slot
from toto_django.server.watching import changes

__all__ = ["Supervisor"]

logger = logging.getLogger("toto_django.server")


class Supervisor:
    """Runs in the main thread. ``what`` is what each process is told, the options of the server.

    SIGTERM and SIGINT end it, the second one at once; SIGHUP replaces the processes one after
    another; SIGUSR1 opens the log file anew.
    """

    def __init__(
        self,
        what: Mapping[str, Any],
        listeners: Sequence[socket.socket],
        files: PidFiles | None = None,
        began: Callable[[], None] = lambda: None,
    ) -> None:
        self._options = what["options"]
        self._files = files
        self._began = began
        self._slots = [
            Slot(number, listener, what, self._record) for number, listener in enumerate(listeners, 1)
        ]
        self._is_told_to_end = asyncio.Event()
        self._is_told_to_reload = asyncio.Event()
        self._reloads = 0
        self._problem = ""
        self._grace = float(self._options["grace"])

    async def run(self) -> None:
        """Serve until told to end. Raises NotStarted where a process does not serve at the beginning."""
        self._handle_signals()
        work = asyncio.create_task(self._work())
        end = asyncio.create_task(self._is_told_to_end.wait())
        try:
            await asyncio.wait([work, end], return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            await self._end(work, end)

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end_or_kill)
        loop.add_signal_handler(signal.SIGHUP, self._is_told_to_reload.set)
        loop.add_signal_handler(signal.SIGUSR1, self._open_log)

    async def _work(self) -> None:
        await self._start_all()
        for slot in self._slots:
            logger.info("process %d (pid %s) serves %s", slot.number, slot.status["pid"], _address(slot))
        self._began()
        notify("READY=1")
        await asyncio.gather(self._reload_when_told(), self._reload_when_changed())

    async def _start_all(self) -> None:
        starts = [asyncio.create_task(slot.start()) for slot in self._slots]
        try:
            await asyncio.gather(*starts)
        finally:
            for start in starts:
                start.cancel()

    async def _end(self, *tasks: "asyncio.Task[Any]") -> None:
        notify("STOPPING=1")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(slot.stop(self._grace) for slot in self._slots))

    def _end_or_kill(self) -> None:
        if self._is_told_to_end.is_set():
            for slot in self._slots:
                slot.send(signal.SIGKILL)
        self._is_told_to_end.set()

    # Reloads

    async def _reload_when_told(self) -> None:
        while True:
            await self._is_told_to_reload.wait()
            self._is_told_to_reload.clear()
            notify_reload()
            self._problem = await self._reload()
            self._reloads += 1
            self._record()
            notify("READY=1")

    async def _reload(self) -> str:
        """What went wrong, "" if nothing did."""
        for slot in self._slots:
            try:
                await slot.replace(self._grace)
            except NotStarted as error:
                logger.error("%s The reload is broken off, the old processes serve on", error)
                return str(error)
            logger.info("process %d (pid %s) serves %s", slot.number, slot.status["pid"], _address(slot))
        return ""

    async def _reload_when_changed(self) -> None:
        if self._options["autoreload"]:
            async for names in changes():
                logger.info("changed: %s", ", ".join(names))
                self._is_told_to_reload.set()

    # What others see

    def _record(self) -> None:
        if self._files is not None:
            status = {
                "pid": os.getpid(),
                "grace": self._grace,
                "reloads": self._reloads,
                "problem": self._problem,
                "processes": [slot.status for slot in self._slots],
            }
            try:
                self._files.write(status)
            except OSError as error:
                logger.error("cannot write the pidfiles: %s", error)

    def _open_log(self) -> None:
        if path := self._options["log_file"]:
            try:
                open_log(path)
            except OSError as error:
                logger.error("cannot open the log file anew: %s", error)
            for slot in self._slots:
                slot.send(signal.SIGUSR1)


def _address(slot: Slot) -> str:
    host, port = slot.listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
