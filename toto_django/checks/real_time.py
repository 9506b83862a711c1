"""The channel layer, and what real time needs of a deployment."""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Warning
from django.utils.module_loading import import_string

from toto_django.checks.middleware import middleware_of_calls
from toto_django.checks.types import Apps
from toto_django.conf import Settings, settings
from toto_django.hub import is_in_memory

__all__ = ["check_channel_layer", "check_real_time_deployment", "redis_version"]

SAFE_CAPACITY = 1000
SAFE_EXPIRY = 10
"""Seconds: so long may a process be busy with something else."""
SAFE_GROUP_EXPIRY = 120
"""Seconds: twice the time between two renewals of a membership."""
LONGEST_READ = 5
"""Seconds that the Redis channel layer waits for events in one read."""


def check_channel_layer(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """Redis layers that lose events: reads that time out (W021), short queues (W022), pub/sub (W025), events
    (W027) and memberships (W026) that expire."""
    layer = _channel_layer()
    backend = str(layer.get("BACKEND", ""))
    if backend.startswith("channels_redis.pubsub"):
        text = f"{backend} drops events unnoticed when it reconnects."
        return [Warning(text, hint="Use channels_redis.core.RedisChannelLayer.", id="toto_django.W025")]
    return list(_redis_warnings(layer.get("CONFIG", {}))) if backend.startswith("channels_redis.core") else []


def _redis_warnings(config: dict[str, Any]) -> Iterator[CheckMessage]:
    if redis_version() >= (8,) and not all(_outlasts_reads(host) for host in config.get("hosts", [None])):
        yield Warning(
            "redis-py 8 ends reads after 5 seconds, which is how long the channel layer's take.",
            hint="Give each host as {'address': url, 'socket_timeout': 10}, or None for no limit.",
            id="toto_django.W021",
        )
    capacity = config.get("capacity", 100)
    if capacity < SAFE_CAPACITY:
        yield Warning(
            f"The channel layer drops events above its capacity of {capacity}.",
            hint=f"Set CONFIG['capacity'] to {SAFE_CAPACITY} or more.",
            id="toto_django.W022",
        )
    group_expiry = config.get("group_expiry", 86_400)
    if group_expiry < SAFE_GROUP_EXPIRY:
        yield Warning(
            f"The channel layer forgets processes after {group_expiry} seconds; they renew it once a minute.",
            hint="Set CONFIG['group_expiry'] to 300, say.",
            id="toto_django.W026",
        )
    expiry = config.get("expiry", 60)
    if expiry < SAFE_EXPIRY:
        yield Warning(
            f"The channel layer drops events that a process has not read within {expiry} seconds.",
            hint=f"Set CONFIG['expiry'] to {SAFE_EXPIRY} or more, or leave it at 60.",
            id="toto_django.W027",
        )


def check_real_time_deployment(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """Events that stay in one process (W023), middleware that takes a thread for each request (W024)."""
    if Settings.invalid():
        return []
    messages: list[CheckMessage] = []
    if is_in_memory():
        text = "The channel layer is in memory: events do not leave their process."
        hint = "Several processes need channels_redis.core.RedisChannelLayer."
        messages.append(Warning(text, hint=hint, id="toto_django.W023"))
    middleware = [(path, import_string(path)) for path in middleware_of_calls()]
    slow = [path for path, factory in middleware if not getattr(factory, "async_capable", False)]
    if slow:
        text = (
            f"Under ASGI each request takes a thread for {', '.join(slow)}: it cannot run on an event loop."
        )
        hint = "Replace it, or leave it out: TOTO['MIDDLEWARE'] is the list of calls alone."
        messages.append(Warning(text, hint=hint, id="toto_django.W024"))
    return messages


def _channel_layer() -> dict[str, Any]:
    if Settings.invalid():
        return {}
    layer: dict[str, Any] = getattr(django_settings, "CHANNEL_LAYERS", {}).get(settings.CHANNEL_LAYER, {})
    return layer


def _outlasts_reads(host: Any) -> bool:
    if not isinstance(host, dict) or "socket_timeout" not in host:
        return False
    timeout = host["socket_timeout"]
    return timeout is None or timeout > LONGEST_READ


def redis_version() -> tuple[int, ...]:
    """The installed redis-py's; channels_redis stands on it."""
    return tuple(int(part) for part in version("redis").split(".")[:2])
