"""Which accounts are taken, under which id, with which properties (docs/importing.md)."""

import datetime
import decimal
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from bson import Binary, DatetimeMS, Int64, ObjectId, Regex

from tests.importing.conftest import Import
from tests.importing.originals import SECRET, JSONFile, MongoDB, Original, RedisKeys
from toto_django.stores import account_store, session_store

OTHER = "$p5k2$$abcdefgh$xmwf.pnfZrrWOupEX7lnnDF1argjb5HR"
"""The original's hash of the empty password."""
LATER = 4_000_000_000.0
IDS = [f"session-id-of-import-{letter}" for letter in "abcd"]

Toto = Callable[..., None]


def properties_of(user_id: str) -> dict[str, Any]:
    account = account_store().get_account(user_id)
    assert account is not None
    return dict(account.properties)


def password_of(user_id: str) -> str:
    account = account_store().get_account(user_id)
    assert account is not None
    return account.password


# Ids


@pytest.mark.parametrize("order", [["Ann", "ann", "ANN"], ["ann", "ANN", "Ann"], ["ANN", "Ann", "ann"]])
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("mongodb", marks=pytest.mark.service),
        pytest.param("redis", marks=pytest.mark.service),
        pytest.param("postgresql", marks=pytest.mark.service),
        "json",
    ],
)
@pytest.mark.parametrize("size", ["1", "1000"])
def test_of_ids_that_become_one_the_one_in_its_normal_form_is_taken(
    kind: str, order: list[str], size: str, original_of: Callable[[str], Original], take: Import
) -> None:
    original = original_of(kind)
    for user_id in order:
        original.add_account(user_id, nickname=f"nick of {user_id}")
    for _ in range(2):
        run = take(original, "--batch-size", size)
        assert "another account has this user id: 2 (" in run.out
        assert "2 skipped" in run.accounts
        assert properties_of("ann")["nickname"] == "nick of ann"
    assert run.accounts == "Accounts: 3 read, 0 taken, 1 already there, 2 skipped."


@pytest.mark.service
def test_of_ids_that_repeat_the_older_account_is_taken(mongodb: MongoDB, take: Import) -> None:
    for number in (1, 2, 3):
        mongodb.add_account("ann", _id=number, n=number)
    for number in (9, 8):
        mongodb.add_account("Bob", _id=number, n=number)
    run = take(mongodb)
    assert run.accounts == "Accounts: 5 read, 2 taken, 0 already there, 3 skipped."
    assert properties_of("ann") == {"n": 1}
    assert properties_of("bob") == {"n": 8}


@pytest.fixture
def mongodb(original_of: Callable[[str], Original]) -> MongoDB:
    made = original_of("mongodb")
    assert isinstance(made, MongoDB)
    return made


def test_session_of_an_account_that_lost_its_id_does_not_open_the_other_one(
    file: JSONFile, take: Import
) -> None:
    for number, user_id in enumerate(("Ann", "ann", "Bob")):
        file.add_account(user_id)
        file.add_session(IDS[number], user_id, LATER)
    run = take(file, "--sessions")
    assert "skipped: its account was not taken: 1 (" in run.out
    assert session_store().load_session(IDS[0]) is None
    assert session_store().load_session(IDS[1]) is not None
    kept = session_store().load_session(IDS[2])
    assert kept is not None
    assert kept.user_id == "bob"


@pytest.mark.service
@pytest.mark.parametrize("user_id", [None, "", 5, ["x"], "a\nb", "\u200d", "x" * 192, b"\xff"])
def test_account_without_an_id_for_this_service_is_reported(
    user_id: Any, mongodb: MongoDB, take: Import
) -> None:
    mongodb.add_account(user_id)
    mongodb.add_account("Fine")
    run = take(mongodb)
    assert run.accounts == "Accounts: 2 read, 1 taken, 0 already there, 1 skipped."
    assert "skipped: its user id can be none here: 1 (" in run.out


def test_names_are_written_so_that_a_terminal_stays_whole(file: JSONFile, take: Import) -> None:
    file.add_account("\x1b[2Jevil\n")
    file.add_account("y" * 500)
    run = take(file)
    assert "\x1b" not in run.out
    assert "\\x1b[2Jevil\\n" in run.out
    assert "y" * 160 + "…" in run.out
    assert "y" * 161 not in run.out


def test_ids_keep_their_blanks_and_get_their_normal_form(file: JSONFile, take: Import) -> None:
    for user_id in (" x ", "Straße", "\uff21da"):
        file.add_account(user_id)
    take(file)
    assert [user_id for user_id in (" x ", "strasse", "ada") if account_store().get_account(user_id)] == [
        " x ",
        "strasse",
        "ada",
    ]


# Passwords


@pytest.mark.parametrize(
    "stored",
    [None, "", "plain", "$p5k2$", SECRET[:-1], SECRET + "x", 5, "$p5k2$ffffff" + SECRET[6:], "!" + SECRET],
)
def test_account_without_a_good_hash_is_taken_and_nobody_can_log_in(
    stored: Any, file: JSONFile, take: Import
) -> None:
    file.add_account("ada", stored, nickname="A")
    run = take(file)
    assert run.accounts == "Accounts: 1 read, 1 taken, 0 already there, 0 skipped."
    assert "nobody can log in until a password is set: 1 (ada)" in run.out
    assert password_of("ada").startswith("!")
    assert properties_of("ada") == {"nickname": "A"}
    again = take(file)
    assert "nobody can log in" not in again.out


def test_blanks_around_a_hash_in_a_char_column_do_no_harm(file: JSONFile, take: Import) -> None:
    file.add_account("ada", SECRET + "   ")
    take(file)
    assert password_of("ada") == SECRET[1:]


def test_existing_account_stays_as_it_is(file: JSONFile, take: Import) -> None:
    account_store().create_account("ada", "md5$x$y", {"own": 1})
    file.add_account("ada", nickname="other")
    run = take(file)
    assert run.accounts == "Accounts: 1 read, 0 taken, 1 already there, 0 skipped."
    assert password_of("ada") == "md5$x$y"
    assert properties_of("ada") == {"own": 1}


# Properties


@pytest.mark.service
def test_values_of_every_type_become_what_json_carries(mongodb: MongoDB, take: Import) -> None:
    key = ObjectId()
    name = uuid.UUID(int=7)
    mongodb.add_account(
        "ada",
        when=datetime.datetime(2015, 7, 9, 12, 30, 15, tzinfo=datetime.UTC),
        owner=key,
        token=name,
        raw=Binary(b"text"),
        big=Int64(2**60),
        deep={"a": [{"b": key}, None, True, 1.5]},
        empty={},
    )
    take(mongodb)
    assert properties_of("ada") == {
        "when": "2015-07-09T12:30:15+00:00",
        "owner": str(key),
        "token": str(name),
        "raw": "text",
        "big": 2**60,
        "deep": {"a": [{"b": str(key)}, None, True, 1.5]},
        "empty": {},
    }


@pytest.mark.service
def test_what_cannot_be_kept_is_named_and_the_rest_is_taken(mongodb: MongoDB, take: Import) -> None:
    nested: Any = 1
    for _ in range(70):
        nested = [nested]
    mongodb.add_account(
        "ada",
        good="yes",
        picture=b"\xff\xd8",
        far=DatetimeMS(2**60),
        pattern=Regex("x"),
        nan=float("nan"),
        nested=nested,
        new_password="x",
    )
    run = take(mongodb)
    assert run.accounts == "Accounts: 1 read, 1 taken, 0 already there, 0 skipped."
    assert properties_of("ada") == {"good": "yes"}
    for name in ("picture", "far", "pattern", "nan", "nested", "new_password"):
        assert f"(ada: {name})" in run.out
    assert "a property cannot be kept: it is not UTF-8: 1 (ada: picture)" in run.out


@pytest.mark.service
def test_text_that_is_no_utf_8_does_not_stop_the_import(
    original_of: Callable[[str], Original], take: Import
) -> None:
    redis = original_of("redis")
    assert isinstance(redis, RedisKeys)
    redis.add_account("ada", note=b"\xe4", fine="ü")
    redis.client.hset(b"account:b\xf6b", b"user_id", b"b\xf6b")
    redis.client.set("account:string", "no hash")
    redis.client.rpush("session:" + IDS[0], "no string")
    redis.client.set("session:" + IDS[1], b"cos\nsystem\n(S'true'\ntR.")
    run = take(redis, "--sessions")
    assert run.accounts == "Accounts: 3 read, 1 taken, 0 already there, 2 skipped."
    assert "skipped: its key is no hash: 1 (string)" in run.out
    assert "skipped: its key is no string: 1 (sessio…)" in run.out
    assert "its value cannot be read: it holds an object ('os.system'): 1 (sessio…)" in run.out
    assert properties_of("ada") == {"fine": "ü"}


def test_largest_properties_go_first_where_not_all_fit(file: JSONFile, take: Import, toto: Toto) -> None:
    toto(MAX_PROPERTIES=120)
    file.add_account("ada", small="s", large="l" * 80, larger="L" * 90, huge="h" * 200)
    run = take(file)
    assert properties_of("ada") == {"small": "s", "large": "l" * 80}
    assert "a property does not fit into MAX_PROPERTIES: 2 (ada: huge, ada: larger)" in run.out


def test_properties_of_the_json_file_come_from_both_places(file: JSONFile, take: Import) -> None:
    account = {"user_id": "ada", "password": SECRET, "a": 1, "properties": {"a": 2, "b": 3}}
    file.path.write_text(json.dumps({"account": {"ada": account, "bad": 5}, "session": {IDS[0]: 5}}))
    run = take(file, "--sessions")
    assert properties_of("ada") == {"a": 1, "b": 3}
    assert run.out.count("it is no object") == 2


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (["--properties", "nickname, born"], {"nickname", "born"}),
        (["--without-properties", "nickname,data"], {"born", "height", "seen"}),
        (["--properties", "nickname,born", "--without-properties", "born"], {"nickname"}),
        (["--properties", ""], set()),
    ],
)
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("mysql", marks=pytest.mark.service),
        pytest.param("postgresql", marks=pytest.mark.service),
        "json",
    ],
)
def test_chosen_fields_alone_become_properties(
    kind: str, arguments: list[str], kept: set[str], original_of: Callable[[str], Original], take: Import
) -> None:
    original = original_of(kind)
    original.add_account("ada", nickname="A", born="1815-12-10", height="1.75", data="x", seen=None)
    assert take(original, *arguments).error == ""
    assert properties_of("ada").keys() == kept


@pytest.mark.service
def test_column_that_is_not_there_is_named_before_anything_is_taken(
    original_of: Callable[[str], Original], take: Import
) -> None:
    original = original_of("postgresql")
    original.add_account("ada")
    run = take(original, "--properties", "nickname,nikname")
    assert run.error == "The source: The table account has no column nikname."
    assert account_store().get_account("ada") is None


@pytest.mark.service
def test_moments_of_sql_become_iso_text(original_of: Callable[[str], Original], take: Import) -> None:
    moment = datetime.datetime(2015, 7, 9, 12, 30, 15, tzinfo=datetime.UTC)
    original = original_of("postgresql")
    original.add_account("ada", seen=moment, height=decimal.Decimal("1.50"), data=b"\xff")
    run = take(original)
    assert properties_of("ada")["seen"] == "2015-07-09T12:30:15+00:00"
    assert properties_of("ada")["height"] == "1.50"
    assert "(ada: data)" in run.out


def test_field_of_the_projects_model_that_refuses_a_value_is_left_out(
    file: JSONFile, take: Import, toto: Toto
) -> None:
    toto(ACCOUNT_MODEL="auth.User", ACCOUNT_FIELDS=["first_name", "date_joined"])
    file.add_account("ada", first_name="Ada", date_joined="yesterday", color="red")
    file.add_account("bob", first_name="Bob")
    file.add_account("z" * 160)
    run = take(file)
    assert run.accounts == "Accounts: 3 read, 2 taken, 0 already there, 1 skipped."
    assert "a field of the account model refuses it: 1 (ada: date_joined)" in run.out
    assert "the account store refuses its user id: 1 (zzz" in run.out
    assert properties_of("ada")["first_name"] == "Ada"
    assert properties_of("ada")["color"] == "red"
    assert take(file).accounts == "Accounts: 3 read, 0 taken, 2 already there, 1 skipped."


def test_accounts_and_sessions_come_into_the_memory_store(file: JSONFile, take: Import, toto: Toto) -> None:
    toto(STORES={"own": {"BACKEND": "toto_django.stores.memory.MemoryStore"}}, ACCOUNTS="own", SESSIONS="own")
    file.add_account("Ada", nickname="A")
    file.add_session(IDS[0], "Ada", LATER)
    run = take(file, "--sessions")
    assert "1 taken" in run.accounts
    assert "1 taken" in run.sessions
    assert session_store().count_sessions_of("ada") == 1


STORES = {
    "redis": {"BACKEND": "toto_django.stores.redis.RedisStore"},
    "mongodb": {"BACKEND": "toto_django.stores.mongodb.MongoDBStore"},
}


@pytest.mark.service
@pytest.mark.parametrize("kind", STORES)
def test_accounts_and_sessions_come_into_other_servers(
    kind: str, request: pytest.FixtureRequest, isolation: str, file: JSONFile, take: Import, toto: Toto
) -> None:
    url = request.getfixturevalue(f"{kind}_url")
    options = {
        "redis": {"CACHE": "redis", "PREFIX": f"{isolation}:import:"},
        "mongodb": {"HOST": url, "DATABASE": f"{isolation}_imported"},
    }
    toto(STORES={"own": {**STORES[kind], "OPTIONS": options[kind]}}, ACCOUNTS="own", SESSIONS="own")
    session_store().prepare()
    file.add_account("Ada", nickname="A")
    file.add_session(IDS[0], "Ada", LATER)
    for counts in ("1 taken, 0 already there", "0 taken, 1 already there"):
        run = take(file, "--sessions")
        assert run.error == ""
        assert counts in run.accounts
        assert counts in run.sessions
    assert password_of("ada") == SECRET[1:]
    assert session_store().count_sessions_of("ada") == 1
