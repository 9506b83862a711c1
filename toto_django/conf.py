"""The settings of the app: one attribute of `Settings` for each key of ``settings.TOTO``.

A key is looked up in ``settings.TOTO`` whenever it is read, so ``override_settings``
always works. `Setting` carries what a reader, the system checks and the docs need.
"""

import ipaddress
import math
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, overload

from django.conf import settings as django_settings

from toto_django.rates import parsed_rate

__all__ = ["MAX_USER_ID", "Setting", "Settings", "settings"]

T = TypeVar("T")

DAY = 24 * 60 * 60
MEBIBYTE = 1024 * 1024
MAX_USER_ID = 191
"""Characters of a user id in its normal form (docs/protocol.md 8.1)."""


_looked_up = object.__getattribute__(django_settings, "__dict__")
"""What Django's settings remember of earlier look-ups, and forget when they change: a look-up costs more
than many a method."""


class Setting(Generic[T]):
    """One key: its default, what it must be (in words and as a predicate) and its check's id."""

    name: str

    def __init__(self, default: T, expects: str, valid: Callable[[Any], bool], check_id: str) -> None:
        self.default = default
        self.expects = expects
        self.valid = valid
        self.check_id = f"toto_django.{check_id}"

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "Setting[T]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Any:
        if instance is None:
            return self
        try:
            return _looked_up["TOTO"].get(self.name, self.default)
        except (KeyError, AttributeError):
            given = getattr(django_settings, "TOTO", None)
            return given.get(self.name, self.default) if isinstance(given, dict) else self.default


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_positive_int(value: Any) -> bool:
    return isinstance(value, int) and _is_positive(value)


def _is_not_negative(value: Any) -> bool:
    return _is_number(value) and value >= 0


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(_is_text(item) for item in value)


def _is_hook(value: Any) -> bool:
    return value is None or callable(value) or _is_text(value)


def _are_stores(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(
            isinstance(store, Mapping)
            and _is_text(store.get("BACKEND"))
            and isinstance(store.get("OPTIONS", {}), Mapping)
            and store.keys() <= {"BACKEND", "OPTIONS"}
            for store in value.values()
        )
    )


def _are_codecs(value: Any) -> bool:
    names = {"json", "bson", "msgpack"}
    if isinstance(value, dict):
        return bool(value) and value.keys() <= names and all(isinstance(v, Mapping) for v in value.values())
    return isinstance(value, list | tuple) and bool(value) and set(value) <= names


def _are_rates(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        _is_text(name) and (rate is None or _is_rate(rate)) for name, rate in value.items()
    )


def _is_rate(value: Any) -> bool:
    try:
        return _is_text(value) and parsed_rate(value) is not None
    except ValueError:
        return False


def _are_proxies(value: Any) -> bool:
    return _is_text_list(value) and all(item == "unix" or _is_network(item) for item in value)


def _is_network(value: str) -> bool:
    try:
        return ipaddress.ip_network(value) is not None
    except ValueError:
        return False


_SECONDS = "a number of seconds above 0"
_RENEWAL = "a number of seconds, 0 for the session's time to live"
_COUNT = "a whole number above 0"
_HOOK = "None, a callable or its dotted path"
_ALIAS = "an alias of TOTO['STORES']"


class Settings:
    """All keys of ``settings.TOTO``; docs/settings.md explains each."""

    METHOD_MODULES = Setting[list[str]](
        [], "a list of dotted paths of packages with Toto-style method modules", _is_text_list, "E101"
    )
    METHOD_SELECT = Setting(
        "both", "'both', 'url' or 'parameter'", {"both", "url", "parameter"}.__contains__, "E102"
    )
    BUILTIN_METHODS = Setting(True, "True or False", _is_bool, "E103")
    NONE_RESULT = Setting("empty", "'empty' or 'null'", {"empty", "null"}.__contains__, "E104")
    EXPOSE_ERRORS = Setting[bool | None](
        None, "True, False or None (as DEBUG)", lambda value: value is None or _is_bool(value), "E105"
    )
    CODECS = Setting[Any](
        ["json", "bson", "msgpack"],
        "a list of 'json', 'bson' and 'msgpack', or a dict from such names to options",
        _are_codecs,
        "E106",
    )
    MAX_BODY = Setting(10 * MEBIBYTE, "a number of bytes above 0", _is_positive_int, "E107")
    MAX_BATCH = Setting(100, _COUNT, _is_positive_int, "E108")
    MAX_DEPTH = Setting(128, _COUNT, _is_positive_int, "E109")
    MAX_CONTAINERS = Setting(500_000, _COUNT, _is_positive_int, "E178")
    MAX_STATE = Setting(4 * MEBIBYTE, "a number of bytes above 0", _is_positive_int, "E110")
    MAX_PROPERTIES = Setting(64 * 1024, "a number of bytes above 0", _is_positive_int, "E112")
    MAX_HEADERS = Setting(64 * 1024, "a number of bytes above 0", _is_positive_int, "E171")
    BODY_TIMEOUT = Setting[float](60, _SECONDS, _is_positive, "E172")
    MAX_SESSION_WAITERS = Setting(100, _COUNT, _is_positive_int, "E173")
    MAX_ADDRESS_WAITERS = Setting(1000, _COUNT, _is_positive_int, "E174")
    MAX_SESSION_SOCKETS = Setting(20, _COUNT, _is_positive_int, "E175")
    MAX_ADDRESS_SOCKETS = Setting(1000, _COUNT, _is_positive_int, "E176")
    SOCKET_QUEUE = Setting(1000, _COUNT, _is_positive_int, "E177")
    THREADS = Setting(8, _COUNT, _is_positive_int, "E111")
    SLOW_CALL = Setting[float | None](
        None,
        "a number of seconds above 0, or None",
        lambda value: value is None or _is_positive(value),
        "E181",
    )

    MIDDLEWARE = Setting[list[str] | None](
        None,
        "a list of dotted paths of middleware, or None for the project's",
        lambda value: value is None or _is_text_list(value),
        "E120",
    )
    DESCRIPTION = Setting[Any](
        None,
        "'public', 'staff', 'off', None ('public' under DEBUG, else 'off'), or a callable or its dotted path",
        lambda value: value is None or callable(value) or _is_text(value),
        "E127",
    )
    DESCRIPTION_INFO = Setting[Mapping[str, Any]](
        {}, "a dict of members of OpenRPC's info", lambda value: isinstance(value, Mapping), "E128"
    )
    METHOD_TIMEOUT = Setting[float | None](
        None,
        "a number of seconds above 0, or None",
        lambda value: value is None or _is_positive(value),
        "E113",
    )
    CHANNEL_LAYER = Setting("default", "an alias of CHANNEL_LAYERS", _is_text, "E114")
    EVENT_TIMEOUT = Setting[float](5, _SECONDS, _is_positive, "E115")
    EVENT_INIT_MODULES = Setting[list[str]](
        [], "a list of dotted paths of modules with invoke(event_manager)", _is_text_list, "E116"
    )
    SOCKET_CALLS = Setting(16, _COUNT, _is_positive_int, "E117")
    SOCKET_OPENED_METHOD = Setting[str | None](
        None, "a method's name or None", lambda value: value is None or _is_text(value), "E118"
    )
    SOCKET_CLOSED_METHOD = Setting[str | None](
        None, "a method's name or None", lambda value: value is None or _is_text(value), "E119"
    )

    STORES = Setting[Mapping[str, Mapping[str, Any]]](
        {"default": {"BACKEND": "toto_django.stores.database.DatabaseStore"}},
        "a dict from aliases to {'BACKEND': dotted path, 'OPTIONS': dict}",
        _are_stores,
        "E121",
    )
    ACCOUNTS = Setting("default", _ALIAS, _is_text, "E122")
    SESSIONS = Setting("default", _ALIAS, _is_text, "E123")
    ACCOUNT_MODEL = Setting("toto_django.Account", "a model as 'app_label.Model'", _is_text, "E124")
    ACCOUNT_FIELDS = Setting[list[str]](
        [], "a list of fields of the account model that properties may read and write", _is_text_list, "E125"
    )
    STATE_SERIALIZER = Setting(
        "msgpack", "'msgpack', 'json' or 'pickle'", {"msgpack", "json", "pickle"}.__contains__, "E126"
    )

    SESSION_TTL = Setting[float](365 * DAY, _SECONDS, _is_positive, "E131")
    ANON_SESSION_TTL = Setting[float](DAY, _SECONDS, _is_positive, "E132")
    SESSION_RENEW = Setting[float](0, _RENEWAL, _is_not_negative, "E133")
    ANON_SESSION_RENEW = Setting[float](0, _RENEWAL, _is_not_negative, "E134")
    SESSION_RENEW_INTERVAL = Setting[float | None](
        None,
        "a number of seconds, or None for 1 % of the time to live and at most an hour",
        lambda value: value is None or _is_not_negative(value),
        "E135",
    )

    HMAC = Setting[str | None](
        "user_id",
        "'user_id', 'session_key', 'v2' or None",
        ("user_id", "session_key", "v2", None).__contains__,
        "E141",
    )
    HMAC_UPGRADE = Setting(False, "True or False", _is_bool, "E146")
    HMAC_WINDOW = Setting[float](300, _SECONDS, _is_positive, "E147")
    NONCE_CACHE = Setting("default", "an alias of CACHES", _is_text, "E148")
    HMAC_REQUIRED = Setting(True, "True or False", _is_bool, "E142")
    HMAC_LEGACY_BYTES = Setting(True, "True or False", _is_bool, "E143")
    HMAC_VERIFY = Setting[Any](None, _HOOK, _is_hook, "E144")
    HMAC_SIGN = Setting[Any](None, _HOOK, _is_hook, "E145")

    USE_COOKIES = Setting(False, "True or False", _is_bool, "E151")
    SECURE_COOKIES = Setting(True, "True or False", _is_bool, "E152")
    COOKIE_DOMAIN = Setting[str | None](
        None, "a domain or None", lambda value: value is None or _is_text(value), "E153"
    )
    COOKIE_GUARD = Setting(True, "True or False", _is_bool, "E155")
    ALLOW_ORIGIN = Setting[str | list[str]](
        "*",
        "'*', an origin or a list of origins",
        lambda value: _is_text(value) or _is_text_list(value),
        "E154",
    )

    THROTTLES = Setting[Mapping[str, str | None]](
        {"login": "10/10min", "login.address": "100/10min", "login.account": "100/h", "create": "300/h"},
        "a dict from names to rates, as '5/min', or None",
        _are_rates,
        "E161",
    )
    THROTTLE_CACHE = Setting("default", "an alias of CACHES", _is_text, "E162")
    THROTTLE_FAIL_OPEN = Setting(False, "True or False", _is_bool, "E163")
    TRUSTED_PROXIES = Setting[list[str]](
        [], "a list of addresses and networks, and 'unix' for sockets without", _are_proxies, "E164"
    )

    @property
    def throttles(self) -> Mapping[str, str | None]:
        """THROTTLES, with the defaults of the names that it does not have."""
        return {**Settings.THROTTLES.default, **self.THROTTLES}

    @property
    def expose_errors(self) -> bool:
        """EXPOSE_ERRORS, with its default."""
        exposed = self.EXPOSE_ERRORS
        return django_settings.DEBUG if exposed is None else exposed

    @classmethod
    def all(cls) -> list[Setting[Any]]:
        """Every key, in the order of this file."""
        return [value for value in vars(cls).values() if isinstance(value, Setting)]

    @classmethod
    def invalid(cls) -> list[Setting[Any]]:
        """The keys whose values they cannot have."""
        return [setting for setting in cls.all() if not _is_valid(setting)]


def _is_valid(setting: Setting[Any]) -> bool:
    try:
        return bool(setting.valid(setting.__get__(settings, Settings)))
    except TypeError:
        return False


settings = Settings()
