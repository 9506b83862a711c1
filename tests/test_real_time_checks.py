"""System checks of the channel layer and of what real time needs."""

from typing import Any

import pytest

from toto_django import checks
from toto_django.checks import real_time

REDIS = "channels_redis.core.RedisChannelLayer"
SOUND = {"hosts": [{"address": "redis://127.0.0.1:6379", "socket_timeout": None}], "capacity": 1000}


def ids(check: Any) -> list[str]:
    return [message.id.removeprefix("toto_django.") for message in check(None)]


def layer(settings: Any, backend: str, **config: Any) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": config}}


@pytest.mark.parametrize("timeout", [None, 5.5, 10])
def test_sound_redis_layer_is_silent(settings: Any, timeout: float | None) -> None:
    layer(settings, REDIS, hosts=[{**SOUND["hosts"][0], "socket_timeout": timeout}], capacity=1000)
    assert ids(checks.check_channel_layer) == []


@pytest.mark.parametrize(
    "hosts",
    [
        [("127.0.0.1", 6379)],
        ["redis://127.0.0.1"],
        [{"address": "redis://127.0.0.1"}],
        [{"socket_timeout": 5}],
    ],
)
def test_reads_that_time_out_are_warned_of_since_redis_8(
    settings: Any, monkeypatch: pytest.MonkeyPatch, hosts: list[Any]
) -> None:
    layer(settings, REDIS, hosts=hosts, capacity=1000)
    monkeypatch.setattr(real_time, "redis_version", lambda: (8, 0))
    assert ids(checks.check_channel_layer) == ["W021"]
    monkeypatch.setattr(real_time, "redis_version", lambda: (7, 9))
    assert ids(checks.check_channel_layer) == []


def test_installed_redis_has_a_version() -> None:
    assert checks.redis_version() > (5,)


@pytest.mark.parametrize("capacity", [{}, {"capacity": 999}])
def test_short_queues_are_warned_of(settings: Any, capacity: dict[str, int]) -> None:
    layer(settings, REDIS, hosts=SOUND["hosts"], **capacity)
    assert ids(checks.check_channel_layer) == ["W022"]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"group_expiry": 60}, ["W026"]),
        ({"group_expiry": 119}, ["W026"]),
        ({"group_expiry": 120}, []),
        ({"expiry": 1}, ["W027"]),
        ({"expiry": 9.9}, ["W027"]),
        ({"expiry": 10}, []),
    ],
    ids=repr,
)
def test_layer_that_forgets_early_is_warned_of(
    settings: Any, config: dict[str, float], expected: list[str]
) -> None:
    layer(settings, REDIS, **SOUND, **config)
    assert ids(checks.check_channel_layer) == expected


def test_pubsub_layer_is_warned_of(settings: Any) -> None:
    layer(settings, "channels_redis.pubsub.RedisPubSubChannelLayer")
    assert ids(checks.check_channel_layer) == ["W025"]


def test_layer_in_memory_is_warned_of_at_deployment_only(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {}
    assert ids(checks.check_channel_layer) == []
    assert ids(checks.check_real_time_deployment) == ["W023"]
    layer(settings, "channels.layers.InMemoryChannelLayer")
    assert ids(checks.check_real_time_deployment) == ["W023"]


class SyncOnly:
    """A middleware that cannot run on an event loop."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response


@pytest.mark.parametrize("keys", [{"MIDDLEWARE": "a"}, {"CHANNEL_LAYER": None}], ids=repr)
def test_settings_that_are_wrong_are_left_to_their_errors(settings: Any, keys: dict[str, Any]) -> None:
    settings.TOTO = {**settings.TOTO, **keys}
    assert ids(checks.check_real_time_deployment) == []


def test_middleware_that_takes_a_thread_is_warned_of_at_deployment(settings: Any) -> None:
    layer(settings, REDIS, **SOUND)
    assert ids(checks.check_real_time_deployment) == []
    settings.MIDDLEWARE = [f"{__name__}.SyncOnly", *settings.MIDDLEWARE]
    assert ids(checks.check_real_time_deployment) == ["W024"]
    (message,) = checks.check_real_time_deployment(None)
    assert "SyncOnly" in message.msg
