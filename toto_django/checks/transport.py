"""The way of a call: HTTPS, the proxies in front, the servers behind."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Warning
from django.middleware.security import SecurityMiddleware
from django.utils.module_loading import import_string

from toto_django.checks.middleware import middleware_of_calls
from toto_django.conf import settings

__all__ = ["transport_risks"]

PROXY_SETTINGS = ("SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST", "USE_X_FORWARDED_PORT")


def transport_risks() -> Iterator[CheckMessage]:
    """Calls over HTTP (W061), addresses that are not the clients' (W062, W063), Redis in the clear (W064)."""
    if django_settings.SECURE_SSL_REDIRECT and settings.MIDDLEWARE is not None and not _redirects_calls():
        yield Warning(
            "SECURE_SSL_REDIRECT does not hold for calls: TOTO['MIDDLEWARE'] has no SecurityMiddleware.",
            hint="Put 'django.middleware.security.SecurityMiddleware' first there. Where the proxy in front "
            "redirects, silence this.",
            id="toto_django.W061",
        )
    forwarding = [name for name in PROXY_SETTINGS if getattr(django_settings, name)]
    if forwarding and not settings.TRUSTED_PROXIES:
        yield Warning(
            f"{forwarding[0]} is for proxies, and TRUSTED_PROXIES names none: all clients may count as one.",
            hint="Name its address, as '127.0.0.1', or 'unix' for a Unix socket.",
            id="toto_django.W062",
        )
    everybody = [
        item for item in settings.TRUSTED_PROXIES if item != "unix" and not ip_network(item).prefixlen
    ]
    if everybody:
        yield Warning(
            f"TRUSTED_PROXIES has {everybody[0]}: clients choose the address that they are counted by.",
            hint="Name the addresses of the proxies only.",
            id="toto_django.W063",
        )
    yield from (
        Warning(
            f"{name} reaches Redis over the Internet without TLS.",
            hint="Use a rediss:// URL, or an address of the private network.",
            id="toto_django.W064",
        )
        for name, addresses in _redis_servers()
        if any(map(_is_in_the_clear, addresses))
    )


def _redirects_calls() -> bool:
    factories = [import_string(path) for path in middleware_of_calls()]
    return any(isinstance(each, type) and issubclass(each, SecurityMiddleware) for each in factories)


def _redis_servers() -> Iterator[tuple[str, list[Any]]]:
    """The settings that name one, and its addresses there."""
    caches = cast("dict[str, Any]", django_settings.CACHES)
    for alias in _used_caches():
        location = caches.get(alias, {}).get("LOCATION", [])
        yield f"CACHES['{alias}']", location.split(",") if isinstance(location, str) else list(location)
    layer = getattr(django_settings, "CHANNEL_LAYERS", {}).get(settings.CHANNEL_LAYER, {})
    yield f"CHANNEL_LAYERS['{settings.CHANNEL_LAYER}']", list(layer.get("CONFIG", {}).get("hosts", []))


def _used_caches() -> list[str]:
    used = [settings.THROTTLE_CACHE, settings.NONCE_CACHE]
    for name in (settings.ACCOUNTS, settings.SESSIONS):
        options = {"CACHE": "default", **settings.STORES.get(name, {}).get("OPTIONS", {})}
        used += [options[key] for key in ("CACHE", "REVOCATION_CACHE") if options.get(key)]
    return list(dict.fromkeys(used))


def _is_in_the_clear(address: Any) -> bool:
    """Surely: a name may be that of a machine next door."""
    if isinstance(address, dict):
        address = address.get("address", "")
    if isinstance(address, str):
        url = urlsplit(address)
        host = url.hostname if url.scheme == "redis" else None
    else:
        host = address[0]
    try:
        return ip_address(host or "").is_global
    except ValueError:
        return False
