"""What a method can do with its handler, and with the connection under Toto's names."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.calls import PASSWORD, Service, error_of
from toto_django.exceptions import NotAuthorized, TotoException
from toto_django.models import Account, Session
from toto_django.registry import Method

Register = Callable[..., Method]
Toto = Callable[..., None]
pytestmark = pytest.mark.usefixtures("without_signatures")


@pytest.fixture
def run(service: Service, register: Register) -> Callable[..., Any]:
    """Runs a function as a method and returns the response."""

    def respond(function: Callable[[Any, Any], Any], verb: str = "POST", **headers: str) -> Any:
        register("test.run", function)
        return service.send(verb, "/test.run?a=1", b"" if verb != "POST" else b"{}", **headers)

    return respond


# The request


def test_handler_knows_request_and_verb(run: Any) -> None:
    seen: dict[str, Any] = {}

    def look(handler: Any, parameters: Any) -> Any:
        seen.update(verb=handler.request.method, head=handler.headers_only, text=repr(handler))

    run(look, verb="HEAD")
    assert seen == {"verb": "HEAD", "head": True, "text": "<Handler of 'test.run'>"}


# The answer


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({}, {}),
        ({"result": 0}, {"result": 0}),
        ({"result": ""}, {"result": ""}),
        ({"error": TotoException(5, "x")}, {"error": {"code": 5, "value": "x"}}),
        ({"error": ValueError("x")}, {"error": {"code": 1000, "value": "Server error"}}),
        ({"error": "text"}, {"error": {"code": 1000, "value": "text"}}),
        ({"result": 1, "error": TotoException(5, "x")}, {"result": 1, "error": {"code": 5, "value": "x"}}),
    ],
    ids=repr,
)
def test_respond_sends_what_it_is_given(run: Any, answer: Any, expected: Any) -> None:
    assert run(lambda handler, parameters: handler.respond(**answer)).json() == expected


def test_none_without_an_answer_is_an_empty_body_without_content_type(run: Any) -> None:
    response = run(lambda handler, parameters: None)
    assert (response.status_code, response.content) == (200, b"")
    assert "Content-Type" not in response.headers


def test_none_result_null_sends_null(run: Any, toto: Toto) -> None:
    toto(NONE_RESULT="null")
    assert run(lambda handler, parameters: None).json() == {"result": None}


def test_status_header_cookie_and_content_type_can_be_set(run: Any) -> None:
    def set_all(handler: Any, parameters: Any) -> Any:
        handler.set_status(418)
        handler.set_header("x-mine", "yes")
        handler.response["x-other"] = "too"
        handler.set_cookie("c", "1", httponly=True)
        handler.response_type = "application/vnd.mine+json"
        assert handler.response_type == "application/vnd.mine+json"
        return {}

    response = run(set_all)
    assert response.status_code == 418
    assert (response.headers["x-mine"], response.headers["x-other"]) == ("yes", "too")
    assert response.cookies["c"]["httponly"]
    assert response.headers["Content-Type"] == "application/vnd.mine+json"
    assert response.json() == {"result": {}}


@pytest.mark.parametrize(
    ("options", "status"), [({}, 302), ({"permanent": True}, 301), ({"status": 307}, 307)], ids=repr
)
def test_redirect_has_a_location_and_no_body(run: Any, options: dict[str, Any], status: int) -> None:
    response = run(lambda handler, parameters: handler.redirect("/there?a=1", **options))
    assert (response.status_code, response.headers["Location"]) == (status, "/there?a=1")
    assert response.content == b""
    assert "Content-Type" not in response.headers


# Sessions


def test_handler_without_a_decorator_finds_the_session_when_asked(run: Any, service: Service) -> None:
    def look(handler: Any, parameters: Any) -> Any:
        before = handler.session
        found = handler.retrieve_session()
        assert found is handler.session
        return [before, handler.is_authenticated, found.user_id]

    login = service.create()
    answer = run(look, x_toto_session_id=login.session_id).json()
    assert answer["result"] == [None, True, "anna"]
    assert answer["session"]["session_id"] == login.session_id


def test_coroutine_uses_the_twins(run: Any, service: Service) -> None:
    service.create()

    async def look(handler: Any, parameters: Any) -> Any:
        created = await handler.acreate_session("ANNA", PASSWORD)
        retrieved = await handler.aretrieve_session(created.session_id)
        anonymous = await handler.acreate_session()
        return [created.user_id, retrieved is created, anonymous.user_id, handler.session is anonymous]

    assert run(look).json()["result"] == ["anna", True, "", True]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("anna", "wrong"), 1005),
        (("nobody", PASSWORD), 1005),
        (("nobody", None, False), 1005),
        ((None, PASSWORD), 1005),
        (("", ""), 1005),
        ((5, 5), 1005),
    ],
    ids=repr,
)
def test_session_of_an_unknown_account_is_refused(
    run: Any, service: Service, arguments: Any, code: int
) -> None:
    service.create()
    assert error_of(run(lambda handler, parameters: handler.create_session(*arguments)).json())[0] == code


def test_session_can_be_created_without_the_password(run: Any, service: Service) -> None:
    service.create()
    response = run(lambda handler, parameters: handler.create_session("anna", verify_password=False).user_id)
    assert response.json()["result"] == "anna"


# The connection


def test_connection_creates_accounts_and_sessions_under_totos_names(run: Any) -> None:
    def create(handler: Any, parameters: Any) -> Any:
        connection = handler.db_connection
        assert connection is handler.connection
        connection.create_account("Bertha", "a password", {"a": 1}, b=2)
        session = connection.create_session("bertha", "a password")
        account = session.get_account()
        found = connection.retrieve_session(session.session_id)
        return [handler.session is session, account["a"], account["b"], found.user_id]

    assert run(create).json()["result"] == [True, 1, 2, "bertha"]


def test_connection_db_is_the_database_of_the_accounts(run: Any, service: Service) -> None:
    service.create()

    def count(handler: Any, parameters: Any) -> Any:
        with handler.connection.db.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM {Account._meta.db_table}")
            return cursor.fetchone()[0]

    assert run(count).json()["result"] == 1


def remove(connection: Any, session_id: str) -> Any:
    connection.remove_session(session_id)
    connection.remove_session("unknown")


def change(connection: Any, session_id: str) -> Any:
    connection.change_password("Anna", PASSWORD, "another password")


@pytest.mark.parametrize(
    "end",
    [
        remove,
        change,
        lambda connection, session_id: connection.clear_sessions("ANNA"),
        lambda connection, session_id: connection.generate_password("anna"),
    ],
    ids=["remove_session", "change_password", "clear_sessions", "generate_password"],
)
def test_session_that_ended_is_no_longer_the_handlers(run: Any, service: Service, end: Any) -> None:
    login = service.create()

    def ending(handler: Any, parameters: Any) -> Any:
        session = handler.retrieve_session()
        end(handler.connection, login.session_id)
        with pytest.raises(NotAuthorized):
            session.update(lambda state: None)
        return [handler.session, handler.is_authenticated]

    assert run(ending, x_toto_session_id=login.session_id).json()["result"] == [None, False]
    assert Session.objects.count() == 0
    assert (
        service.post({"method": "auth.required"}, x_toto_session_id=login.session_id).json()["error"]["code"]
        == 1004
    )


def test_generated_password_is_in_force(run: Any, service: Service) -> None:
    service.create()
    password = run(lambda handler, parameters: handler.connection.generate_password("Anna")).json()["result"]
    assert len(password) == 16
    answer = service.call("account.login", {"user_id": "anna", "password": password})
    assert answer["result"]["user_id"] == "anna"
