"""What is done to a daemon: start it, look at it, let it reload or end."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from toto_django.server.launching import MASTER, command, environment
from toto_django.server.pidfiles import PidFiles
from toto_django.server.problems import NotRunning, NotStarted, ServerProblem

__all__ = ["reload_daemon", "start_daemon", "status_lines", "stop_daemon"]

PATIENCE = 5.0
"""Seconds beyond its grace within which a daemon has to end."""
PAUSE = 0.05


def start_daemon(what: Mapping[str, Any], listeners: Sequence[socket.socket], lock: int) -> int:
    """The process id of a daemon that serves. Raises NotStarted, OSError."""
    answer, other_end = os.pipe()
    numbers = [listener.fileno() for listener in listeners]
    told = {**what, "listeners": numbers, "lock": lock, "answer": other_end}
    log_file = what["options"]["log_file"] or os.devnull
    with open(log_file, "ab") as log, os.fdopen(answer, "rb") as answered:
        process = subprocess.Popen(  # noqa: S603 - this interpreter, a module of this package
            command(MASTER),
            env=environment(told),
            pass_fds={*numbers, lock, other_end},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        os.close(other_end)
        try:
            if answered.read(1):
                process.returncode = 0  # It outlives this process: nobody shall wait for it here.
                return process.pid
        except KeyboardInterrupt:
            process.terminate()
            raise
    process.wait()
    where = f"Its log {log_file}" if log_file != os.devnull else "Serving in the foreground, with --nodaemon,"
    raise NotStarted(f"The daemon ended before it served. {where} says why.")


def stop_daemon(files: PidFiles) -> int:
    """The process id of the master, once it has ended. Raises NotRunning, ServerProblem."""
    pid = _running(files)
    grace = float(files.read().get("grace", 0))
    _send(pid, signal.SIGTERM)
    if not _until(lambda: files.running() != pid, grace + PATIENCE):
        raise ServerProblem(f"Process {pid} does not end.")
    return pid


def reload_daemon(files: PidFiles) -> int:
    """The process id of the master, once all are replaced. Raises NotRunning, ServerProblem."""
    pid = _running(files)
    before = files.read().get("reloads")
    _send(pid, signal.SIGHUP)
    _until(lambda: files.running() != pid or files.read().get("reloads", before) != before)
    if files.running() != pid:
        raise ServerProblem(f"Process {pid} has ended.")
    if problem := files.read().get("problem"):
        raise ServerProblem(f"{problem} The reload was broken off, the old processes serve on.")
    return pid


def status_lines(files: PidFiles) -> list[str]:
    """What runs, in words. Raises NotRunning."""
    pid = _running(files)
    processes = files.read().get("processes", [])
    return [f"Running: process {pid}.", *map(_status_line, processes)]


def _status_line(process: Mapping[str, Any]) -> str:
    name = f"  {process['number']}: port {process['port']}"
    came_back = f", restarts: {process['restarts']}" if process["restarts"] else ""
    if process["pid"] is None:
        return f"{name}, down; it comes back{came_back}"
    return f"{name}, process {process['pid']}, for {time.time() - process['since']:.0f} s{came_back}"


def _running(files: PidFiles) -> int:
    pid = files.running()
    if pid is None:
        left = f" {files.master} was left behind." if files.master.exists() else ""
        raise NotRunning(f"Not running.{left}")
    return pid


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except OSError as error:
        raise ServerProblem(f"Process {pid}: {error.strerror}.") from error


def _until(look: Callable[[], bool], patience: float = float("inf")) -> bool:
    deadline = time.monotonic() + patience
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE)
    return True
