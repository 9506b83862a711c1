"""User ids, passwords, session ids and names of properties that are SQL, operators or patterns somewhere."""

import json
from typing import Any

import bson
import msgpack
import pytest
from django.db import connection

from tests.calls import PASSWORD, Login, Service, error_of
from toto_django import accounts, sessions
from toto_django.stores import account_store, session_store

SQL = [
    *(
        "' OR '1'='1",
        "' OR 1=1 --",
        "'; DROP TABLE toto_django_account; --",
        '" OR ""="',
        "`",
        "\\",
        "\\'",
        "%",
        "_",
    ),
    *(
        "ann'--",
        "ann' #",
        "ann'/*",
        "') OR ('1'='1",
        "1; SELECT pg_sleep(9)",
        "' UNION SELECT 1,2,3 --",
        "a'||'nn",
    ),
    *(
        "user_id=user_id",
        "?",
        "%s",
        "%(user_id)s",
        ":user_id",
        "$1",
        "{0}",
        "NULL",
        "1e1",
        "0x616e6e",
        "ann\\",
        "an_",
        "a%",
    ),
]
PATTERNS = [
    *(
        "*",
        "an*",
        "a?n",
        "[a]nn",
        "^ann$",
        ".*",
        "/ann/",
        "$where",
        "$ne",
        "a.b",
        "ann.password",
        "=YW5u",
        "{$gt: ''}",
    ),
    *(
        "toto:account:ann",
        "account:ann",
        "sessions:ann",
        "p:password",
        "__proto__",
        "constructor",
        "\\u0061nn",
        "a\\nn",
    ),
]
TEXTS = [*SQL, *PATTERNS]
OPERATORS: list[Any] = [
    *(
        {"$gt": ""},
        {"$ne": None},
        {"$ne": ""},
        {"$regex": ".*"},
        {"$where": "true"},
        {"$in": ["ann"]},
        {"$exists": True},
    ),
    *(
        {"$eq": "ann"},
        {"$not": {"$size": 9}},
        {"$or": [{}]},
        ["ann"],
        [{"$gt": ""}],
        {"_id": "ann"},
        {"ann": {"$gt": ""}},
    ),
]
NAMES = [
    *(
        *TEXTS,
        "properties) VALUES (1); --",
        "email = 'x' WHERE 1=1 --",
        "password = 'x', a",
        "a' = 'b",
        "is_active",
    ),
    *(
        "$set",
        "$unset",
        "$inc",
        "password.$",
        "properties.is_active",
        "_id",
        "a\0b",
        "\ud800",
        "",
        ".",
        "$",
        "a.$[].b",
    ),
    *("user_id__in", "pk__gt", "password__startswith", "id_hash", "x" * 1000),
]
"""Of properties."""


@pytest.fixture
def ann(wsgi: Service, store_kind: str, without_signatures: None) -> Login:
    accounts.create_account("ann", PASSWORD, {"city": "Rome"})
    session = sessions.create_session("ann")
    return Login(session.session_id, "ann", session.expires)


def is_unharmed(ann: Login) -> bool:
    """The account, its password, properties and session are what they were."""
    account = account_store().get_account("ann")
    return (
        account is not None
        and account.is_active
        and dict(account.properties) == {"city": "Rome"}
        and accounts.authenticate("ann", PASSWORD) == "ann"
        and session_store().load_session(ann.session_id) is not None
    )


def test_text_that_is_a_query_elsewhere_is_nobodys_id(wsgi: Service, ann: Login) -> None:
    for text in TEXTS:
        for parameters in ({"user_id": text, "password": PASSWORD}, {"user_id": "ann", "password": text}):
            answer = wsgi.call("account.login", parameters)
            assert error_of(answer) == (1005, "Invalid user ID or password"), parameters
        assert session_store().delete_sessions_of(text) == 0
        assert session_store().count_sessions_of(text) == 0
        assert account_store().delete_account(text) is False
        assert account_store().set_password(text, "x") is False
        assert account_store().change_properties(text, {"a": 1}, ["city"]) is False
    assert is_unharmed(ann)


def test_text_that_is_a_query_elsewhere_may_be_an_id(wsgi: Service, ann: Login) -> None:
    for text in TEXTS[::4]:
        session_id = None
        try:
            answer = wsgi.call("account.create", {"user_id": text, "password": PASSWORD, "of": text})
            session_id = answer["result"]["session_id"]
            body = {"method": "auth.required", "parameters": {}}
            found = wsgi.post(body, x_toto_session_id=session_id).json()["result"]["user_id"]
            assert found == accounts.normalize_user_id(text)
            body = {"method": "acct.get", "parameters": {"k": "of"}}
            assert wsgi.post(body, x_toto_session_id=session_id).json()["result"] == {"value": text}
        finally:
            account_store().delete_account(accounts.normalize_user_id(text))
            if session_id:
                session_store().delete_session(session_id)
    assert is_unharmed(ann)


@pytest.mark.parametrize("operator", OPERATORS, ids=json.dumps)
def test_operators_are_no_credentials(wsgi: Service, ann: Login, operator: Any) -> None:
    writers = {
        "application/json": json.dumps,
        "application/bson": bson.encode,
        "application/msgpack": msgpack.packb,
    }
    readers = {
        "application/json": json.loads,
        "application/bson": bson.decode,
        "application/msgpack": msgpack.unpackb,
    }
    calls = [
        ("account.login", {"user_id": operator, "password": PASSWORD}, 1005),
        ("account.login", {"user_id": "ann", "password": operator}, 1005),
        ("account.login", {"user_id": operator, "password": operator}, 1005),
        ("account.create", {"user_id": operator, "password": PASSWORD}, 1010),
        ("account.create", {"user_id": "ann", "password": operator}, 1100),
        ("auth.param", {"session_id": operator}, 1004),
        ("acct.generate", {"user_id": operator}, 1005),
        ("acct.change", {"user_id": operator, "password": operator, "new_password": "mine now"}, 1005),
        ("acct.change", {"user_id": "ann", "password": operator, "new_password": "mine now"}, 1005),
    ]
    for content_type, write in writers.items():
        for name, parameters, code in calls:
            body: Any = write({"method": name, "parameters": parameters})
            body = body.encode() if isinstance(body, str) else body
            content = wsgi.send("POST", "/", body, content_type=content_type).content
            assert readers[content_type](content)["error"]["code"] == code, (name, content_type)
    body = {"method": "account.update", "parameters": {"password": operator, "new_password": "mine now"}}
    assert error_of(wsgi.post(body, x_toto_session_id=ann.session_id).json())[0] == 1005
    assert is_unharmed(ann)


def test_names_of_properties_are_no_columns_and_no_operators(wsgi: Service, ann: Login) -> None:
    wanted: dict[str, Any] = {"city": "Rome"}
    headers = {"x_toto_session_id": ann.session_id}
    for name in NAMES:
        body = {"method": "account.update", "parameters": {"password": PASSWORD, name: {"$set": name}}}
        assert wsgi.post(body, **headers).json()["result"] == {"updated_fields": [name]}, name
        wanted[name] = {"$set": name}
    account = account_store().get_account("ann")
    assert account is not None
    assert dict(account.properties) == wanted
    assert accounts.authenticate("ann", PASSWORD) == "ann"
    for name in NAMES:
        body = {"method": "acct.get", "parameters": {"k": name}}
        assert wsgi.post(body, **headers).json()["result"] == {"value": {"$set": name}}, name
    assert account_store().change_properties("ann", {}, NAMES)
    assert is_unharmed(ann)


def test_no_statement_holds_what_a_client_sent(wsgi: Service, without_signatures: None) -> None:
    """Everything goes as a parameter."""
    statements: list[str] = []

    def note(execute: Any, sql: str, *arguments: Any) -> Any:
        statements.append(sql)
        return execute(sql, *arguments)

    mark = "marked'by\"the`client"
    with connection.execute_wrapper(note):
        created = wsgi.call("account.create", {"user_id": mark, "password": mark, mark: mark})["result"]
        wsgi.call("account.login", {"user_id": mark, "password": mark})
        for name, parameters in (
            ("acct.set", {"k": mark, "v": mark}),
            ("acct.get", {"k": mark}),
            ("sess.set", {"k": mark, "v": mark}),
            ("account.update", {"password": mark, "new_password": mark * 2, mark: 1}),
        ):
            body = {"method": name, "parameters": parameters}
            wsgi.post(body, x_toto_session_id=created["session_id"])
        wsgi.call("auth.param", {"session_id": mark})
    assert len(statements) > 10
    assert [sql for sql in statements if "marked" in sql or "client" in sql] == []
