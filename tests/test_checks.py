"""System checks: each id is provoked by its trap and silent without it."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, Warning, run_checks
from django.db import OperationalError, connection
from redis import Redis

from tests.servers.redis import RedisServer
from toto_django import checks, receivers
from toto_django.conf import Setting, Settings
from toto_django.middleware import TotoMiddleware
from toto_django.registry import MethodRegistry, Problem, registry
from toto_django.stores import get_store
from toto_django.stores.memory import MemoryStore
from toto_django.throttling import throttle

Toto = Callable[..., None]

MIDDLEWARE = "toto_django.middleware.TotoMiddleware"
GZIP = "django.middleware.gzip.GZipMiddleware"
MEMORY = {"default": {"BACKEND": "toto_django.stores.memory.MemoryStore"}}
DATABASE = "toto_django.stores.database.DatabaseStore"
SIGNED = "toto_django.stores.signed.SignedStore"
SQLITE = "django.db.backends.sqlite3"
ROOT = Path(__file__).resolve().parent.parent

NOT_NUMBERS: list[Any] = ["1", None, True, [], float("nan"), float("inf")]
BAD_VALUES: dict[str, list[Any]] = {
    "METHOD_MODULES": ["methods", 5, None, [5], [""]],
    "METHOD_SELECT": ["URL", None, ["url"]],
    "BUILTIN_METHODS": [None, 1, "no"],
    "NONE_RESULT": [None, "none", []],
    "EXPOSE_ERRORS": [0, "yes"],
    "CODECS": [None, [], {}, "json", ["json", "xml"], {"json": None}, {"xml": {}}, [["json"]]],
    "MAX_BODY": [*NOT_NUMBERS, 0, -1, 1.5],
    "MAX_BATCH": [*NOT_NUMBERS, 0, -1, 1.5],
    "MAX_DEPTH": [*NOT_NUMBERS, 0, -1, 1.5],
    "MAX_PROPERTIES": [*NOT_NUMBERS, 0, -1, 1.5],
    "MAX_STATE": [*NOT_NUMBERS, 0, -1, 1.5],
    "MAX_HEADERS": [*NOT_NUMBERS, 0, -1, 1.5],
    "BODY_TIMEOUT": [*NOT_NUMBERS, 0, -1],
    "MAX_SESSION_WAITERS": [*NOT_NUMBERS, 0, -1, 1.5],
    "MAX_ADDRESS_WAITERS": [*NOT_NUMBERS, 0, -1, 1.5],
    "MAX_SESSION_SOCKETS": [*NOT_NUMBERS, 0, -1, 1.5],
    "MAX_ADDRESS_SOCKETS": [*NOT_NUMBERS, 0, -1, 1.5],
    "SOCKET_QUEUE": [*NOT_NUMBERS, 0, -1, 1.5],
    "MAX_CONTAINERS": [*NOT_NUMBERS, 0, -1, 1.5],
    "SLOW_CALL": ["1", True, [], float("nan"), float("inf"), 0, -1],
    "THREADS": [*NOT_NUMBERS, 0, -1, 1.5],
    "MIDDLEWARE": ["a", [1], [""], True],
    "DESCRIPTION": ["", 5, [], True],
    "DESCRIPTION_INFO": [None, "title", []],
    "METHOD_TIMEOUT": ["1", True, [], float("nan"), float("inf"), 0, -1],
    "CHANNEL_LAYER": [None, "", 5, ["default"]],
    "EVENT_TIMEOUT": [*NOT_NUMBERS, 0, -1],
    "EVENT_INIT_MODULES": ["events", 5, None, [5], [""]],
    "SOCKET_CALLS": [*NOT_NUMBERS, 0, -1, 1.5],
    "SOCKET_OPENED_METHOD": ["", 5, [], print],
    "SOCKET_CLOSED_METHOD": ["", 5, [], print],
    "STORES": [
        *(None, 5, {}, [], "default"),
        *({"default": store} for store in (None, {}, {"BACKEND": ""})),
        {"default": {"BACKEND": DATABASE, "OPTIONS": []}},
        {"default": {"BACKEND": DATABASE, "NAME": "x"}},
    ],
    "ACCOUNTS": [None, "", 5, ["default"]],
    "SESSIONS": [None, "", 5, ["default"]],
    "ACCOUNT_MODEL": [None, "", 5],
    "ACCOUNT_FIELDS": ["name", None, 5, [5]],
    "STATE_SERIALIZER": [None, "yaml", []],
    "SESSION_TTL": [*NOT_NUMBERS, 0, -1],
    "ANON_SESSION_TTL": [*NOT_NUMBERS, 0, -1],
    "SESSION_RENEW": [*NOT_NUMBERS, -1],
    "ANON_SESSION_RENEW": [*NOT_NUMBERS, -1],
    "SESSION_RENEW_INTERVAL": ["1", True, [], float("nan"), float("inf"), -1],
    "HMAC": ["", "sha1", "V2", True, []],
    "HMAC_UPGRADE": [None, 1, "v2"],
    "HMAC_WINDOW": [*NOT_NUMBERS, 0, -1],
    "NONCE_CACHE": [None, "", 5],
    "HMAC_REQUIRED": [None, 1, "no"],
    "HMAC_LEGACY_BYTES": [None, 1, "no"],
    "HMAC_VERIFY": [5, "", []],
    "HMAC_SIGN": [5, "", []],
    "USE_COOKIES": [None, 1, "no"],
    "SECURE_COOKIES": [None, 1, "no"],
    "COOKIE_GUARD": [None, 1, "no"],
    "COOKIE_DOMAIN": ["", 5],
    "ALLOW_ORIGIN": [None, "", 5, [5], [None]],
    "THROTTLES": [None, [], {"a": 5}, {"": "5/min"}, {"a": "5"}, {"a": "0/s"}, {"a": "5/week"}],
    "THROTTLE_CACHE": [None, "", 5],
    "THROTTLE_FAIL_OPEN": [None, 1, "no"],
    "TRUSTED_PROXIES": [None, "10.0.0.1", [5], ["proxy"], ["10.0.0.1/8"], ["*"]],
}
GOOD_VALUES: dict[str, list[Any]] = {
    "METHOD_MODULES": [[], ("tests.service.tree",)],
    "CODECS": [["json"], ("bson",), {"msgpack": {"use_bin_type": False}}],
    "MIDDLEWARE": [None, [], ["toto_django.middleware.TotoMiddleware"]],
    "METHOD_TIMEOUT": [None, 0.5, 60],
    "DESCRIPTION": [None, "public", "staff", "off", "some.hook", print],
    "DESCRIPTION_INFO": [{"title": "Notes"}],
    "CHANNEL_LAYER": ["other"],
    "EVENT_INIT_MODULES": [[], ("tests.service.events",)],
    "SOCKET_OPENED_METHOD": [None, "socket.opened"],
    "SOCKET_CLOSED_METHOD": [None, "socket.closed"],
    "STORES": [MEMORY, {"default": {"BACKEND": DATABASE, "OPTIONS": {}}, "other": MEMORY["default"]}],
    "SESSION_RENEW": [0, 0.5],
    "SESSION_RENEW_INTERVAL": [None, 0, 60],
    "HMAC": [None, "session_key", "v2"],
    "HMAC_WINDOW": [0.5, 3600],
    "SLOW_CALL": [None, 0.5, 60],
    "HMAC_VERIFY": [None, "tests.service.signing.verify", print],
    "HMAC_SIGN": [None, "tests.service.signing.sign", print],
    "COOKIE_DOMAIN": [None, "example.test"],
    "ALLOW_ORIGIN": ["*", "https://a.test", ["https://a.test"], []],
    "THROTTLES": [{}, {"a": "5/min", "login": None, "b": "100/10min"}],
    "TRUSTED_PROXIES": [[], ("10.0.0.0/8", "::1", "unix")],
}


def ids(messages: list[CheckMessage]) -> set[str]:
    return {str(message.id).removeprefix("toto_django.") for message in messages}


def found() -> set[str]:
    """The ids of everything ``manage.py check`` says about the app."""
    return ids(run_checks(tags=["toto_django"]))


def test_configuration_of_the_tests_is_silent() -> None:
    assert found() == set()


# Settings


def test_every_setting_has_a_bad_value_here() -> None:
    assert {setting.name for setting in Settings.all()} == BAD_VALUES.keys()


@pytest.mark.parametrize(
    ("setting", "value"),
    [(setting, value) for setting in Settings.all() for value in BAD_VALUES.get(setting.name, [])],
    ids=lambda value: value.name if isinstance(value, Setting) else repr(value),
)
def test_bad_value_is_an_error_and_no_crash(setting: Setting[Any], value: Any, toto: Toto) -> None:
    toto(**{setting.name: value})
    [message] = [message for message in checks.check_settings(None) if message.id == setting.check_id]
    assert message.msg == f"TOTO['{setting.name}'] must be {setting.expects}."
    assert setting.check_id.removeprefix("toto_django.") in found()
    checks.check_deployment(None)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        (setting, value)
        for setting in Settings.all()
        for value in [setting.default, *GOOD_VALUES.get(setting.name, [])]
    ],
    ids=lambda value: value.name if isinstance(value, Setting) else repr(value)[:40],
)
def test_good_value_is_silent(setting: Setting[Any], value: Any, toto: Toto) -> None:
    toto(**{setting.name: value})
    assert ids(checks.check_settings(None)) == set()


@pytest.mark.parametrize("name", ["METHOD_MODULES", "STORES", "ACCOUNTS", "ACCOUNT_MODEL"])
def test_bad_value_does_not_stop_the_start(name: str, toto: Toto) -> None:
    for value in BAD_VALUES[name]:
        toto(**{name: value})
        MethodRegistry().discover()
        receivers.connect_all()


def test_unknown_key_is_an_error_with_a_hint(toto: Toto) -> None:
    toto(max_bodi=5, zzz=1)
    messages = {message.msg: message.hint for message in run_checks(tags=["toto_django"])}
    assert messages == {
        "TOTO has no key 'max_bodi'.": "Did you mean 'MAX_BODY'?",
        "TOTO has no key 'zzz'.": None,
    }
    assert found() == {"E001"}


@pytest.mark.parametrize("value", [None, [], "x", 5])
def test_toto_that_is_no_dict_is_an_error_and_no_crash(settings: Any, value: Any) -> None:
    settings.TOTO = value
    assert "E002" in found()
    MethodRegistry().discover()
    receivers.connect_all()


# Hooks and stores


@pytest.mark.parametrize("name", ["HMAC_VERIFY", "HMAC_SIGN"])
@pytest.mark.parametrize("path", ["no.such.module", "tests.service.signing.nothing", "nodots"])
def test_hook_that_cannot_be_imported_is_an_error(toto: Toto, name: str, path: str) -> None:
    toto(**{name: path})
    assert found() == {"E003"}


@pytest.mark.parametrize(
    "keys",
    [
        {"ACCOUNTS": "other"},
        {"SESSIONS": "other"},
        {"STORES": {"default": {"BACKEND": "no.such.Store"}}},
        {"STORES": {"default": {"BACKEND": "toto_django.stores.ids.new_session_id"}}},
    ],
    ids=["accounts", "sessions", "no class", "another class"],
)
def test_store_that_cannot_be_made_is_an_error(toto: Toto, keys: dict[str, Any]) -> None:
    toto(**keys)
    assert found() == {"E004"}


@pytest.mark.parametrize("model", ["nothing", "no.Model", "toto_django.Session", "a.b.c"])
def test_account_model_that_is_none_is_an_error(toto: Toto, model: str) -> None:
    toto(ACCOUNT_MODEL=model)
    assert found() == {"E005"}


def test_account_model_does_not_matter_where_accounts_are_elsewhere(toto: Toto) -> None:
    toto(ACCOUNT_MODEL="no.Model", STORES=MEMORY)
    assert found() == set()


@pytest.mark.parametrize(
    "field", ["nothing", "is_superuser", "password", "is_active", "username", "id", "groups"]
)
def test_account_field_that_clients_may_not_write_is_an_error(toto: Toto, field: str) -> None:
    toto(ACCOUNT_MODEL="auth.User", ACCOUNT_FIELDS=[field])
    assert found() == {"E006"}


def test_account_fields_of_the_model_are_silent(toto: Toto) -> None:
    toto(ACCOUNT_MODEL="auth.User", ACCOUNT_FIELDS=["first_name", "email"])
    assert found() == set()


class SessionsOnly(MemoryStore):
    """Cannot be TOTO["ACCOUNTS"]."""

    keeps_accounts = False


class ComplainingStore(MemoryStore):
    """Its configuration and its server are both wrong."""

    def check(self) -> list[CheckMessage]:
        return [Warning("configuration", id="project.W001")]

    def check_server(self) -> list[CheckMessage]:
        return [Warning("server", id="project.W002")]


class BrokenStore(MemoryStore):
    """Fails as no store should."""

    def ping(self) -> None:
        raise ZeroDivisionError("nobody expected this")


def here(store: type) -> dict[str, str]:
    return {"BACKEND": f"{__name__}.{store.__name__}"}


def test_store_that_keeps_no_accounts_is_an_error_as_accounts_only(toto: Toto) -> None:
    stores = {"default": MEMORY["default"], "sessions": here(SessionsOnly)}
    toto(STORES=stores, SESSIONS="sessions")
    assert found() == set()
    toto(STORES=stores, ACCOUNTS="sessions")
    assert found() == {"E007"}


def test_stores_speak_for_themselves_once_each_and_only_if_used(toto: Toto) -> None:
    stores = {"default": MEMORY["default"], "other": here(ComplainingStore)}
    toto(STORES=stores)
    assert found() == set()
    toto(STORES=stores, SESSIONS="other", ACCOUNTS="other")
    messages = [
        message for message in run_checks(tags=["toto_django"]) if str(message.id).startswith("project")
    ]
    assert sorted(str(message.id) for message in messages) == ["project.W001", "project.W002"]


def test_account_model_is_checked_beside_the_warnings_of_stores(toto: Toto) -> None:
    stores = {"default": {"BACKEND": DATABASE}, "other": here(ComplainingStore)}
    toto(STORES=stores, SESSIONS="other", ACCOUNT_MODEL="no.Model")
    assert "E005" in found()


# Servers of stores


def redis_store(toto: Toto, settings: Any, url: str, **options: Any) -> None:
    cache = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": url, "OPTIONS": options}
    settings.CACHES = {**settings.CACHES, "redis": cache}
    store = {"BACKEND": "toto_django.stores.redis.RedisStore", "OPTIONS": {"CACHE": "redis"}}
    toto(STORES={"default": store})


def mongodb_store(toto: Toto, url: str, database: str) -> None:
    options = {"HOST": url, "DATABASE": database}
    store = {"BACKEND": "toto_django.stores.mongodb.MongoDBStore", "OPTIONS": options}
    toto(STORES={"default": store})


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    if not RedisServer.is_available():
        pytest.skip(RedisServer.reason())
    with RedisServer() as server:
        yield server


@pytest.mark.service
def test_redis_store_of_sound_settings_is_silent(toto: Toto, settings: Any, redis: RedisServer) -> None:
    redis_store(toto, settings, redis.url, SOCKET_TIMEOUT=5)
    assert found() == set()


@pytest.mark.service
def test_server_that_does_not_answer_is_a_warning(toto: Toto, settings: Any, redis: RedisServer) -> None:
    redis_store(toto, settings, redis.url, SOCKET_TIMEOUT=5)
    redis.stop()
    [message] = checks.check_store_servers(None)
    assert message.id == "toto_django.W031"
    assert str(redis.port) in message.msg
    assert not message.is_serious()


@pytest.mark.service
def test_server_that_says_nothing_is_waited_for_a_moment(
    toto: Toto, settings: Any, redis: RedisServer
) -> None:
    redis_store(toto, settings, redis.url, SOCKET_TIMEOUT=20)
    redis.pause()
    try:
        began = time.monotonic()
        assert ids(checks.check_store_servers(None)) == {"W031"}
        assert time.monotonic() - began < 2.5
    finally:
        redis.resume()


def test_check_of_a_server_never_raises(toto: Toto) -> None:
    toto(STORES={"default": here(BrokenStore)})
    [message] = checks.check_store_servers(None)
    assert (message.id, "nobody expected this" in message.msg) == ("toto_django.W031", True)


@pytest.mark.service
def test_redis_that_may_evict_is_a_warning(toto: Toto, settings: Any, redis: RedisServer) -> None:
    redis_store(toto, settings, redis.url, SOCKET_TIMEOUT=5)
    with Redis.from_url(redis.url) as client:
        client.config_set("maxmemory", "100mb")
        assert found() == set()
        client.config_set("maxmemory-policy", "allkeys-lru")
        assert found() == {"W033"}


@pytest.mark.service
@pytest.mark.parametrize("options", [{"SOCKET_TIMEOUT": None}, {"SOCKET_TIMEOUT": 60}], ids=repr)
def test_redis_that_may_be_waited_for_without_end_is_a_warning(
    toto: Toto, settings: Any, redis: RedisServer, options: dict[str, Any]
) -> None:
    redis_store(
        toto, settings, redis.url, CONNECTION_POOL_KWARGS={"socket_timeout": options["SOCKET_TIMEOUT"]}
    )
    assert found() == {"W034"}


def test_redis_that_decodes_is_an_error(toto: Toto, settings: Any) -> None:
    # A URL of its own: django-redis keeps one pool for each, with the options that came first.
    redis_store(toto, settings, "redis://127.0.0.1:2", CONNECTION_POOL_KWARGS={"decode_responses": True})
    assert "E021" in ids(checks.check_stores(None))


def test_cache_that_does_not_exist_is_an_error(toto: Toto, settings: Any) -> None:
    signed = {"BACKEND": SIGNED, "OPTIONS": {"REVOCATION_CACHE": "redis"}}
    toto(STORES={"default": MEMORY["default"], "signed": signed}, SESSIONS="signed")
    assert ids(checks.check_stores(None)) == set()
    signed["OPTIONS"] = {"REVOCATION_CACHE": "nothing"}
    toto(STORES={"default": MEMORY["default"], "signed": signed}, SESSIONS="signed")
    assert "E021" in ids(checks.check_stores(None))


@pytest.mark.parametrize(
    "cache",
    [
        {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
        {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
        {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": "redis://127.0.0.1:2",
            "OPTIONS": {"IGNORE_EXCEPTIONS": True},
        },
    ],
)
def test_forgetful_revocation_list_is_a_warning(toto: Toto, settings: Any, cache: dict[str, Any]) -> None:
    settings.CACHES = {**settings.CACHES, "revoked": cache}
    signed = {"BACKEND": SIGNED, "OPTIONS": {"REVOCATION_CACHE": "revoked"}}
    toto(STORES={"default": MEMORY["default"], "signed": signed}, SESSIONS="signed")
    assert ids(checks.check_stores(None)) == {"W036"}


@pytest.mark.service
def test_mongodb_without_its_indexes_is_a_warning(toto: Toto, mongodb_url: str, isolation: str) -> None:
    mongodb_store(toto, mongodb_url, f"{isolation}_checks")
    store = get_store("default")
    try:
        assert found() == {"W032"}
        store.prepare()
        assert found() == set()
    finally:
        store.client.client.close()  # type: ignore[attr-defined]


def test_option_that_a_store_does_not_have_is_an_error(toto: Toto) -> None:
    store = {"BACKEND": "toto_django.stores.mongodb.MongoDBStore", "OPTIONS": {"URL": "mongodb://x"}}
    toto(STORES={"default": store})
    assert found() == {"E004"}


@pytest.mark.django_db
def test_database_is_asked_when_django_asks_for_it(toto: Toto, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def note(execute: Any, sql: str, *args: Any) -> Any:
        asked.append(sql)
        return execute(sql, *args)

    with connection.execute_wrapper(note):
        assert checks.check_store_databases(None) == []
        assert checks.check_store_databases(None, databases=["other"]) == []
        run_checks()
        assert [sql for sql in asked if "SELECT 1" in sql] == []
        assert checks.check_store_databases(None, databases=["default"]) == []
        assert len(asked) == 1


@pytest.mark.django_db
def test_database_that_does_not_answer_is_a_warning(toto: Toto) -> None:
    def fail(*args: Any) -> Any:
        raise OperationalError("gone away")

    with connection.execute_wrapper(fail):
        [message] = checks.check_store_databases(None, databases=["default"])
    assert (message.id, "gone away" in message.msg) == ("toto_django.W031", True)


def test_store_in_a_database_that_is_not_configured_is_no_crash(toto: Toto) -> None:
    toto(STORES={"default": {"BACKEND": DATABASE, "OPTIONS": {"DATABASE": "nowhere"}}})
    assert checks.check_store_databases(None, databases=["default"]) == []
    assert checks.check_store_servers(None) == []


@pytest.mark.parametrize(
    ("command", "is_asked"),
    [(["check"], False), (["check", "--database", "gone"], True), (["migrate", "--plan"], False)],
    ids=["check", "check of the database", "migration of another"],
)
def test_commands_ask_the_database_as_django_does(command: list[str], is_asked: bool, tmp_path: Path) -> None:
    done = manage(tmp_path, *command, DATABASES={"gone": {"ENGINE": SQLITE, "NAME": "/no/folder/x.sqlite3"}})
    assert ("toto_django.W031" in done.stderr) is is_asked, done.stderr


@pytest.mark.parametrize(
    "store",
    [
        {"BACKEND": "toto_django.stores.mongodb.MongoDBStore", "OPTIONS": {"HOST": "mongodb://127.0.0.1:1"}},
        {"BACKEND": "toto_django.stores.redis.RedisStore", "OPTIONS": {"CACHE": "redis"}},
    ],
    ids=["mongodb", "redis"],
)
def test_build_without_servers_gets_a_warning_and_goes_on(store: dict[str, Any], tmp_path: Path) -> None:
    """Two seconds are waited for the server, not the drivers' half minute."""
    began = time.monotonic()
    assert manage(tmp_path, "check", STORES={"default": {"BACKEND": DATABASE}}).returncode == 0
    without = time.monotonic() - began
    began = time.monotonic()
    done = manage(tmp_path, "check", STORES={"default": store})
    assert done.returncode == 0, done.stderr
    assert "toto_django.W031" in done.stderr
    assert time.monotonic() - began < without + 15


def manage(
    folder: Path, *arguments: str, STORES: Any = None, DATABASES: Any = None
) -> subprocess.CompletedProcess[str]:
    """``manage.py`` of a project with these settings."""
    extra = (
        {}
        if DATABASES is None
        else {"STORES": {"default": {"BACKEND": DATABASE, "OPTIONS": {"DATABASE": "gone"}}}}
    )
    toto = {**extra, **({} if STORES is None else {"STORES": STORES})}
    (folder / "settings.py").write_text(
        f"from tests.service.settings import *\nTOTO = {toto!r}\nDATABASES |= {DATABASES or {}!r}\n"
        'CACHES["redis"]["LOCATION"] = "redis://127.0.0.1:1"\n'
    )
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}", "DJANGO_SETTINGS_MODULE": "settings"}
    # Django's own check of MySQL asks its server.
    environment["TOTO_TEST_DATABASE"] = "sqlite"
    command = [sys.executable, "-m", "django", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


PAGE = (ROOT / "docs" / "stores.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)


@pytest.mark.parametrize("example", EXAMPLES, ids=[str(number) for number in range(len(EXAMPLES))])
def test_settings_on_the_page_of_stores_are_silent(toto: Toto, settings: Any, example: str) -> None:
    given: dict[str, Any] = {}
    exec(example, given)
    settings.CACHES = given.get("CACHES", settings.CACHES)
    toto(**given.get("TOTO", {}))
    assert ids(checks.check_settings(None) + checks.check_stores(None)) == set()


# Methods


@pytest.fixture
def problems() -> Iterator[list[Problem]]:
    before = list(registry.problems)
    yield registry.problems
    registry.problems[:] = before


@pytest.mark.parametrize(("kind", "check_id"), [("duplicate", "E011"), ("import", "E012"), ("name", "E013")])
def test_problem_of_the_registry_is_an_error(problems: list[Problem], kind: str, check_id: str) -> None:
    problems.append(Problem(kind, "here", "this"))
    [message] = run_checks(tags=["toto_django"])
    assert (message.id, message.msg) == (f"toto_django.{check_id}", "here: this")


# Middleware


@pytest.mark.parametrize(
    ("middleware", "expected"),
    [
        ([], {"W001"}),
        ([GZIP], {"W001"}),
        ([MIDDLEWARE, GZIP], {"W002"}),
        ([GZIP, MIDDLEWARE], set()),
        ([MIDDLEWARE], set()),
    ],
    ids=["none", "another", "above gzip", "below gzip", "alone"],
)
def test_place_of_the_middleware(settings: Any, middleware: list[str], expected: set[str]) -> None:
    settings.MIDDLEWARE = middleware
    assert found() == expected
    assert TotoMiddleware.sync_capable
    assert TotoMiddleware.async_capable


def test_parameters_whose_types_are_unknown_are_an_error(register: Any) -> None:
    def function(handler: Any, a: "Unknown") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    register("some.method", function)
    assert found() == {"E014"}


# Throttles


@pytest.mark.parametrize("cache", ["missing", "broken"])
def test_cache_of_the_throttles_that_cannot_be_made_is_an_error(
    toto: Toto, settings: Any, cache: str
) -> None:
    settings.CACHES = {**settings.CACHES, "broken": {"BACKEND": "no.such.Cache"}}
    toto(THROTTLE_CACHE=cache)
    assert found() == {"E008"}
    assert checks.check_throttle_deployment(None) == []


@pytest.mark.parametrize("cache", ["missing", "broken"])
@pytest.mark.parametrize("keys", [{"HMAC": "v2"}, {"HMAC": "user_id", "HMAC_UPGRADE": True}], ids=repr)
def test_cache_of_the_nonces_that_cannot_be_made_is_an_error(
    toto: Toto, settings: Any, keys: dict[str, Any], cache: str
) -> None:
    settings.CACHES = {**settings.CACHES, "broken": {"BACKEND": "no.such.Cache"}}
    toto(**keys, NONCE_CACHE=cache)
    assert found() == {"E009"}


@pytest.mark.parametrize(
    "keys",
    [{"HMAC": "session_key"}, {"HMAC": None, "HMAC_UPGRADE": True}, {"HMAC": "v2", "HMAC_VERIFY": print}],
    ids=["without v2", "without signatures", "with a hook"],
)
def test_cache_of_the_nonces_does_not_matter_where_there_are_none(toto: Toto, keys: dict[str, Any]) -> None:
    toto(**keys, NONCE_CACHE="missing")
    assert found() == set()


def test_throttle_by_a_name_without_a_rate_is_an_error(toto: Toto, register: Any) -> None:
    register("some.upload", throttle("uploads")(lambda handler, parameters: None))
    [message] = checks.check_throttles(None)
    assert message.msg == "some.upload: TOTO['THROTTLES'] has no rate 'uploads'."
    assert found() == {"E015"}
    toto(THROTTLES={"uploads": None})
    assert checks.check_throttles(None) == []


@pytest.mark.parametrize(
    ("cache", "expected"),
    [
        ({"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}, {"W041"}),
        ({"BACKEND": "django.core.cache.backends.dummy.DummyCache"}, {"W041"}),
        ({"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": "files"}, {"W041"}),
        ({"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "rows"}, {"W042"}),
        (
            {
                "BACKEND": "django.core.cache.backends.db.DatabaseCache",
                "LOCATION": "rows",
                "OPTIONS": {"MAX_ENTRIES": 10_000},
            },
            set(),
        ),
        ({"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1:1"}, set()),
        (
            {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"},
            set(),
        ),
        (
            {"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": "127.0.0.1:1"},
            set(),
        ),
    ],
    ids=lambda value: value["BACKEND"].rpartition(".")[2] if isinstance(value, dict) else None,
)
def test_cache_that_counts_wrongly_is_a_warning_at_deployment(
    toto: Toto, settings: Any, cache: dict[str, Any], expected: set[str]
) -> None:
    settings.CACHES = {**settings.CACHES, "throttles": cache}
    toto(THROTTLE_CACHE="throttles")
    assert ids(checks.check_throttle_deployment(None)) == expected
    assert found() == set()


# All of them


def test_every_id_in_the_source_is_provoked_here() -> None:
    folder = Path(checks.__file__).parent
    source = "".join(path.read_text() for path in (*folder.glob("*.py"), *folder.parent.glob("stores/*.py")))
    here = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*checks.py"))
    used = set(re.findall(r'"toto_django\.([EW]\d{3})"', source))
    assert used == {one for one in used if f'"{one}"' in here}


def test_codec_option_that_does_not_exist_is_an_error(toto: Toto) -> None:
    toto(CODECS={"json": {}, "msgpack": {"no_such_option": 1}})
    assert found() == {"E106"}
