"""Calls of the services of docs/comparison.md: `services.py drf` in the folder of that project."""

import os
import sys

os.environ["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
sys.path.insert(0, os.getcwd())

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402

USER = {"username": "ada", "password": "a long walk on the beach"}
GOOD = {"text": "Hello", "times": 2}
BAD = {"text": "Hello", "times": 11}
REPEATED = {"by": "ada", "texts": ["Hello", "Hello"]}
JSON = "application/json"


def drf() -> None:
    client = Client()
    assert client.post("/users", USER, JSON).status_code == 201
    assert client.post("/login", {**USER, "password": "a guess"}, JSON).status_code == 400
    headers = {"authorization": "Token " + client.post("/login", USER, JSON).json()["token"]}
    assert client.post("/repeat", GOOD, JSON).status_code == 401
    assert client.post("/repeat", GOOD, JSON, headers=headers).json() == REPEATED
    refused = client.post("/repeat", BAD, JSON, headers=headers)
    assert (refused.status_code, list(refused.json())) == (400, ["times"])


def ninja() -> None:
    client = Client()
    assert client.post("/users", USER, JSON).status_code == 200
    assert client.post("/login", {**USER, "password": "a guess"}, JSON).status_code == 401
    assert client.post("/repeat", GOOD, JSON).status_code == 401
    assert client.post("/login", USER, JSON).json() == {"username": "ada"}
    assert client.post("/repeat", GOOD, JSON).json() == REPEATED
    refused = client.post("/repeat", BAD, JSON)
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"][-1] == "times"
    assert "/repeat" in client.get("/openapi.json").json()["paths"]


def modern_rpc() -> None:
    client = Client()

    def called(method: str, parameters: dict[str, object]) -> dict[str, object]:
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        answer: dict[str, object] = client.post("/rpc", call, JSON).json()
        return answer

    assert "result" in called("sign_up", USER)
    assert called("log_in", {**USER, "password": "a guess"})["error"]["code"] == -32001  # type: ignore[index]
    assert "error" in called("repeat", GOOD)
    assert called("log_in", USER)["result"] == "ada"
    assert called("repeat", GOOD)["result"] == REPEATED
    assert called("repeat", BAD)["error"]["code"] == -32602  # type: ignore[index]
    calls = [{"jsonrpc": "2.0", "id": id, "method": "repeat", "params": GOOD} for id in (1, 2)]
    assert [each["result"] for each in client.post("/rpc", calls, JSON).json()] == [REPEATED, REPEATED]


def toto() -> None:
    from toto_django.test import TotoClient, assert_toto_error

    client = TotoClient()
    with assert_toto_error(1004):
        client.call("shop.repeat", GOOD)
    client.create(USER["username"], USER["password"])
    with assert_toto_error(1005):
        client.login(USER["username"], "a guess")
    client.login(USER["username"], USER["password"])
    assert client.call("shop.repeat", GOOD) == REPEATED
    with assert_toto_error(1100) as caught:
        client.call("shop.repeat", BAD)
    assert list(caught.error.fields) == ["times"]
    with client.batch() as batch:
        members = [batch.call("shop.repeat", GOOD) for _ in range(2)]
    assert [member.result() for member in members] == [REPEATED, REPEATED]


setup_test_environment()
call_command("migrate", verbosity=0)
{"drf": drf, "ninja": ninja, "modern_rpc": modern_rpc, "toto": toto}[sys.argv[1]]()
