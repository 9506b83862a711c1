"""Hosts on this machine: network namespaces whose links meet at a bridge.

The servers that hosts share listen on the bridge's address. Needs root, iproute2 and a
kernel with namespaces and bridges.
"""

import ctypes
import ipaddress
import random
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.closing import Closing

__all__ = ["Network", "Place"]

NETWORKS = ipaddress.ip_network("198.18.0.0/15")
"""Reserved for tests between devices (RFC 2544), so nobody has a route there."""
CLONE_NEWNET = 0x40000000
NAMES = 16**6
"""Interfaces have at most 15 characters."""


class Place:
    """A namespace: whoever makes a connection `inside` it makes it from that host."""

    def __init__(self, name: str, link: str, address: str) -> None:
        self.name = name
        self.address = address
        self.link = link
        """The bridge's end of its cable."""

    @property
    def command(self) -> tuple[str, ...]:
        """What stands before a command that shall run there."""
        return "ip", "netns", "exec", self.name

    @contextmanager
    def inside(self) -> Iterator[None]:
        """This thread is there, and so is each thread that it starts."""
        with open("/proc/thread-self/ns/net") as here, open(f"/run/netns/{self.name}") as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(here.fileno())

    def forget(self) -> str:
        """This machine closes its connections with the place; nobody tells it there. Which they were."""
        command = ("ss", "--kill", "--tcp", "--no-header", "dst", self.address)
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """The cable is out: packets vanish, and nobody is told."""
        _ip("link", "set", self.link, "down")
        try:
            yield
        finally:
            _ip("link", "set", self.link, "up")


class Network(Closing):
    """A bridge and the places at it; nothing of it is left in the end. Raises OSError."""

    def __init__(self, places: int) -> None:
        self._undo = ExitStack()
        self.name = f"toto{random.randrange(NAMES):06x}"
        try:
            subnet = _free_subnet()
            self.address, *addresses = (str(subnet[number]) for number in range(1, places + 2))
            self._lay_bridge()
            self.places = [self._lay_cable(number, address) for number, address in enumerate(addresses)]
        except BaseException:
            self.close()
            raise

    def _lay_bridge(self) -> None:
        _ip("link", "add", self.name, "type", "bridge")
        self._undo.callback(_ip, "link", "delete", self.name)
        _ip("address", "add", f"{self.address}/24", "dev", self.name)
        _ip("link", "set", self.name, "up")

    def _lay_cable(self, number: int, address: str) -> Place:
        place = Place(f"{self.name}-{number}", f"{self.name}v{number}", address)
        _ip("netns", "add", place.name)
        self._undo.callback(_ip, "netns", "delete", place.name)
        end = ("type", "veth", "peer", "name", "eth0", "netns", place.name)
        _ip("link", "add", place.link, *end)
        self._undo.callback(_ip, "link", "delete", place.link)
        _ip("link", "set", place.link, "master", self.name, "up")
        _ip("-n", place.name, "address", "add", f"{address}/24", "dev", "eth0")
        for interface in ("lo", "eth0"):
            _ip("-n", place.name, "link", "set", interface, "up")
        return place

    def close(self) -> None:
        self._undo.close()


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=20)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def _free_subnet() -> ipaddress.IPv4Network:
    """One that no interface has: other tests may be at work."""
    taken = _ip("-4", "-oneline", "address")
    while True:
        subnet = ipaddress.ip_network((int(NETWORKS[0]) + 256 * random.randrange(512), 24))
        if f" {str(subnet[0]).removesuffix('.0')}." not in taken:
            return subnet


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
