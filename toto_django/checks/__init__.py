"""System checks: each key of settings.TOTO has its id (see `Settings`), and each trap of the set-up."""

from django.core.checks import Tags, register

from toto_django.checks.deployment import check_deployment
from toto_django.checks.methods import check_methods
from toto_django.checks.middleware import check_middleware
from toto_django.checks.real_time import check_channel_layer, check_real_time_deployment, redis_version
from toto_django.checks.settings import check_codecs, check_hooks, check_settings
from toto_django.checks.signing import check_nonce_cache
from toto_django.checks.store_servers import check_store_databases, check_store_servers
from toto_django.checks.stores import check_stores
from toto_django.checks.throttles import check_throttle_deployment, check_throttles

__all__ = [
    "check_channel_layer",
    "check_codecs",
    "check_deployment",
    "check_hooks",
    "check_methods",
    "check_middleware",
    "check_nonce_cache",
    "check_real_time_deployment",
    "check_settings",
    "check_store_databases",
    "check_store_servers",
    "check_stores",
    "check_throttle_deployment",
    "check_throttles",
    "redis_version",
    "register_all",
]


def register_all() -> None:
    """Register every check of the app."""
    for check in (check_settings, check_codecs, check_hooks, check_stores, check_middleware, check_methods):
        register(check, "toto_django")
    register(check_store_servers, "toto_django")
    register(check_store_databases, Tags.database)
    register(check_channel_layer, "toto_django")
    register(check_throttles, "toto_django")
    register(check_nonce_cache, "toto_django")
    register(check_deployment, Tags.security, deploy=True)
    register(check_real_time_deployment, "toto_django", deploy=True)
    register(check_throttle_deployment, "toto_django", deploy=True)
