"""One process with its listening socket, and the place that keeps such a process running."""

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from toto_django.server.launching import PROCESS, command, environment
from toto_django.server.problems import NotStarted

__all__ = ["Process", "Slot"]

logger = logging.getLogger("toto_django.server")

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
"""Seconds before a process that ended comes back: twice as many each time it does not last."""
LASTING = 60.0
"""Seconds after which a process counts as one that lasts."""


class Process:
    """A started interpreter. It says when it serves, and ends itself when this one is gone."""

    def __init__(self, number: int, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self.number = number
        self._process = process
        self._control = control
        self.began = time.monotonic()
        self.is_serving = False

    @classmethod
    async def start(cls, number: int, listener: socket.socket, what: Mapping[str, Any]) -> "Process":
        """Raises OSError."""
        control, other_end = socket.socketpair()
        control.setblocking(False)
        descriptors = {"listener": listener.fileno(), "control": other_end.fileno()}
        with other_end:
            process = await asyncio.create_subprocess_exec(
                *command(PROCESS, str(number)),
                env=environment({**what, "number": number, **descriptors}),
                pass_fds=tuple(descriptors.values()),
                stdin=asyncio.subprocess.DEVNULL,
            )
        return cls(number, process, control)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def serves(self) -> bool:
        """Wait until it serves, or ends before it does."""
        self.is_serving = bool(await asyncio.get_running_loop().sock_recv(self._control, 1))
        return self.is_serving

    async def ended(self) -> int:
        """Its exit code, once it has ended; the negative number of a signal."""
        code = await self._process.wait()
        self._control.close()
        return code

    async def stop(self, grace: float) -> None:
        """Let it end, and kill it after so many seconds."""
        self.send(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.ended(), grace)
        except TimeoutError:
            logger.warning("process %d (pid %d) takes too long and is killed", self.number, self.pid)
            self.send(signal.SIGKILL)
            await self.ended()

    def send(self, number: signal.Signals) -> None:
        """A signal; nothing where it has ended."""
        if self._process.returncode is None:
            self._process.send_signal(number)


class Slot:
    """A number, a listening socket, and the process that serves it.

    ``changed`` is called when there is something new to say of it.
    """

    def __init__(
        self, number: int, listener: socket.socket, what: Mapping[str, Any], changed: Callable[[], None]
    ) -> None:
        self.number = number
        self.listener = listener
        self.processes: set[Process] = set()
        """All that have not ended: while one replaces another, there are two."""
        self.current: Process | None = None
        self.restarts = 0
        self._what = what
        self._changed = changed
        self._short_lives = 0
        self._keeper: asyncio.Task[None] | None = None

    @property
    def status(self) -> dict[str, Any]:
        """Plain values for the status file."""
        process = self.current
        return {
            "number": self.number,
            "port": self.listener.getsockname()[1],
            "pid": process and process.pid,
            "since": process and time.time() - (time.monotonic() - process.began),
            "restarts": self.restarts,
        }

    async def start(self) -> None:
        """Return when a process serves, and from then on bring it back when it ends. Raises NotStarted."""
        self._keep(await self._started())

    async def replace(self, grace: float) -> None:
        """Start another process, and when it serves, stop the one that does. Raises NotStarted."""
        old, new = self.current, await self._started()
        self._keep(new)
        if old is not None:
            await old.stop(grace)
            self.processes.discard(old)

    async def stop(self, grace: float) -> None:
        """End all its processes."""
        if self._keeper is not None:
            self._keeper.cancel()
        await asyncio.gather(*(process.stop(grace) for process in self.processes))

    def send(self, number: signal.Signals) -> None:
        """A signal to the processes that serve: others could not handle it yet."""
        for process in self.processes:
            if process.is_serving:
                process.send(number)

    async def _started(self) -> Process:
        try:
            process = await Process.start(self.number, self.listener, self._what)
        except OSError as error:
            raise NotStarted(f"Process {self.number} cannot be started: {error}.") from error
        self.processes.add(process)
        try:
            if await process.serves():
                return process
        except asyncio.CancelledError:
            process.send(signal.SIGTERM)
            raise
        code = await process.ended()
        self.processes.discard(process)
        raise NotStarted(f"Process {self.number} ended before it served ({_why(code)}).")

    def _keep(self, process: Process) -> None:
        self._show(process)
        if self._keeper is not None:
            self._keeper.cancel()
        self._keeper = asyncio.create_task(self._bring_back(process))

    def _show(self, process: Process | None) -> None:
        self.current = process
        self._changed()

    async def _bring_back(self, process: Process) -> None:
        while True:
            code = await process.ended()
            self.processes.discard(process)
            self._show(None)
            self._short_lives = 0 if time.monotonic() - process.began > LASTING else self._short_lives + 1
            process = await self._returned(f"Process {self.number} (pid {process.pid}) ended ({_why(code)}).")
            self.restarts += 1
            self._show(process)

    async def _returned(self, why: str) -> Process:
        while True:
            delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** max(0, self._short_lives - 1))
            logger.error("%s It comes back in %g s", why, delay)
            await asyncio.sleep(delay)
            try:
                return await self._started()
            except NotStarted as error:
                why = str(error)
                self._short_lives += 1


def _why(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
