"""The listening sockets, bound before any process is started."""

import os
import socket

from toto_django.server.problems import ServerProblem

__all__ = ["BACKLOG", "listen", "process_count"]

BACKLOG = 2048


def process_count(processes: int) -> int:
    """How many processes an option means: 0, or -1 as in Toto 1.0, is one for each CPU."""
    if processes > 0:
        return processes
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def listen(host: str, port: int, processes: int, is_shared: bool) -> list[socket.socket]:
    """One socket for each process, or the same one for all. Port 0 is any free one.

    Raises ServerProblem where a port is taken.
    """
    listeners: list[socket.socket] = []
    try:
        for number in range(1 if is_shared else processes):
            listeners.append(_bound(host, port + number if port else 0))
    except ServerProblem:
        for listener in listeners:
            listener.close()
        raise
    return listeners * processes if is_shared else listeners


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    is_dual = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=is_dual)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number and number > 0 else error
        raise ServerProblem(f"Cannot listen on {host} port {port}: {reason}.") from error
