"""The address that a call comes from, past the proxies that TRUSTED_PROXIES names, and whom it stands for."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from toto_django.conf import settings

__all__ = ["address_of", "client_address"]

UNIX = "unix"
"""What TRUSTED_PROXIES calls a proxy that comes by a Unix socket, and so has no address."""

Address = IPv4Address | IPv6Address


def address_of(request: Any) -> str:
    """Whom an address stands for: IPv6 users have a network of 64 bits. One for all without an address."""
    address = client_address(request)
    if isinstance(address, IPv6Address):
        return f"address {ip_network((int(address) >> 64 << 64, 64))}"
    return f"address {address}"


def client_address(request: Any) -> Address | None:
    """Of an HttpRequest or an ASGI scope; None where nobody tells.

    X-Forwarded-For is read from its right end, where the nearest proxy wrote, and only as
    far as TRUSTED_PROXIES wrote it.
    """
    peer, forwarded = _peer_and_forwarded(request)
    address = _parsed_address(peer)
    if not settings.TRUSTED_PROXIES or not _is_trusted(address or (None if peer else UNIX)):
        return address
    for hop in reversed(forwarded.split(",")):
        given = _parsed_address(hop)
        if given is None:
            return address
        address = given
        if not _is_trusted(address):
            return address
    return address


def _peer_and_forwarded(request: Any) -> tuple[str, str]:
    """Whoever opened the connection, "" without an address; and the whole X-Forwarded-For."""
    scope = request if isinstance(request, dict) else getattr(request, "scope", None)
    if scope is None or "META" in getattr(request, "__dict__", ()):
        return request.META.get("REMOTE_ADDR") or "", request.META.get("HTTP_X_FORWARDED_FOR", "")
    headers = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return (scope.get("client") or [""])[0] or "", b",".join(headers).decode("latin-1")


def _parsed_address(text: str) -> Address | None:
    """With or without a port, as proxies write them."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_trusted(address: Address | str | None) -> bool:
    networks = _networks(tuple(settings.TRUSTED_PROXIES))
    if address is None or isinstance(address, str):
        return address in networks
    return any(address in network for network in networks if not isinstance(network, str))


@lru_cache(maxsize=16)
def _networks(trusted: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network | str, ...]:
    return tuple(item if item == UNIX else ip_network(item) for item in trusted)
