"""Parsers, renderers and TotoAuthentication in real Django REST framework views."""

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import bson
import msgpack
import pytest

from tests.calls import Login, Service, signature, signed
from toto_django.drf import BSONRenderer, MessagePackRenderer
from toto_django.models import Account

Toto = Callable[..., None]

FORMATS = {
    "application/bson": (bson.encode, bson.decode),
    "application/msgpack": (msgpack.packb, msgpack.unpackb),
}
each_format = pytest.mark.parametrize("media_type", FORMATS)


@pytest.fixture(autouse=True)
def own_urls(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.own_views"


def own_login(service: Service) -> Login:
    response = service.post({"user_id": "anna", "password": "a password"}, "/service/account.create")
    return Login(**response.json()["result"])


def post(service: Service, media_type: str, body: bytes, target: str = "/drf/echo", **headers: str) -> Any:
    return service.send("POST", target, body, content_type=media_type, accept=media_type, **headers)


# Parsers and renderers


@each_format
def test_body_is_parsed_and_the_answer_rendered(service: Service, media_type: str) -> None:
    write, read = FORMATS[media_type]
    value = {"text": "é", "data": b"\x00\xff", "list": [1, None, {"a": 0.5}]}
    response = post(service, media_type, write(value))
    assert response.status_code == 200
    assert response.headers["Content-Type"] == media_type
    assert read(response.content) == {"user": "AnonymousUser", "data": value}


@each_format
def test_malformed_body_is_400_with_the_reason(service: Service, media_type: str) -> None:
    response = post(service, media_type, b"\xc1")
    assert response.status_code == 400
    assert FORMATS[media_type][1](response.content)["detail"].startswith("The body is not ")


@each_format
def test_unsupported_body_is_415_in_the_accepted_format(service: Service, media_type: str) -> None:
    response = service.send("POST", "/drf/echo", b"a", content_type="text/plain", accept=media_type)
    assert response.status_code == 415
    assert "text/plain" in FORMATS[media_type][1](response.content)["detail"]


@each_format
def test_answer_without_data_has_no_body(service: Service, media_type: str) -> None:
    response = service.send("DELETE", "/drf/echo", accept=media_type)
    assert (response.status_code, response.content) == (204, b"")


def test_list_is_a_document_in_bson_and_itself_in_messagepack(service: Service) -> None:
    in_bson = service.send("GET", "/drf/echo", accept="application/bson")
    assert bson.decode(in_bson.content) == {"results": [1, "é"]}
    in_msgpack = service.send("GET", "/drf/echo", accept="application/msgpack")
    assert msgpack.unpackb(in_msgpack.content) == [1, "é"]


@pytest.mark.parametrize(
    ("renderer", "read"), [(BSONRenderer, bson.decode), (MessagePackRenderer, msgpack.unpackb)]
)
def test_types_of_serializers_are_rendered(renderer: Any, read: Any) -> None:
    data = {"price": Decimal("1.10"), "day": datetime.date(2015, 7, 9), "tags": ("a", "b")}
    assert read(renderer().render(data)) == {"price": "1.10", "day": "2015-07-09", "tags": ["a", "b"]}


# Authentication


@each_format
def test_signed_request_is_its_account_and_the_answer_is_signed(service: Service, media_type: str) -> None:
    write, read = FORMATS[media_type]
    login, body = own_login(service), write({"a": 1})
    response = post(service, media_type, body, "/drf/private", **signed(login, body))
    assert read(response.content) == {"user": "anna", "data": {"a": 1}}
    assert response.headers["x-toto-hmac"] == signature("anna", response.content)


@pytest.mark.parametrize(
    "headers",
    [{}, {"x_toto_session_id": "unknown"}],
    ids=["no session", "unknown session"],
)
def test_request_without_a_session_is_401_where_one_is_needed(
    service: Service, headers: dict[str, str]
) -> None:
    response = service.send("GET", "/drf/private", accept="application/msgpack", **headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Toto"
    assert service.send("GET", "/drf/echo", accept="application/msgpack", **headers).status_code == 200


def test_anonymous_session_is_nobody(service: Service) -> None:
    session_id = service.post({}, "/service/auth.anon").json()["session"]["session_id"]
    header = {"x_toto_session_id": session_id, "accept": "application/msgpack"}
    assert service.send("GET", "/drf/private", **header).status_code == 401


@pytest.mark.parametrize("target", ["/drf/echo", "/drf/private"])
@pytest.mark.parametrize("hmac", [{}, {"x_toto_hmac": "wrong"}], ids=["missing", "wrong"])
def test_bad_signature_is_401_everywhere(service: Service, target: str, hmac: dict[str, str]) -> None:
    session_id = own_login(service).session_id
    response = service.send("GET", target, accept="application/msgpack", x_toto_session_id=session_id, **hmac)
    assert response.status_code == 401
    assert msgpack.unpackb(response.content) == {"detail": "Invalid HMAC"}
    assert "x-toto-hmac" not in response.headers


def test_account_that_was_made_inactive_behind_the_apps_back_is_401(service: Service) -> None:
    login = own_login(service)
    Account.objects.update(is_active=False)
    response = service.send("GET", "/drf/private", accept="application/msgpack", **signed(login, b""))
    assert response.status_code == 401


def test_store_that_is_down_is_503(service: Service, toto: Toto) -> None:
    toto(STORES={"default": {"BACKEND": "tests.test_batches.DownStore"}})
    response = service.send("GET", "/drf/private", accept="application/msgpack", x_toto_session_id="some")
    assert response.status_code == 503
