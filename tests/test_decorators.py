"""session_required on plain and coroutine views."""

from collections.abc import Callable
from typing import Any

import pytest

from tests import own_views
from tests.calls import Login, Service, signature, signed

Toto = Callable[..., None]

each_view = pytest.mark.parametrize("view", ["guarded", "aguarded"])


@pytest.fixture(autouse=True)
def own_urls(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.own_views"


def own_login(service: Service) -> Login:
    response = service.post({"user_id": "anna", "password": "a password"}, "/service/account.create")
    return Login(**response.json()["result"])


@each_view
def test_session_of_an_account_is_let_through_with_the_views_arguments(service: Service, view: str) -> None:
    login = own_login(service)
    response = service.send("GET", f"/own/{view}/x", **signed(login, b""))
    assert (response.status_code, response.json()) == (200, {"user_id": "anna", "name": "x"})
    assert response.headers["x-toto-hmac"] == signature("anna", response.content)


@each_view
@pytest.mark.parametrize("session_id", [None, "", "unknown"])
def test_without_a_session_it_is_401_with_1004(service: Service, view: str, session_id: str | None) -> None:
    headers = {} if session_id is None else {"x_toto_session_id": session_id}
    response = service.send("GET", f"/own/{view}", **headers)
    assert response.status_code == 401
    assert response.json() == {"error": {"code": 1004, "value": "Not authorized"}}
    assert response.headers["Content-Type"] == "application/json"


@each_view
def test_anonymous_session_is_401_with_1004(service: Service, view: str) -> None:
    session_id = service.post({}, "/service/auth.anon").json()["session"]["session_id"]
    response = service.send("GET", f"/own/{view}", x_toto_session_id=session_id)
    assert (response.status_code, response.json()["error"]["code"]) == (401, 1004)


@each_view
@pytest.mark.parametrize("hmac", [{}, {"x_toto_hmac": "wrong"}], ids=["missing", "wrong"])
def test_bad_signature_is_401_with_1008_and_unsigned(
    service: Service, view: str, hmac: dict[str, str]
) -> None:
    session_id = own_login(service).session_id
    response = service.send("GET", f"/own/{view}", x_toto_session_id=session_id, **hmac)
    assert (response.status_code, response.json()["error"]["code"]) == (401, 1008)
    assert "x-toto-hmac" not in response.headers


@each_view
def test_store_that_is_down_is_503_with_1104(service: Service, view: str, toto: Toto) -> None:
    toto(STORES={"default": {"BACKEND": "tests.test_batches.DownStore"}})
    response = service.send("GET", f"/own/{view}", x_toto_session_id="some")
    assert (response.status_code, response.json()["error"]["code"]) == (503, 1104)


def test_view_keeps_its_name_and_doc() -> None:
    assert (own_views.guarded.__name__, own_views.aguarded.__name__) == ("guarded", "aguarded")
    assert own_views.guarded.__doc__ == "For session_required."
