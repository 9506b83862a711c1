"""Who sees the console, and with which headers; tests/browser/test_console.py looks at it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import include, path
from django.utils.functional import SimpleLazyObject

import toto_django
from tests.openrpc.documents import validate
from toto_django.console import views
from toto_django.registry import registry

Toto = Callable[..., None]
View = Callable[[HttpRequest], Any]

STATIC = Path(toto_django.__file__).parent / "static" / "toto_django" / "console"
TEMPLATE = Path(toto_django.__file__).parent / "templates" / "toto_django" / "console.html"


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


admin_pages = ([path("login/", page, name="login")], "admin")
without_admin = [
    path("console/", include("toto_django.console.urls")),
    path("mounted/here/", include("toto_django.urls")),
]
urlpatterns = [path("admin/", include(admin_pages)), *without_admin]


class WithoutAdmin:
    urlpatterns = without_admin


class WithoutService:
    urlpatterns = without_admin[:1]


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    settings.STATIC_URL = "/static/"
    settings.TEMPLATES = [
        {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {}}
    ]


def status(view: View, user: Any = None) -> int:
    request = RequestFactory().get("/console/?a=b")
    if user is not None:
        request.user = SimpleLazyObject(lambda: user)
    try:
        return int(view(request).status_code)
    except Http404:
        return 404


each_view = pytest.mark.parametrize("view", [views.console, views.description])
strangers = pytest.mark.parametrize(
    "user",
    [None, AnonymousUser(), User(username="a"), User(username="b", is_staff=True, is_active=False)],
    ids=["no middleware", "nobody", "no staff", "inactive"],
)


@each_view
def test_staff_sees_it(view: View) -> None:
    assert status(view, User(username="c", is_staff=True)) == 200


@each_view
def test_everybody_sees_it_while_debugging(view: View, settings: Any) -> None:
    settings.DEBUG = True
    assert status(view, AnonymousUser()) == 200


@each_view
@strangers
def test_others_log_in_to_the_admin(view: View, user: Any) -> None:
    assert status(view, user) == 302


def test_login_leads_back() -> None:
    response = Client().get("/console/?a=b")
    assert response.headers["Location"] == "/admin/login/?next=/console/%3Fa%3Db"


@each_view
@strangers
def test_without_an_admin_there_is_none_for_others(view: View, user: Any, settings: Any) -> None:
    settings.ROOT_URLCONF = WithoutAdmin
    assert status(view, user) == 404


def test_without_the_service_there_is_no_console(settings: Any) -> None:
    settings.DEBUG = True
    settings.ROOT_URLCONF = WithoutService
    assert status(views.console) == 404


def test_description_is_there_whatever_its_setting_says(settings: Any, toto: Toto) -> None:
    settings.DEBUG = True
    toto(DESCRIPTION="off")
    document = json.loads(Client().get("/console/openrpc.json").content)
    validate(document)
    assert [each["name"] for each in document["methods"]] == registry.names()


def test_page_tells_where_the_service_is_and_how_it_signs(settings: Any, toto: Toto) -> None:
    settings.DEBUG = True
    toto(HMAC="session_key", CODECS=["json", "bson"], METHOD_SELECT="url")
    text = Client().get("/console/").content.decode()
    assert 'data-service="/mounted/here/"' in text
    assert 'data-description="/console/openrpc.json"' in text
    assert 'data-signing="session_key" data-formats="json bson" data-names-by-url>' in text


def test_page_of_a_service_without_signatures(settings: Any, toto: Toto) -> None:
    settings.DEBUG = True
    toto(HMAC=None)
    text = Client().get("/console/").content.decode()
    assert 'data-signing=""' in text
    assert "data-names-by-url" not in text


def test_policy_allows_own_files_only(settings: Any) -> None:
    settings.DEBUG = True
    headers = Client().get("/console/").headers
    policy = dict(each.split(" ", 1) for each in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {policy[f"{kind}-src"] for kind in ("script", "style", "connect", "img")} == {"'self'"}
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["frame-ancestors"] == "'none'"
    assert "no-store" in headers["Cache-Control"]
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("url", "source"),
    [("https://files.test/s/", "https://files.test"), ("//files.test/s/", "files.test")],
)
def test_policy_knows_the_origin_of_static_files(settings: Any, url: str, source: str) -> None:
    settings.DEBUG = True
    settings.STATIC_URL = url
    policy = Client().get("/console/").headers["Content-Security-Policy"]
    assert f"script-src 'self' {source};" in policy
    assert "connect-src 'self';" in policy


def test_page_is_only_read(settings: Any) -> None:
    settings.DEBUG = True
    assert Client().post("/console/").status_code == 405


def test_page_has_no_inline_script_style_or_handler() -> None:
    text = TEMPLATE.read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", text) == []


@pytest.mark.parametrize("module", sorted(STATIC.glob("*.js")), ids=lambda module: module.name)
def test_modules_never_make_elements_of_text(module: Path) -> None:
    found = re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|https?://\S+", module.read_text()
    )
    assert [
        each for each in found if not each.startswith(("https://bsonspec.org", "https://github.com/msgpack"))
    ] == []
