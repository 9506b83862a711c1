"""A new user's first day: a project with one method with types, called in the console and from Python."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import test_start_page as start_page
from tests.browser.chromium import CHROMIUM
from tests.browser.test_start_page import PASSWORD, TIMEOUT, expect
from tests.packaging.commands import run, serving
from tests.packaging.conftest import Environment

browser = start_page.browser

SETTINGS = """
INSTALLED_APPS += ["toto_django", "rest_framework", "shop"]
MIDDLEWARE += ["toto_django.middleware.TotoMiddleware"]
DEBUG = os.environ.get("DEBUG") == "1"
ALLOWED_HOSTS = ["127.0.0.1"]
SECRET_KEY = os.environ.get("SECRET_KEY", SECRET_KEY)
"""
METHODS = '''
from toto_django import method
from toto_django.invocation import authenticated


@method
@authenticated
def price(handler, pieces: int, discount: float = 0.0) -> dict[str, object]:
    """What so many pieces cost."""
    return {"buyer": handler.session.user_id, "price": pieces * 10 * (1 - discount)}
'''
VIEWS = """
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from toto_django.drf import TotoAuthentication


class Basket(APIView):
    authentication_classes = [TotoAuthentication]
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response({"owner": request.auth.user_id})
"""
URLS = """
from django.contrib import admin
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import include, path

from shop.views import Basket

urlpatterns = [
    path("admin/", admin.site.urls),
    path("basket/", Basket.as_view()),
    path("console/", include("toto_django.console.urls")),
    path("service/", include("toto_django.urls")),
    *staticfiles_urlpatterns(),
]
"""
CLIENT = """
import base64
import hmac
import json
import sys

import httpx

from toto_django.client import Client, InvalidParameters

address, password = sys.argv[1:]
with Client(f"{address}/service/") as client:
    client.login("ada", password)
    bought = client.methods.shop.price(pieces=3)
    try:
        client.methods.shop.price(pieces="three")
    except InvalidParameters as error:
        fields = error.fields
    signature = base64.b64encode(hmac.digest(b"ada", b"", "sha1")).decode()
    headers = {"x-toto-session-id": client.session.session_id, "x-toto-hmac": signature}
    basket = httpx.get(f"{address}/basket/", headers=headers).json()
print(json.dumps([bought, fields, basket]))
"""
SERVER = ["manage.py", "toto", "--port={port}"]
DEPLOYED = """
SECURE_HSTS_SECONDS, SECURE_HSTS_INCLUDE_SUBDOMAINS, SECURE_HSTS_PRELOAD = 3600, True, True
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {"hosts": [{"address": "redis://127.0.0.1", "socket_timeout": 10}], "capacity": 1000},
    }
}
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend"}}
CACHES = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1"}}
"""


@pytest.fixture(scope="module")
def python(wheel: Path, environment: Environment) -> Path:
    return environment(f"{wheel}[server,typed,client,redis]")


@pytest.fixture(scope="module")
def project(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``startproject``, an app, five lines of settings, one method, one view."""
    project = tmp_path_factory.mktemp("project")
    run(python, "-m", "django", "startproject", "mysite", ".", cwd=project)
    run(python, "manage.py", "startapp", "shop", cwd=project)
    (project / "shop" / "methods.py").write_text(METHODS)
    (project / "shop" / "views.py").write_text(VIEWS)
    (project / "mysite" / "urls.py").write_text(URLS)
    settings = project / "mysite" / "settings.py"
    settings.write_text(f"import os\n{settings.read_text()}{SETTINGS}")
    run(python, "manage.py", "migrate", "--verbosity=0", cwd=project)
    return project


@pytest.fixture(scope="module")
def address(python: Path, project: Path) -> Iterator[str]:
    with serving(python, project, SERVER, DEBUG="1") as service:
        run(
            python,
            "-c",
            "import sys; from toto_django.client import Client; Client(sys.argv[1]).create(*sys.argv[2:])",
            f"{service}/",
            "ada",
            PASSWORD,
            cwd=project,
        )
        yield service.removesuffix("/service")


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_method_is_called_in_the_console(browser: Any, address: str) -> None:
    page = browser.new_page()
    page.set_default_timeout(TIMEOUT)
    page.goto(f"{address}/console/#shop.price")
    expect(page.locator("#method-docs")).to_contain_text("What so many pieces cost.")
    page.get_by_label("User ID").fill("ada")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#user-id")).to_have_text("ada")
    page.get_by_label("pieces").fill("2")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#outcome")).to_contain_text("Result.")
    assert json.loads(page.locator("#results pre").inner_text()) == {"buyer": "ada", "price": 20.0}
    page.close()


def test_python_calls_it_and_a_drf_view_knows_the_session(python: Path, project: Path, address: str) -> None:
    output = run(python, "-c", CLIENT, address, PASSWORD, cwd=project)
    bought, fields, basket = json.loads(output)
    assert bought == {"buyer": "ada", "price": 30.0}
    assert list(fields) == ["pieces"]
    assert basket == {"owner": "ada"}


def test_nothing_is_left_to_do_for_deployment(python: Path, project: Path) -> None:
    (project / "mysite" / "deployed.py").write_text(f"from mysite.settings import *\n{DEPLOYED}")
    key = "k3jf8w9a7s6d5f4g3h2j1k0l9q8w7e6r5t4y3u2i1o0pmznxbcv"
    environment = {"SECRET_KEY": key, "DJANGO_SETTINGS_MODULE": "mysite.deployed"}
    output = run(
        python, "manage.py", "check", "--deploy", "--fail-level", "WARNING", cwd=project, **environment
    )
    assert output.strip() == "System check identified no issues (0 silenced)."
