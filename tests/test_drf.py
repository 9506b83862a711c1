"""Parsers, renderers, authentication and throttles in real Django REST framework views."""

import datetime
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import bson
import msgpack
import pytest
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured

from tests.calls import Login, Service, envelope, signature, signed
from toto_django.drf import BSONRenderer, MessagePackRenderer
from toto_django.models import Account
from toto_django.throttling import throttle

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


def test_view_without_the_middleware_says_so(service: Service, settings: Any) -> None:
    settings.MIDDLEWARE = []
    own = Service(service.kind)
    with pytest.raises(ImproperlyConfigured, match="needs TotoMiddleware"):
        own.send("GET", "/drf/echo", accept="application/msgpack")


# Cookies


@pytest.fixture
def cookies(toto: Toto) -> None:
    toto(USE_COOKIES=True, HMAC=None)


def sent(service: Service, verb: str, target: str, **headers: str) -> Any:
    """The response to a browser that checks CSRF, as Django's test clients do not by themselves."""
    service.client.handler.enforce_csrf_checks = True
    body = b"" if verb == "GET" else msgpack.packb({})
    media_type = "application/msgpack"
    return service.send(verb, target, body, content_type=media_type, accept=media_type, **headers)


def logged_in(service: Service) -> Login:
    """The cookie is the client's from now on."""
    login = own_login(service)
    assert "toto-session-id" in service.client.cookies
    return login


@pytest.mark.parametrize("target", ["/drf/private", "/drf/browsed"])
def test_cookie_alone_reads(service: Service, cookies: None, target: str) -> None:
    logged_in(service)
    assert sent(service, "GET", target).status_code == 200


@pytest.mark.parametrize("target", ["/drf/private", "/drf/browsed"])
def test_cookie_alone_changes_nothing_without_a_csrf_token(
    service: Service, cookies: None, target: str
) -> None:
    logged_in(service)
    response = sent(service, "POST", target)
    assert response.status_code == 403
    assert "CSRF Failed" in msgpack.unpackb(response.content)["detail"]


@pytest.mark.parametrize("target", ["/drf/private", "/drf/browsed"])
def test_cookie_with_a_csrf_token_changes(service: Service, cookies: None, target: str) -> None:
    logged_in(service)
    service.client.cookies["csrftoken"] = token = "a" * 32
    assert sent(service, "POST", target, x_csrftoken=token).status_code == 200
    assert sent(service, "POST", target, x_csrftoken="b" * 32).status_code == 403


def test_header_needs_no_csrf_token(service: Service, cookies: None) -> None:
    login = logged_in(service)
    assert sent(service, "POST", "/drf/private", x_toto_session_id=login.session_id).status_code == 200
    assert sent(service, "POST", "/drf/private", x_toto_session_id=" ").status_code == 403


def test_signature_needs_no_csrf_token(service: Service, toto: Toto) -> None:
    toto(USE_COOKIES=True)
    login = logged_in(service)
    hmac = signed(login, msgpack.packb({}))["x_toto_hmac"]
    assert sent(service, "POST", "/drf/private", x_toto_hmac=hmac).status_code == 200
    assert sent(service, "POST", "/drf/private").status_code == 401
    toto(USE_COOKIES=True, HMAC_REQUIRED=False)
    assert sent(service, "POST", "/drf/private").status_code == 403
    toto(USE_COOKIES=True, HMAC=None)
    assert sent(service, "POST", "/drf/private", x_toto_hmac="nobody verifies it").status_code == 403


def test_cookie_authentication_needs_no_signature_and_signs_nothing(service: Service, toto: Toto) -> None:
    toto(USE_COOKIES=True)
    logged_in(service)
    assert sent(service, "GET", "/drf/private").status_code == 401
    response = sent(service, "GET", "/drf/browsed")
    assert response.status_code == 200
    assert "x-toto-hmac" not in response.headers


def test_cookie_authentication_is_off_without_cookies(service: Service, toto: Toto) -> None:
    toto(USE_COOKIES=True, HMAC=None)
    logged_in(service)
    toto(USE_COOKIES=False, HMAC=None)
    response = sent(service, "GET", "/drf/browsed")
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Toto")


def test_forged_cookie_is_nobodys(service: Service, cookies: None) -> None:
    login = logged_in(service)
    service.client.cookies["toto-session-id"] = login.session_id
    assert sent(service, "GET", "/drf/browsed").status_code == 401


# Throttles


@pytest.fixture
def uploads(toto: Toto, settings: Any) -> Iterator[None]:
    """Two a minute."""
    local = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "drf"}
    settings.CACHES = {**settings.CACHES, "throttles": local}
    toto(THROTTLES={"uploads": "2/min"}, THROTTLE_CACHE="throttles")
    yield
    caches["throttles"].clear()


def limited(service: Service, target: str = "/drf/limited", **headers: str) -> Any:
    return service.send("GET", target, accept="application/msgpack", **headers)


def test_request_over_the_rate_is_429_with_the_time_to_wait(service: Service, uploads: None) -> None:
    assert [limited(service).status_code for _ in range(2)] == [200, 200]
    response = limited(service)
    assert response.status_code == 429
    assert 25 <= int(response.headers["Retry-After"]) <= 30
    assert "throttled" in msgpack.unpackb(response.content)["detail"]


def test_views_and_methods_share_a_rate(service: Service, uploads: None, register: Any) -> None:
    register("slow.upload", throttle("uploads", by="account")(lambda handler, parameters: "fine"))
    login = own_login(service)
    assert limited(service, **signed(login, b"")).status_code == 200
    body = envelope("slow.upload")
    answers = [service.send("POST", "/service/", body, **signed(login, body)).json() for _ in range(2)]
    assert answers[0]["result"] == "fine"
    assert answers[1]["error"]["code"] == 1101
    assert limited(service, **signed(login, b"")).status_code == 429
    assert limited(service).status_code == 200, "nobody is another"


def test_view_that_names_no_rate_has_none(service: Service, uploads: None, toto: Toto) -> None:
    assert [limited(service, "/drf/unlimited").status_code for _ in range(5)] == [200] * 5
    toto(THROTTLES={"uploads": None})
    assert [limited(service).status_code for _ in range(5)] == [200] * 5


def test_throttle_whose_cache_is_down_is_503(service: Service, toto: Toto, settings: Any) -> None:
    down = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    settings.CACHES = {**settings.CACHES, "down": down}
    toto(THROTTLES={"uploads": "2/min"}, THROTTLE_CACHE="down")
    assert limited(service).status_code == 503
    toto(THROTTLES={"uploads": "2/min"}, THROTTLE_CACHE="down", THROTTLE_FAIL_OPEN=True)
    assert limited(service).status_code == 200


# OpenAPI

SCHEMA = """
import django
from django.core.management import call_command
from tests.service import settings as given

given.INSTALLED_APPS += ["rest_framework", "drf_spectacular"]
given.ROOT_URLCONF = "tests.documented_views"
given.REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
django.setup()
call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json")
"""


@pytest.mark.parametrize("hmac", ["user_id", "v2", None])
def test_schema_of_drf_spectacular_is_valid_and_has_the_headers(hmac: str | None, tmp_path: Path) -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.service.settings"}
    environment["TOTO_TEST_TOTO"] = json.dumps({"HMAC": hmac})
    done = subprocess.run(
        [sys.executable, "-c", SCHEMA],
        cwd=Path(__file__).resolve().parent.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    schema = json.loads(done.stdout)
    headers = {"totoSession": "x-toto-session-id"} | ({"totoSignature": "x-toto-hmac"} if hmac else {})
    schemes = schema["components"]["securitySchemes"]
    named = {name: scheme["name"] for name, scheme in schemes.items()}
    assert named == {**headers, "totoCookie": "toto-session-id"}
    if hmac is not None:
        hashed = "HMAC-SHA256" if hmac == "v2" else "HMAC-SHA1"
        assert hashed in schemes["totoSignature"]["description"]
    needed: dict[str, list[str]] = {name: [] for name in headers}
    assert schema["paths"]["/private"]["post"]["security"] == [needed]
    assert schema["paths"]["/browsed"]["post"]["security"] == [{"totoCookie": []}, needed]
    assert schema["paths"]["/public"]["post"]["security"] == [needed, {}]
