"""System checks: each key of settings.TOTO has its id (see `Settings`), and each trap of the set-up."""

import difflib
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import wait
from functools import partial
from importlib.metadata import version
from typing import Any

from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core.cache import InvalidCacheBackendError
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.utils.connection import ConnectionDoesNotExist
from django.utils.module_loading import import_string

from toto_django.buckets import current_buckets
from toto_django.codecs import codec_for
from toto_django.conf import Settings, settings
from toto_django.health import PATIENCE, in_thread
from toto_django.hub import is_in_memory
from toto_django.middleware import TotoMiddleware
from toto_django.registry import registry
from toto_django.stores import Store, get_store
from toto_django.throttling import Throttle

__all__ = [
    "check_channel_layer",
    "check_codecs",
    "check_deployment",
    "check_hooks",
    "check_methods",
    "check_middleware",
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

MIDDLEWARE = f"{TotoMiddleware.__module__}.{TotoMiddleware.__qualname__}"
ENCODING_MIDDLEWARE = "django.middleware.gzip.GZipMiddleware"
SAFE_CAPACITY = 1000
LONGEST_READ = 5
"""Seconds that the Redis channel layer waits for events in one read."""
SAFE_ENTRIES = 10_000
Apps = Sequence[AppConfig] | None


def register_all() -> None:
    """Register every check of the app."""
    for check in (check_settings, check_codecs, check_hooks, check_stores, check_middleware, check_methods):
        register(check, "toto_django")
    register(check_store_servers, "toto_django")
    register(check_store_databases, Tags.database)
    register(check_channel_layer, "toto_django")
    register(check_throttles, "toto_django")
    register(check_deployment, Tags.security, deploy=True)
    register(check_real_time_deployment, "toto_django", deploy=True)
    register(check_throttle_deployment, "toto_django", deploy=True)


def check_settings(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """Unknown keys (E001) and values that a key cannot have (E101 and up)."""
    given = getattr(django_settings, "TOTO", {})
    if not isinstance(given, dict):
        return [Error("TOTO is not a dict.", id="toto_django.E002")]
    known = [setting.name for setting in Settings.all()]
    return [
        *(_unknown(name, known) for name in given if name not in known),
        *(
            Error(f"TOTO['{setting.name}'] must be {setting.expects}.", id=setting.check_id)
            for setting in Settings.invalid()
        ),
    ]


def _unknown(name: Any, known: list[str]) -> CheckMessage:
    nearest = difflib.get_close_matches(str(name).upper(), known, n=1)
    hint = f"Did you mean '{nearest[0]}'?" if nearest else None
    return Error(f"TOTO has no key '{name}'.", hint=hint, id="toto_django.E001")


def check_codecs(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """The codecs take the options that CODECS gives them."""
    messages: list[CheckMessage] = []
    if Settings.invalid():
        return messages
    for name in settings.CODECS:
        try:
            codec_for(f"application/{name}")
        except (TypeError, ValueError) as error:
            messages.append(Error(f"TOTO['CODECS']['{name}']: {error}", id=Settings.CODECS.check_id))
    return messages


def check_hooks(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """HMAC_VERIFY and HMAC_SIGN can be imported (E003)."""
    messages: list[CheckMessage] = []
    for setting in (Settings.HMAC_VERIFY, Settings.HMAC_SIGN):
        hook = setting.__get__(settings, Settings)
        if isinstance(hook, str):
            try:
                import_string(hook)
            except ImportError as error:
                messages.append(Error(f"TOTO['{setting.name}']: {error}", id="toto_django.E003"))
    return messages


def check_stores(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """ACCOUNTS and SESSIONS name stores that can be made (E004), and each store has nothing to object to.

    ACCOUNTS names one that keeps accounts (E007); the account model fits (E005, E006).
    """
    stores, messages = _used_stores()
    for store in stores:
        messages += store.check()
        if store.alias == settings.ACCOUNTS:
            messages += _check_accounts(store)
    return messages


def _used_stores() -> tuple[list[Store], list[CheckMessage]]:
    """Those that can be made, and the errors of the others."""
    stores: list[Store] = []
    messages: list[CheckMessage] = []
    if Settings.invalid():
        return stores, messages
    for alias in dict.fromkeys([settings.ACCOUNTS, settings.SESSIONS]):
        try:
            stores.append(get_store(alias))
        except (ImproperlyConfigured, ImportError, TypeError, ValueError) as error:
            messages.append(Error(f"The store {alias!r} cannot be made: {error}", id="toto_django.E004"))
    return stores, messages


def _check_accounts(store: Store) -> Iterator[CheckMessage]:
    if not store.keeps_accounts:
        text = f"TOTO['ACCOUNTS']: the store {store.alias!r} keeps sessions only."
        yield Error(text, hint="Name another store.", id="toto_django.E007")
    if store.uses_account_model:
        yield from _check_account_model()


def _check_account_model() -> Iterator[CheckMessage]:
    from toto_django.stores.database import (
        account_model,
        username_field,
    )  # Loads models, which not every store needs.

    try:
        model = account_model()
    except ImproperlyConfigured as error:
        yield Error(str(error), id="toto_django.E005")
        return
    for name in settings.ACCOUNT_FIELDS:
        try:
            field = model._meta.get_field(name)
        except FieldDoesNotExist:
            yield Error(
                f"TOTO['ACCOUNT_FIELDS']: {model._meta.label} has no field '{name}'.", id="toto_django.E006"
            )
            continue
        if field.is_relation or name in _PRIVILEGES or name == username_field(model):
            yield Error(
                f"TOTO['ACCOUNT_FIELDS'] may not name '{name}': clients could write it.",
                id="toto_django.E006",
            )


_PRIVILEGES = {"password", "is_staff", "is_superuser", "is_active", "id", "pk"}


def check_store_servers(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """The stores' servers answer (W031) and have what the stores need (W032, W033).

    All are asked at the same time, for PATIENCE seconds. Django's own databases are for
    check_store_databases.
    """
    stores, _ = _used_stores()
    asked = {store: in_thread(partial(_ask, store)) for store in stores if not store.uses_account_model}
    wait(asked.values(), PATIENCE)
    messages: list[CheckMessage] = []
    for store, answer in asked.items():
        messages += answer.result() if answer.done() else [_silent(store, f"waited {PATIENCE} seconds")]
    return messages


def check_store_databases(
    app_configs: Apps, databases: Collection[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """See check_store_servers; Django asks its databases only in ``migrate`` and ``check --database``."""
    messages: list[CheckMessage] = []
    for store in _used_stores()[0]:
        if store.uses_account_model and _database(store) in (databases or ()):
            messages += _ask(store)
    return messages


def _ask(store: Store) -> list[CheckMessage]:
    try:
        return store.check_server()
    except Exception as error:
        return [_silent(store, error)]


def _silent(store: Store, reason: Any) -> CheckMessage:
    return Warning(f"The store {store.alias!r} does not answer: {reason}", id="toto_django.W031")


def _database(store: Store) -> str | None:
    """The alias of Django's database that the store is in, None where there is no such database."""
    try:
        return str(store.db.alias)
    except ConnectionDoesNotExist:
        return None


def check_middleware(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """TotoMiddleware is there (W001) and below what encodes bodies (W002)."""
    middleware = list(django_settings.MIDDLEWARE)
    own = [] if settings.MIDDLEWARE is None or Settings.invalid() else list(settings.MIDDLEWARE)
    if MIDDLEWARE not in middleware:
        return [
            Warning(
                f"'{MIDDLEWARE}' is not in MIDDLEWARE.",
                hint="Put it at the end. Without it the project's own views have no request.toto, and calls "
                "are not answered at their prefix without its slash.",
                id="toto_django.W001",
            )
        ]
    if any(
        MIDDLEWARE in each and ENCODING_MIDDLEWARE in each[each.index(MIDDLEWARE) :]
        for each in (middleware, own)
    ):
        return [
            Warning(
                f"'{ENCODING_MIDDLEWARE}' stands below '{MIDDLEWARE}', which then signs compressed bytes.",
                hint="Move it above.",
                id="toto_django.W002",
            )
        ]
    return []


def check_methods(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """Names given twice (E011) or not fit to be called (E013), method modules that do not import (E012),
    parameters whose types cannot be checked (E014)."""
    ids = {
        "duplicate": "toto_django.E011",
        "import": "toto_django.E012",
        "name": "toto_django.E013",
        "signature": "toto_django.E014",
    }
    problems = [*registry.problems, *registry.signature_problems()]
    return [Error(f"{problem.where}: {problem.message}", id=ids[problem.kind]) for problem in problems]


def check_deployment(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """What is fine while developing and risky on the Internet (W011 and up)."""
    if Settings.invalid():
        return []
    risks = {
        "toto_django.W011": (
            settings.HMAC == "user_id" and not django_settings.SECURE_SSL_REDIRECT,
            "Whoever knows a user id can forge signatures of the scheme 'user_id'. "
            "Serve over HTTPS only (SECURE_SSL_REDIRECT).",
        ),
        "toto_django.W012": (
            settings.HMAC is not None and not settings.HMAC_REQUIRED,
            "HMAC_REQUIRED is off.",
        ),
        "toto_django.W013": (
            settings.STATE_SERIALIZER == "pickle",
            "STATE_SERIALIZER is 'pickle': whoever can write to the session store can run code here.",
        ),
        "toto_django.W014": (
            settings.expose_errors,
            "EXPOSE_ERRORS shows the texts of unexpected exceptions.",
        ),
        "toto_django.W015": (
            settings.USE_COOKIES and settings.ALLOW_ORIGIN == "*",
            "USE_COOKIES with ALLOW_ORIGIN '*': name the origins.",
        ),
        "toto_django.W016": (
            any(store["BACKEND"].endswith(".MemoryStore") for store in settings.STORES.values()),
            "The memory store loses accounts and sessions with the process.",
        ),
        "toto_django.W035": (
            not all(
                store.supports_revocation for store in _used_stores()[0] if store.alias == settings.SESSIONS
            ),
            "Sessions open what they open until their time is up, whoever logs out or changes a password.",
        ),
    }
    return [Warning(text, id=check_id) for check_id, (is_risky, text) in risks.items() if is_risky]


def check_throttles(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """THROTTLE_CACHE names a cache that can be made (E008), throttles name rates of THROTTLES (E015)."""
    if Settings.invalid():
        return []
    messages: list[CheckMessage] = []
    try:
        current_buckets()
    except (InvalidCacheBackendError, ImproperlyConfigured, ImportError) as error:
        messages.append(Error(f"TOTO['THROTTLE_CACHE']: {error}", id="toto_django.E008"))
    for name, method in registry:
        for policy in method.policies:
            if isinstance(policy, Throttle) and policy.is_named and policy.rate not in settings.throttles:
                text = f"{name}: TOTO['THROTTLES'] has no rate '{policy.rate}'."
                messages.append(Error(text, id="toto_django.E015"))
    return messages


def check_throttle_deployment(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """A cache that counts for one process (W041), or forgets what it counted (W042)."""
    if Settings.invalid() or check_throttles(app_configs):
        return []
    buckets, alias = current_buckets(), settings.THROTTLE_CACHE
    if not buckets.is_shared:
        text = f"CACHES['{alias}'] does not count calls for all processes together, as throttles need it."
        hint = "Redis, memcached and Django's database cache do; name one in THROTTLE_CACHE."
        return [Warning(text, hint=hint, id="toto_django.W041")]
    if buckets.is_culled and buckets.cache._max_entries < SAFE_ENTRIES:
        text = f"CACHES['{alias}'] throws counts away beyond {buckets.cache._max_entries} entries."
        hint = f"Set OPTIONS['MAX_ENTRIES'] to {SAFE_ENTRIES} or more."
        return [Warning(text, hint=hint, id="toto_django.W042")]
    return []


def check_channel_layer(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """Redis layers that lose events: reads that time out (W021), short queues (W022), pub/sub (W025)."""
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


def check_real_time_deployment(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """Events that stay in one process (W023), middleware that takes a thread for each request (W024)."""
    messages: list[CheckMessage] = []
    if Settings.invalid() or is_in_memory():
        text = "The channel layer is in memory: events do not leave their process."
        hint = "Several processes need channels_redis.core.RedisChannelLayer."
        messages.append(Warning(text, hint=hint, id="toto_django.W023"))
    used = django_settings.MIDDLEWARE if settings.MIDDLEWARE is None else settings.MIDDLEWARE
    middleware = [(path, import_string(path)) for path in used]
    slow = [path for path, factory in middleware if not getattr(factory, "async_capable", False)]
    if slow:
        text = (
            f"Under ASGI each request takes a thread for {', '.join(slow)}: it cannot run on an event loop."
        )
        messages.append(Warning(text, id="toto_django.W024"))
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
