"""What systemd is told of a service with ``Type=notify`` (sd_notify(3))."""

import os
import socket
import time

__all__ = ["notify", "notify_reload"]


def notify(state: str) -> None:
    """Such as ``READY=1``; nothing where nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] in ("/", "@"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as messenger:
            messenger.connect(address.replace("@", "\0", 1))
            messenger.send(state.encode())


def notify_reload() -> None:
    """A reload begins; ``READY=1`` ends it."""
    microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notify(f"RELOADING=1\nMONOTONIC_USEC={microseconds}")
