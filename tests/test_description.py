"""The description at its URL, and manage.py toto_schema."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.http import Http404, HttpRequest
from django.test import Client, RequestFactory
from django.urls import include, path

from tests.openrpc.documents import validate
from toto_django.description.views import openrpc
from toto_django.invocation import authenticated
from toto_django.registry import Method, registry

Toto = Callable[..., None]
Register = Callable[..., Method]

urlpatterns = [
    path("service/", include("toto_django.description.urls")),
    path("service/", include("toto_django.urls")),
]


def add(handler: Any, a: int, b: int = 0) -> int:
    return a + b


def narrower(handler: Any, a: int) -> float:
    return a


@pytest.fixture(autouse=True)
def urls(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__


def is_ours(request: HttpRequest) -> bool:
    return "ours" in request.GET


def seen(user: Any = None, query: str = "") -> int:
    request = RequestFactory().get(f"/service/openrpc.json{query}")
    if user is not None:
        request.user = user
    try:
        return openrpc(request).status_code
    except Http404:
        return 404
    except PermissionDenied:
        return 403


def test_description_stands_beside_the_service(toto: Toto, db: None) -> None:
    toto(DESCRIPTION="public")
    response = Client().get("/service/openrpc.json", headers={"host": "a.test"})
    made = json.loads(response.content)
    validate(made)
    assert response.headers["Content-Type"] == "application/json"
    assert made["servers"] == [{"name": "service", "url": "http://a.test/service/"}]
    assert [each["name"] for each in made["methods"]] == registry.names()
    assert Client().get("/service/ret/int").status_code == 200
    assert Client().post("/service/openrpc.json").status_code == 405


def test_description_follows_the_methods(toto: Toto, register: Register) -> None:
    toto(DESCRIPTION="public")
    before = Client().get("/service/openrpc.json").json()["methods"]
    register("test.add", add)
    after = Client().get("/service/openrpc.json").json()["methods"]
    assert len(after) == len(before) + 1


@pytest.mark.parametrize(("debug", "status"), [(True, 200), (False, 404)])
def test_description_is_there_under_debug_only_unless_the_setting_says_more(
    settings: Any, debug: bool, status: int
) -> None:
    settings.DEBUG = debug
    assert seen() == status


def test_setting_says_who_sees_it(toto: Toto) -> None:
    toto(DESCRIPTION="off")
    assert seen() == 404
    toto(DESCRIPTION="staff")
    assert seen() == 403
    assert seen(AnonymousUser()) == 403
    assert seen(User(is_staff=False)) == 403
    assert seen(User(is_staff=True, is_active=False)) == 403
    assert seen(User(is_staff=True)) == 200
    for hook in (is_ours, f"{__name__}.is_ours"):
        toto(DESCRIPTION=hook)
        assert seen() == 403
        assert seen(query="?ours") == 200


# toto_schema


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("toto_schema", *arguments, stdout=out)
    return out.getvalue()


def test_command_writes_the_description(tmp_path: Path) -> None:
    made = json.loads(run("--url", "https://a.test/service/"))
    validate(made)
    assert made["servers"][0]["url"] == "https://a.test/service/"
    assert run("--output", str(tmp_path / "a.json")) == ""
    recorded = json.loads((tmp_path / "a.json").read_text())
    assert recorded == {name: value for name, value in made.items() if name != "servers"}


def test_command_tells_what_broke(tmp_path: Path, register: Register) -> None:
    register("test.add", add)
    recorded = str(tmp_path / "a.json")
    run("--output", recorded)
    assert run("--check", recorded) == ""
    registry.unregister("test.add")
    registry.register("test.add", authenticated(narrower))
    out = io.StringIO()
    with pytest.raises(CommandError, match="3 changes would break clients") as error:
        call_command("toto_schema", "--check", recorded, stdout=out)
    assert error.value.returncode == 1
    assert out.getvalue().splitlines() == [
        "breaks: test.add: the parameter 'b' is gone",
        "breaks: test.add: the result may be a number now",
        "breaks: test.add: it needs the session of an account now",
    ]


def test_command_tells_what_fits(tmp_path: Path, register: Register) -> None:
    recorded = str(tmp_path / "a.json")
    run("--output", recorded)
    register("test.add", add)
    assert run("--check", recorded) == "fits: test.add: a new method\n"


@pytest.mark.parametrize(
    ("content", "message"), [(None, "cannot be read"), ("x", "is not JSON"), ("{}", "no OpenRPC")]
)
def test_file_that_is_no_description_is_a_plain_error(
    tmp_path: Path, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "a.json").write_text(content)
    with pytest.raises(CommandError, match=message):
        run("--check", str(tmp_path / "a.json"))
