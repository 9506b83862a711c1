"""toto_methods, toto_clearsessions and toto_prepare."""

import io
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.calls import Service
from toto_django.models import Session
from toto_django.registry import Method
from toto_django.stores import Store, get_store, session_store

Register = Callable[..., Method]
Toto = Callable[..., None]


def run(*arguments: str, **options: Any) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue()


def test_methods_are_listed_with_their_policies_and_docs(register: Register) -> None:
    def documented(handler: Any, parameters: Any) -> Any:
        """Say something.

        And more.
        """

    register("test.a", documented)
    lines = [line.split() for line in run("toto_methods").splitlines()]
    by_name = {words[0]: " ".join(words[1:]) for words in lines}
    assert by_name["test.a"] == "public Say something."
    assert by_name["account.create"].startswith(
        "requires(user_id, password), throttle(create, by=address) Make an account"
    )
    assert by_name["auth.required_requires"] == "authenticated, requires(x)"
    assert by_name["async_.late_session"] == "asynchronous, authenticated"
    assert by_name["req.jsonp_callback"] == "jsonp(callback)"
    assert list(by_name) == sorted(by_name)


def test_prefix_lists_only_the_methods_that_begin_with_it() -> None:
    names = [line.split()[0] for line in run("toto_methods", "account.").splitlines()]
    assert names == ["account.create", "account.login", "account.logout", "account.update"]
    assert run("toto_methods", "no such prefix") == ""


def test_lines_of_the_list_end_without_blanks() -> None:
    assert all(line == line.rstrip() for line in run("toto_methods").splitlines())


@pytest.mark.django_db
def test_expired_sessions_are_deleted_and_counted() -> None:
    for expires in (time.time() - 10, time.time() - 1, time.time() + 1000):
        session_store().create_session("", expires)
    assert run("toto_clearsessions") == "2 expired sessions deleted.\n"
    assert Session.objects.count() == 1
    assert run("toto_clearsessions", verbosity=0) == ""


def test_session_that_has_not_expired_still_opens(service: Service) -> None:
    login = service.create()
    run("toto_clearsessions")
    assert service.call("auth.required", {}, login)["result"]["user_id"] == "anna"


# Other stores

MEMORY = {"BACKEND": "toto_django.stores.memory.MemoryStore"}
DATABASE = {"BACKEND": "toto_django.stores.database.DatabaseStore"}
REDIS = {"BACKEND": "toto_django.stores.redis.RedisStore"}
MONGODB = {"BACKEND": "toto_django.stores.mongodb.MongoDBStore"}


@pytest.fixture
def mongodb(toto: Toto, mongodb_url: str, isolation: str) -> Iterator[Any]:
    """A store in an empty database; the other one is in memory."""
    options = {"HOST": mongodb_url, "DATABASE": f"{isolation}_commands"}
    toto(STORES={"default": MEMORY, "mongodb": {**MONGODB, "OPTIONS": options}}, SESSIONS="mongodb")
    store = get_store("mongodb")
    store.db.client.drop_database(store.db.name)
    yield store
    store.db.client.close()


def expire(store: Store) -> None:
    """Two sessions that have expired, and one that has not."""
    for expires in (time.time() - 10, time.time() - 1, time.time() + 1000):
        store.create_session("ann", expires)


@pytest.mark.service
def test_expired_sessions_in_mongodb_are_deleted_and_counted(mongodb: Any) -> None:
    expire(mongodb)
    assert run("toto_clearsessions") == "2 expired sessions deleted.\n"
    assert mongodb.db.sessions.count_documents({}) == 1


@pytest.mark.service
def test_what_expired_sessions_left_in_redis_is_deleted_and_counted(
    toto: Toto, settings: Any, redis_url: str, isolation: str
) -> None:
    settings.CACHES = {"redis": {**settings.CACHES["redis"], "LOCATION": redis_url}}
    toto(STORES={"default": {**REDIS, "OPTIONS": {"CACHE": "redis", "PREFIX": f"{isolation}_commands:"}}})
    expire(session_store())
    assert run("toto_clearsessions") == "2 expired sessions deleted.\n"
    assert run("toto_clearsessions") == "0 expired sessions deleted.\n"
    assert session_store().count_sessions_of("ann") == 1


@pytest.mark.django_db
def test_store_whose_sessions_are_no_longer_used_is_cleared_by_its_alias(toto: Toto) -> None:
    toto(STORES={"default": MEMORY, "old": DATABASE})
    expire(get_store("default"))
    expire(get_store("old"))
    assert run("toto_clearsessions", "--store", "old") == "2 expired sessions deleted.\n"
    assert Session.objects.count() == 1
    assert run("toto_clearsessions") == "2 expired sessions deleted.\n", "those of the store in use were left"


def test_store_that_does_not_exist_cannot_be_cleared() -> None:
    with pytest.raises(CommandError, match=r"TOTO\['STORES'\] has no 'nothing'"):
        run("toto_clearsessions", "--store", "nothing")


@pytest.mark.parametrize("command", ["toto_clearsessions", "toto_prepare"])
@pytest.mark.parametrize("store", [REDIS, MONGODB], ids=["redis", "mongodb"])
def test_store_that_does_not_answer_is_a_plain_error(
    toto: Toto, settings: Any, command: str, store: dict[str, Any]
) -> None:
    settings.CACHES = {"nowhere": {**settings.CACHES["redis"], "LOCATION": "redis://127.0.0.1:1"}}
    client = {"timeoutMS": 200}
    options = {"CACHE": "nowhere"} if store is REDIS else {"HOST": "mongodb://127.0.0.1:1", "CLIENT": client}
    toto(STORES={"default": {**store, "OPTIONS": options}})
    try:
        with pytest.raises(CommandError, match=r"The store 'default' does not answer: .*refused"):
            run(command)
    finally:
        if store is MONGODB:
            get_store("default").db.client.close()


@pytest.mark.service
def test_indexes_are_created_once(mongodb: Any) -> None:
    assert run("toto_prepare") == (
        "mongodb: index of sessions by user_id\nmongodb: index of sessions by expires_at\n"
    )
    keys = [list(index["key"].items()) for index in mongodb.db.sessions.list_indexes()]
    assert sorted(keys) == [[("_id", 1)], [("expires_at", 1)], [("user_id", 1)]]
    assert run("toto_prepare") == "Nothing to do.\n"
    mongodb.db.sessions.drop_indexes()
    assert run("toto_prepare", verbosity=0) == ""
    assert run("toto_prepare") == "Nothing to do.\n"


@pytest.mark.django_db
def test_database_and_memory_need_nothing_prepared(toto: Toto) -> None:
    toto(STORES={"default": DATABASE, "memory": MEMORY}, SESSIONS="memory")
    assert run("toto_prepare") == "Nothing to do.\n"


def test_store_that_cannot_be_made_cannot_be_prepared(toto: Toto) -> None:
    toto(STORES={"default": {**MONGODB, "OPTIONS": {"URL": "mongodb://x"}}})
    with pytest.raises(CommandError, match="OPTIONS has no URL"):
        run("toto_prepare")
