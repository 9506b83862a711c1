"""What `check --deploy` warns of: each risk is told, with what to do, and what is none is not."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage
from django.core.checks.registry import registry as check_registry
from django.db import connections
from django.middleware.security import SecurityMiddleware

from toto_django import checks
from toto_django.buckets import current_buckets, nonce_buckets
from toto_django.exceptions import Unavailable
from toto_django.rates import parsed_rate
from toto_django.registry import registry
from toto_django.stores.memory import MemoryStore

Toto = Callable[..., None]
Keys = dict[str, Any]

CHECKS = (checks.check_deployment, checks.check_real_time_deployment, checks.check_throttle_deployment)

DATABASE = {"BACKEND": "toto_django.stores.database.DatabaseStore"}
MEMORY = {"default": {"BACKEND": "toto_django.stores.memory.MemoryStore"}}
SIGNED = {"BACKEND": "toto_django.stores.signed.SignedStore"}
SECURITY = "django.middleware.security.SecurityMiddleware"
MIDDLEWARE = "toto_django.middleware.TotoMiddleware"
HOOK = "tests.service.signing.verify"
VALIDATOR = {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"}
COOKIES = {"USE_COOKIES": True, "ALLOW_ORIGIN": ["https://www.example.com"]}
PROXY = {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")}
PAGE = Path(__file__).resolve().parents[1] / "docs" / "checks.md"
ON_THE_INTERNET, NEXT_DOOR = "8.8.8.8", "10.0.0.5"

LOCAL = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
DUMMY = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
FILES = {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": "files"}
MEMCACHED = {"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": "127.0.0.1:1"}


def revoked_in(cache: str) -> Keys:
    return {**SIGNED, "OPTIONS": {"REVOCATION_CACHE": cache}}


def rows(entries: int) -> Keys:
    backend = "django.core.cache.backends.db.DatabaseCache"
    return {"BACKEND": backend, "LOCATION": "rows", "OPTIONS": {"MAX_ENTRIES": entries}}


def redis(url: Any = "redis://127.0.0.1:1", **options: Any) -> Keys:
    return {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": url, "OPTIONS": options}


def layers(*hosts: Any) -> Keys:
    config = {"hosts": [{"address": "redis://127.0.0.1:1", "socket_timeout": 10}, *hosts], "capacity": 1000}
    return {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": config}}


class NeverRevoking(MemoryStore):
    """Its sessions live until their time is up."""

    supports_revocation = False


class StricterSecurity(SecurityMiddleware):
    """Of the project's own."""


@pytest.fixture(autouse=True)
def sound(settings: Any, toto: Toto) -> None:
    """Settings that are fit for the Internet."""
    settings.SECURE_SSL_REDIRECT = True
    settings.AUTH_PASSWORD_VALIDATORS = [VALIDATOR]
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    settings.CHANNEL_LAYERS = layers()
    settings.CACHES = {**settings.CACHES, "redis": redis()}
    toto(HMAC="session_key", THROTTLES={}, THROTTLE_CACHE="redis", NONCE_CACHE="redis")


def found() -> list[CheckMessage]:
    return [message for check in CHECKS for message in check(None)]


def ids() -> list[str]:
    return [str(message.id).removeprefix("toto_django.") for message in found()]


def test_sound_settings_are_silent() -> None:
    assert ids() == []


def test_all_of_them_are_run_at_deployment_only() -> None:
    assert set(CHECKS) <= check_registry.deployment_checks
    assert not set(CHECKS) & check_registry.registered_checks


RISKS: dict[str, list[tuple[Keys, Keys]]] = {
    "W011": [({"HMAC": "user_id"}, {"SECURE_SSL_REDIRECT": False})],
    "W012": [({"HMAC": "user_id", "HMAC_REQUIRED": False}, {})],
    "W013": [({"STATE_SERIALIZER": "pickle"}, {})],
    "W014": [({"EXPOSE_ERRORS": True}, {}), ({"EXPOSE_ERRORS": None}, {"DEBUG": True})],
    "W015": [({"USE_COOKIES": True}, {})],
    "W016": [({"STORES": MEMORY}, {})],
    "W017": [
        ({**COOKIES, "HMAC": None, "COOKIE_GUARD": False}, {}),
        ({**COOKIES, "HMAC": "user_id", "COOKIE_GUARD": False}, {}),
    ],
    "W018": [({**COOKIES, "SECURE_COOKIES": False}, {})],
    "W019": [(COOKIES, {"SECURE_SSL_REDIRECT": False})],
    "W035": [
        ({"STORES": {"default": {"BACKEND": f"{__name__}.NeverRevoking"}}}, {}),
        ({"STORES": {"default": DATABASE, "signed": SIGNED}, "SESSIONS": "signed"}, {}),
    ],
    "W037": [
        (
            {
                "STORES": {"default": DATABASE, "signed": revoked_in("redis")},
                "SESSIONS": "signed",
                "STATE_SERIALIZER": "pickle",
            },
            {},
        ),
    ],
    "W039": [
        (
            {"STORES": {"default": DATABASE, "signed": revoked_in("other")}, "SESSIONS": "signed"},
            {"CACHES": cache},
        )
        for cache in ({"other": rows(99_999)}, {"other": FILES})
    ],
    "W043": [
        ({"THROTTLES": {"login.address": None}}, {}),
        ({"THROTTLES": {"login": None, "login.account": None}}, {}),
    ],
    "W044": [({"THROTTLE_FAIL_OPEN": True}, {})],
    "W051": [
        ({"HMAC": None, "HMAC_VERIFY": HOOK}, {}),
        ({"HMAC": None, "HMAC_UPGRADE": True}, {}),
    ],
    "W052": [
        ({"HMAC": "v2", "HMAC_VERIFY": HOOK}, {}),
        ({"HMAC": "user_id", "HMAC_UPGRADE": True, "HMAC_VERIFY": HOOK}, {}),
    ],
    "W053": [
        ({"HMAC": "v2", "HMAC_WINDOW": 3601}, {}),
        ({"HMAC": "user_id", "HMAC_UPGRADE": True, "HMAC_WINDOW": 86_400}, {}),
    ],
    "W054": [
        *(
            ({"HMAC": "v2", "NONCE_CACHE": "other"}, {"CACHES": {"other": cache}})
            for cache in (LOCAL, DUMMY, FILES)
        ),
        ({"HMAC": "user_id", "HMAC_UPGRADE": True, "NONCE_CACHE": "other"}, {"CACHES": {"other": LOCAL}}),
    ],
    "W055": [({"HMAC": "v2", "NONCE_CACHE": "other"}, {"CACHES": {"other": rows(99_999)}})],
    "W061": [({"MIDDLEWARE": [MIDDLEWARE]}, {})],
    "W062": [({}, PROXY), ({}, {"USE_X_FORWARDED_HOST": True}), ({}, {"USE_X_FORWARDED_PORT": True})],
    "W063": [
        ({"TRUSTED_PROXIES": ["10.0.0.5", "0.0.0.0/0"]}, {}),
        ({"TRUSTED_PROXIES": ["unix", "::/0"]}, {}),
    ],
    "W064": [
        ({}, {"CHANNEL_LAYERS": layers({"address": f"redis://{ON_THE_INTERNET}", "socket_timeout": 10})}),
        (
            {"THROTTLE_CACHE": "other"},
            {"CACHES": {"other": redis(f"redis://:password@{ON_THE_INTERNET}:6379/1")}},
        ),
        (
            {"NONCE_CACHE": "other"},
            {"CACHES": {"other": redis([f"redis://{NEXT_DOOR}", f"redis://{ON_THE_INTERNET}"])}},
        ),
        (
            {
                "STORES": {"default": {"BACKEND": "toto_django.stores.redis.RedisStore"}},
                "ACCOUNTS": "default",
                "SESSIONS": "default",
            },
            {"CACHES": {"default": redis("redis://[2606:4700:4700::1111]:6379")}},
        ),
    ],
    "W071": [
        ({}, {"PASSWORD_HASHERS": ["toto_django.hashers.TotoPBKDF2PasswordHasher"]}),
        ({}, {"PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"]}),
    ],
    "W072": [({}, {"AUTH_PASSWORD_VALIDATORS": []})],
    "W081": [({"DESCRIPTION": "public"}, {})],
}


def configure(settings: Any, toto: Toto, keys: Keys, django: Keys) -> None:
    for name, value in django.items():
        setattr(settings, name, {**settings.CACHES, **value} if name == "CACHES" else value)
    toto(**keys)


@pytest.mark.parametrize(
    ("check_id", "keys", "django"),
    [(check_id, *case) for check_id, cases in RISKS.items() for case in cases],
    ids=[f"{check_id}-{n}" for check_id, cases in RISKS.items() for n, _ in enumerate(cases)],
)
def test_risk_is_told_alone_and_with_what_to_do(
    settings: Any, toto: Toto, check_id: str, keys: Keys, django: Keys
) -> None:
    configure(settings, toto, keys, django)
    assert ids() == [check_id]
    [message] = found()
    assert not message.is_serious()
    assert str(message.hint).endswith(".")
    assert any(
        re.fullmatch(re.escape(said).replace("…", ".+"), message.msg) for said in said_on_the_page(check_id)
    )


def said_on_the_page(check_id: str) -> list[str]:
    """What docs/checks.md says that a check says."""
    [cell] = re.findall(rf"^\| {check_id} \| (.*?) \|", PAGE.read_text(), re.M)
    return re.findall(r"`([^`]+)`", cell)


SAFE: dict[str, tuple[Keys, Keys]] = {
    "the defaults over HTTPS": ({"HMAC": "user_id"}, {}),
    "no signatures": ({"HMAC": None}, {}),
    "no signatures, and the guard": ({**COOKIES, "HMAC": None}, {}),
    "signatures instead of the guard": ({**COOKIES, "COOKIE_GUARD": False}, {}),
    "v2 instead of the guard": ({**COOKIES, "HMAC": "v2", "COOKIE_GUARD": False}, {}),
    "no guard and no cookies": ({"HMAC": None, "COOKIE_GUARD": False, "SECURE_COOKIES": False}, {}),
    "cookies for no origin": ({"USE_COOKIES": True, "ALLOW_ORIGIN": []}, {}),
    "keys that need no HTTPS": ({}, {"SECURE_SSL_REDIRECT": False}),
    "cookies behind a proxy that redirects": (
        {**COOKIES, "TRUSTED_PROXIES": ["10.0.0.5"]},
        {**PROXY, "SECURE_SSL_REDIRECT": False},
    ),
    "a scheme that needs no HMAC_REQUIRED": ({"HMAC_REQUIRED": False}, {}),
    "a hook": ({"HMAC_VERIFY": HOOK}, {}),
    "v2": ({"HMAC": "v2", "HMAC_WINDOW": 3600}, {}),
    "v2 over memcached": ({"HMAC": "v2", "NONCE_CACHE": "other"}, {"CACHES": {"other": MEMCACHED}}),
    "v2 over rows": ({"HMAC": "v2", "NONCE_CACHE": "other"}, {"CACHES": {"other": rows(100_000)}}),
    "a window that nobody uses": ({"HMAC_WINDOW": 86_400, "NONCE_CACHE": "default"}, {}),
    "a shorter list with redirects": ({"MIDDLEWARE": [SECURITY, MIDDLEWARE]}, {}),
    "a shorter list, and no redirects": ({"MIDDLEWARE": [MIDDLEWARE]}, {"SECURE_SSL_REDIRECT": False}),
    "a proxy that is named": ({"TRUSTED_PROXIES": ["10.0.0.5"]}, PROXY),
    "a proxy by a Unix socket": ({"TRUSTED_PROXIES": ["unix"]}, PROXY),
    "a network of proxies": ({"TRUSTED_PROXIES": ["10.0.0.0/8", "fd00::/8"]}, PROXY),
    "TLS over the Internet": (
        {"THROTTLE_CACHE": "other"},
        {
            "CACHES": {"other": redis(f"rediss://{ON_THE_INTERNET}")},
            "CHANNEL_LAYERS": layers({"address": f"rediss://{ON_THE_INTERNET}", "socket_timeout": 10}),
        },
    ),
    "Redis next door, or by a name": (
        {"THROTTLE_CACHE": "other"},
        {
            "CACHES": {"other": redis(f"redis://{NEXT_DOOR}")},
            "CHANNEL_LAYERS": layers({"address": "redis://redis:6379", "socket_timeout": 10}),
        },
    ),
    "Redis of others": ({}, {"CACHES": {"other": redis(f"redis://{ON_THE_INTERNET}")}}),
    "no limit for addresses that know no account": ({"THROTTLES": {"login.account": None}}, {}),
    "other limits than that of the pair": ({"THROTTLES": {"login": None, "create": None}}, {}),
    "imported hashes": (
        {},
        {
            "PASSWORD_HASHERS": [
                "django.contrib.auth.hashers.Argon2PasswordHasher",
                "toto_django.hashers.TotoPBKDF2PasswordHasher",
            ]
        },
    ),
    "a description for staff": ({"DESCRIPTION": "staff"}, {}),
    "signed sessions that are revoked in many rows": (
        {"STORES": {"default": DATABASE, "signed": revoked_in("other")}, "SESSIONS": "signed"},
        {"CACHES": {"other": rows(100_000)}},
    ),
    "signed sessions that can be revoked": (
        {"STORES": {"default": DATABASE, "signed": revoked_in("redis")}, "SESSIONS": "signed"},
        {},
    ),
}


@pytest.mark.parametrize("case", SAFE)
def test_what_is_no_risk_is_silent(settings: Any, toto: Toto, case: str) -> None:
    configure(settings, toto, *SAFE[case])
    assert ids() == []


def test_hosts_of_the_layer_without_urls_are_read_too(settings: Any) -> None:
    settings.CHANNEL_LAYERS = layers((ON_THE_INTERNET, 6379))
    assert "W064" in ids()
    settings.CHANNEL_LAYERS = layers((NEXT_DOOR, 6379), {"sentinels": [(NEXT_DOOR, 26379)]})
    assert "W064" not in ids()


def test_middleware_derived_from_djangos_redirects_too(toto: Toto) -> None:
    toto(MIDDLEWARE=[f"{__name__}.StricterSecurity", MIDDLEWARE])
    assert ids() == []


def test_rates_of_passwords_matter_where_passwords_are_checked(
    toto: Toto, settings: Any, without_builtins: None
) -> None:
    settings.AUTH_PASSWORD_VALIDATORS = []
    toto(THROTTLES=dict.fromkeys(("login", "login.address", "login.account")), THROTTLE_FAIL_OPEN=True)
    assert ids() == []


@pytest.fixture
def without_builtins() -> Iterator[None]:
    """As with BUILTIN_METHODS off."""
    taken = [(name, method) for name, method in registry if method.is_builtin]
    for name, _ in taken:
        registry.unregister(name)
    yield
    for name, method in taken:
        registry.register(name, method)


# Transactions


@pytest.mark.parametrize("is_atomic", [True, False])
def test_atomic_requests_are_told(monkeypatch: pytest.MonkeyPatch, is_atomic: bool) -> None:
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", is_atomic)
    assert ids() == (["W038"] if is_atomic else [])


# Settings that are wrong already


@pytest.mark.parametrize("keys", [{"MIDDLEWARE": "a"}, {"STORES": 5}, {"TRUSTED_PROXIES": ["*"]}])
def test_settings_that_are_wrong_are_left_to_their_errors(toto: Toto, keys: Keys) -> None:
    toto(**keys)
    assert ids() == []


@pytest.mark.parametrize("alias", ["missing", "broken"])
def test_cache_of_the_nonces_that_cannot_be_made_is_left_to_its_error(
    toto: Toto, settings: Any, alias: str
) -> None:
    settings.CACHES = {**settings.CACHES, "broken": {"BACKEND": "no.such.Cache"}}
    toto(HMAC="v2", NONCE_CACHE=alias)
    assert ids() == []
    assert [message.id for message in checks.check_nonce_cache(None)] == ["toto_django.E009"]


# Not warned of


@pytest.mark.parametrize(
    "cache",
    [redis(IGNORE_EXCEPTIONS=True), {**MEMCACHED, "OPTIONS": {"ignore_exc": True}}],
    ids=["redis", "memcached"],
)
def test_cache_that_hides_its_failures_opens_nothing(toto: Toto, settings: Any, cache: Keys) -> None:
    """IGNORE_EXCEPTIONS is no risk for throttles and nonces: they ask the server itself, or are told no."""
    settings.CACHES = {**settings.CACHES, "other": cache}
    toto(THROTTLE_CACHE="other", NONCE_CACHE="other")
    with pytest.raises((Unavailable, TypeError)):
        current_buckets().charge("somebody", parsed_rate("1/h"))
    assert not claimed()


def claimed() -> bool:
    try:
        return nonce_buckets().claim("nonce", 10)
    except Unavailable:
        return False


# All of them


def test_every_risk_in_the_source_is_provoked_here() -> None:
    folder = Path(str(checks.__file__)).parent
    files = ("cookies", "deployment", "passwords", "signing", "store_risks", "throttles", "transport")
    source = "".join((folder / f"{name}.py").read_text() for name in files)
    elsewhere = {"W038", "W041", "W042"}
    assert set(re.findall(r'"toto_django\.(W\d{3})"', source)) == RISKS.keys() | elsewhere
