"""Toto's imports: what they find, when they are in force, and a ported tree that lives on them."""

import importlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

from tests.calls import PASSWORD, Service, error_of
from tests.realtime import ROOT, Server, until
from toto_django import accounts, compat, events, exceptions, invocation, sessions, tasks
from toto_django.handler import Handler
from toto_django.methods import account, client_error
from toto_django.registry import registry

TREE = "tests.ported"
DJANGO = "django.contrib.contenttypes django.contrib.auth"
BUILT_IN = {"account.create", "account.login", "account.logout", "account.update", "client_error"}
PORTED = {
    "account.create",
    "add",
    "chat.post_message",
    "chat.receive_message",
    "chat.wait",
    "chat.waiting",
    "count_rows",
    "counter",
    "page",
    "password",
    "profile",
    "reverse",
    "signin",
}


@pytest.fixture
def installed() -> Iterator[None]:
    compat.install()
    yield
    compat.uninstall()


@pytest.fixture
def ported(installed: None) -> Iterator[None]:
    """The tree's methods are registered."""
    before = {name: registry.get(name) for name in registry.names()}
    registry.add_tree(TREE)
    yield
    for name in registry.names():
        registry.unregister(name)
    for name, method in before.items():
        assert method is not None
        registry.register(name, method)


def fresh(code: str, apps: str = f"{DJANGO} toto_django", path: Path = ROOT, **toto: Any) -> dict[str, Any]:
    """What the code leaves in ``seen``, in an interpreter of its own with Django's settings but no set-up."""
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.ported_settings",
        "PYTHONPATH": os.pathsep.join([str(path), os.environ.get("PYTHONPATH", "")]),
        "TOTO_TEST_APPS": apps,
        "TOTO_TEST_TOTO": json.dumps({"HMAC": None, "METHOD_MODULES": [], **toto}),
    }
    script = f"import json, sys\nimport django\nseen = {{}}\n{code}\nprint(json.dumps(seen))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


LOOK = """
seen["modules"] = [name for name in sys.modules if name.partition(".")[0] == "toto"]
seen["finders"] = [repr(finder) for finder in sys.meta_path if "toto_django.compat" in repr(finder)]
"""
TRY = """
try:
    import toto.invocation
except ModuleNotFoundError as error:
    seen["error"] = str(error)
"""
REGISTERED = """
from toto_django.registry import registry
seen["names"] = registry.names()
seen["problems"] = [repr(problem) for problem in registry.problems]
"""


# In force or not


def test_nothing_is_there_unless_it_is_enabled() -> None:
    seen = fresh(f"django.setup(){TRY}{LOOK}")
    assert seen == {"error": "No module named 'toto'", "modules": [], "finders": []}


def test_importing_the_package_alone_enables_nothing() -> None:
    seen = fresh(f"import toto_django.compat{TRY}{LOOK}")
    assert seen == {"error": "No module named 'toto'", "modules": [], "finders": []}


@pytest.mark.parametrize(
    "order",
    [" ".join(order) for order in itertools.permutations([DJANGO, "toto_django", "toto_django.compat"])],
)
def test_tree_is_registered_whatever_the_order_of_the_apps(order: str) -> None:
    seen = fresh(f"django.setup(){REGISTERED}", order, METHOD_MODULES=[TREE])
    assert seen["problems"] == []
    assert set(seen["names"]) == PORTED | BUILT_IN


def test_tree_without_it_is_a_problem_of_each_module() -> None:
    seen = fresh(f"import logging\nlogging.disable()\ndjango.setup(){REGISTERED}", METHOD_MODULES=[TREE])
    imports_nothing_of_toto = {"count_rows"}
    assert set(seen["names"]) == BUILT_IN | imports_nothing_of_toto
    assert len(seen["problems"]) == len(PORTED - imports_nothing_of_toto)
    assert all("No module named 'toto'" in problem for problem in seen["problems"])


def test_script_installs_it_without_apps() -> None:
    seen = fresh(
        "from toto_django import compat\n"
        "compat.install()\n"
        "import toto.events, toto.exceptions, toto.handler, toto.invocation, toto.session, toto.tasks\n"
        "from toto.methods import account, client_error\n"
        "seen['models'] = [name for name in sys.modules if name.startswith('toto_django.models')]\n"
        "seen['name'] = toto.tasks.__name__"
    )
    assert seen == {"models": [], "name": "toto_django.tasks"}


def test_installing_twice_is_installing_once(installed: None) -> None:
    count = len(sys.meta_path)
    compat.install()
    assert len(sys.meta_path) == count
    compat.uninstall()
    compat.uninstall()
    assert len(sys.meta_path) == count - 1
    assert [name for name in sys.modules if name.partition(".")[0] == "toto"] == []


def test_other_imports_are_not_its_business(installed: None) -> None:
    for name in ("totoro", "nowhere", "toto_django.nowhere"):
        with pytest.raises(ModuleNotFoundError, match=f"No module named '{name}'$"):
            importlib.import_module(name)


@pytest.mark.parametrize("as_app", [True, False])
def test_real_package_of_that_name_is_refused(tmp_path: Path, as_app: bool) -> None:
    package = tmp_path / "toto"
    package.mkdir()
    (package / "__init__.py").touch()
    code = "django.setup()" if as_app else "from toto_django import compat; compat.install()"
    seen = fresh(
        f"from django.core.exceptions import ImproperlyConfigured\n"
        f"try:\n    {code}\nexcept ImproperlyConfigured as error:\n    seen['error'] = str(error)\n{LOOK}",
        f"{DJANGO} toto_django toto_django.compat",
        tmp_path,
    )
    assert f"but there is one: {package / '__init__.py'}." in seen["error"]
    assert "docs/moving-from-toto.md" in seen["error"]
    assert seen["finders"] == []


@pytest.mark.parametrize("module", [json, ModuleType("toto")])
def test_loaded_package_of_that_name_is_refused(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> None:
    monkeypatch.setitem(sys.modules, "toto", module)
    with pytest.raises(ImproperlyConfigured, match=r"there is one: .*(json/__init__\.py|<module 'toto'>)\. "):
        compat.install()


def test_mere_folder_of_that_name_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "toto").mkdir()
    (tmp_path / "toto" / "invocation.py").write_text("raise ImportError('not this one')")
    seen = fresh(
        "django.setup()\nimport toto.invocation\nseen['name'] = toto.invocation.__name__",
        f"{DJANGO} toto_django.compat toto_django",
        tmp_path,
    )
    assert seen == {"name": "toto_django.invocation"}


def test_app_has_a_label_that_takes_nobody_elses_place() -> None:
    config = importlib.import_module("toto_django.compat.apps").CompatConfig
    assert config.label not in {app.label for app in apps.get_app_configs()}
    assert config.label != "compat"


# What is found


def test_modules_are_the_successors_themselves(installed: None) -> None:
    before = invocation.__spec__
    for name, module in (("toto.invocation", invocation), ("toto.tasks", tasks)):
        assert importlib.import_module(name) is module
        assert sys.modules[name] is module
    assert invocation.__spec__ is before
    assert invocation.__name__ == "toto_django.invocation"


@pytest.mark.parametrize(
    ("code", "found", "expected"),
    [
        ("import toto.invocation", "toto.invocation", invocation),
        ("import toto; import toto.invocation as x", "x", invocation),
        ("from toto import invocation", "invocation", invocation),
        ("from toto.invocation import requires", "requires", invocation.requires),
        ("from toto.invocation import *", "requires", invocation.requires),
        ("import toto.methods.account.create as x", "x.invoke", account.create),
        ("from toto.methods.account import login", "login.invoke", account.login),
        ("from toto.methods import client_error", "client_error.invoke", client_error.client_error),
    ],
)
def test_every_form_of_import_works(installed: None, code: str, found: str, expected: Any) -> None:
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    assert eval(found, namespace) is expected


def test_star_import_of_exceptions_gives_classes_and_codes(installed: None) -> None:
    namespace: dict[str, Any] = {}
    exec("from toto.exceptions import *", namespace)
    assert namespace["TotoException"] is exceptions.TotoException
    codes = {name: value for name, value in namespace.items() if name.startswith("ERROR_")}
    assert codes == {
        "ERROR_SERVER": exceptions.ServerError().code,
        "ERROR_INVALID_METHOD": exceptions.InvalidMethod("x").code,
        "ERROR_MISSING_METHOD": exceptions.MissingMethod().code,
        "ERROR_MISSING_PARAMS": exceptions.MissingParameters([]).code,
        "ERROR_NOT_AUTHORIZED": exceptions.NotAuthorized().code,
        "ERROR_USER_NOT_FOUND": exceptions.UserNotFound().code,
        "ERROR_USER_ID_EXISTS": exceptions.UserIDExists().code,
        "ERROR_INVALID_SESSION_ID": exceptions.InvalidSessionID().code,
        "ERROR_INVALID_HMAC": exceptions.InvalidHMAC().code,
        "ERROR_INVALID_RESPONSE_HMAC": exceptions.InvalidResponseHMAC().code,
        "ERROR_INVALID_USER_ID": exceptions.InvalidUserID().code,
    }


def test_names_of_classes(installed: None) -> None:
    namespace: dict[str, Any] = {}
    for line in ("from toto.session import *", "from toto.handler import *", "from toto.tasks import *"):
        exec(line, namespace)
    exec("import toto.events", namespace)
    assert namespace["TotoSession"] is sessions.Session
    assert namespace["TotoAccount"] is accounts.Account
    assert namespace["TotoHandler"] is Handler
    assert namespace["TaskQueue"] is tasks.TaskQueue
    assert namespace["toto"].events.EventManager.instance().hub is events.EventManager.instance().hub


@pytest.mark.parametrize(
    "form", ["import toto.{}", "import toto.{} as found", "from toto import {}", "from toto.{} import *"]
)
@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("server", "under any WSGI or ASGI server"),
        ("worker", "use a task queue such as Celery"),
        ("mysqldbconnection", "TOTO['STORES']"),
        ("nonsense", "toto_django has nothing of this name"),
    ],
)
def test_unknown_name_says_what_to_do_instead(installed: None, form: str, name: str, instead: str) -> None:
    with pytest.raises(ModuleNotFoundError) as missing:
        exec(form.format(name), {})
    message = str(missing.value)
    assert message.startswith(f"No module named 'toto.{name}': ")
    assert instead in message
    assert message.endswith("See docs/moving-from-toto.md of toto_django.")


def test_every_name_that_is_gone_is_no_name_that_is_there() -> None:
    finder = importlib.import_module("toto_django.compat.finder")
    assert not finder.INSTEAD.keys() & finder.MODULES.keys()
    assert all(importlib.import_module(path).__name__ == path for path in finder.MODULES.values())


# The built-in methods as modules


@pytest.mark.parametrize("is_on", [True, False])
def test_imported_built_in_methods_are_offered_only_where_the_setting_says_so(is_on: bool) -> None:
    seen = fresh(
        f"django.setup(){REGISTERED}",
        f"{DJANGO} toto_django toto_django.compat",
        METHOD_MODULES=[TREE],
        BUILTIN_METHODS=is_on,
    )
    assert seen["problems"] == []
    assert set(seen["names"]) == PORTED | (BUILT_IN if is_on else set())


def test_built_in_modules_have_an_invoke(installed: None) -> None:
    for name in sorted(BUILT_IN):
        found = importlib.import_module(f"toto.methods.{name}")
        assert found.invoke.names == (name,)


# Events


def test_event_manager_takes_totos_arguments(installed: None) -> None:
    from toto.events import EventManager

    manager = EventManager.instance()
    assert manager is EventManager.instance()
    seen: list[Any] = []
    manager.start_listening()
    manager.register_server("tcp://127.0.0.1:8889")
    registration = manager.register_handler(event_name="compat", event_handler=seen.append, persist=True)
    manager.send(event_name="compat", event_args=1)
    until(lambda: seen == [1])
    EventManager("tcp://127.0.0.1:8890").send("compat", 2)
    until(lambda: seen == [1, 2])
    manager.refresh_server_queue()
    manager.remove_server("tcp://127.0.0.1:8889")
    manager.remove_all_servers()
    manager.send("compat", 3)
    until(lambda: seen == [1, 2, 3])
    manager.remove_handler(registration)
    assert not events.EventManager.instance().is_registered(registration)


# The tree, called


@pytest.fixture
def anna(ported: None, service: Service) -> Any:
    return service.create(invitation="swordfish", city="Rome")


@pytest.mark.usefixtures("ported")
def test_ported_method_replaces_and_calls_a_built_in_one(service: Service) -> None:
    anna = {"user_id": "anna", "password": PASSWORD}
    assert error_of(service.call("account.create", anna)) == (1003, "Missing parameters: invitation")
    wrong = service.call("account.create", {**anna, "invitation": "trout"})
    assert error_of(wrong) == (1004, "Nobody invited you.")
    right = service.call("account.create", {**anna, "invitation": "swordfish", "city": "Rome"})
    assert right["result"]["user_id"] == "anna"
    assert dict(accounts.Account("anna")) == {"city": "Rome"}


def test_built_in_method_under_another_name(anna: Any, service: Service) -> None:
    answer = service.call("signin", {"user_id": "anna", "password": PASSWORD})
    assert answer["result"]["user_id"] == "anna"
    assert answer["result"]["session_id"] != anna.session_id
    assert error_of(service.call("signin", {"user_id": "anna"})) == (1003, "Missing parameters: password")


def test_session_state_and_default_parameters(anna: Any, service: Service) -> None:
    assert service.call("counter", {}, anna)["result"] == 1
    assert service.call("counter", {"by": 4}, anna)["result"] == 5
    assert service.call("counter")["session"]["user_id"] == ""


def test_account_properties(anna: Any, service: Service) -> None:
    assert service.call("profile", {"city": "Bern"}, anna)["result"] == {"user_id": "anna", "city": "Bern"}
    assert error_of(service.call("profile", {"city": "Bern"})) == (1004, "Not authorized")
    assert error_of(service.call("profile", {}, anna)) == (1003, "Missing parameters: city")


def test_totos_connection(anna: Any, service: Service) -> None:
    new = {"user_id": "anna", "password": PASSWORD, "new_password": "another " + PASSWORD}
    assert service.call("count_rows")["result"] == 1
    assert service.call("password", new)["result"] == {"user_id": "anna"}
    assert service.call("password", new)["result"] == {"refused": 1005, "is_unknown": True}
    assert error_of(service.call("profile", {"city": "Bern"}, anna)) == (1004, "Not authorized")


@pytest.mark.usefixtures("ported")
def test_raw_answers_and_redirects(service: Service) -> None:
    response = service.send("GET", "/page?name=one")
    assert (response["Content-Type"], response.content) == ("text/plain", b"page one")
    response = service.send("GET", "/page")
    assert (response.status_code, response["Location"]) == (302, "/missing")


@pytest.mark.usefixtures("ported")
def test_coroutine_method_awaits_a_task(service: Service) -> None:
    assert service.call("add", {"a": 1, "b": 2}) == {"result": 3}
    assert error_of(service.call("add", {"a": 1, "b": "2"})) == (2001, "b is a number.")


# The tree, served


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server({"METHOD_MODULES": [TREE]}, DJANGO_SETTINGS_MODULE="tests.ported_settings") as server:
        until(lambda: server.process.poll() is None and server.call("chat.waiting") == 0)
        yield server


@pytest.mark.parametrize(("method", "member"), [("chat.receive_message", "message"), ("chat.wait", "waited")])
def test_long_polls_get_the_message(server: Server, method: str, member: str) -> None:
    waiting = [server.wait(method) for _ in range(3)]
    until(lambda: server.call("chat.waiting") == 3)
    assert server.call("chat.post_message", message="é") == "message sent!"
    assert [one.answer() for one in waiting] == [{"result": {member: "é"}}] * 3
    until(lambda: server.call("chat.waiting") == 0)


@pytest.mark.parametrize("method", ["chat.receive_message", "chat.wait"])
def test_event_handler_is_forgotten_when_the_client_leaves(server: Server, method: str) -> None:
    waiting = server.wait(method)
    until(lambda: server.call("chat.waiting") == 1)
    waiting.leave()
    until(lambda: server.call("chat.waiting") == 0)


def test_task_answers_from_its_thread(server: Server) -> None:
    waiting = [server.wait("reverse", text=f"ab{n}") for n in range(8)]
    results = [one.answer()["result"] for one in waiting]
    assert [result["text"] for result in results] == [f"{n}ba" for n in range(8)]
    assert all(result["thread"].startswith("toto-task-reverse_") for result in results)


def test_sign_up_over_http(server: Server) -> None:
    ada = {"user_id": "Ada", "password": PASSWORD, "invitation": "swordfish"}
    assert server.call("account.create", **ada)["user_id"] == "ada"
    again = server.ask("account.create", **ada)
    assert error_of(again) == (1006, "User ID already in use.")


def test_server_without_it_does_not_know_the_methods_and_says_why() -> None:
    without = {"DJANGO_SETTINGS_MODULE": "tests.ported_settings", "TOTO_TEST_APPS": f"{DJANGO} toto_django"}
    with Server({"METHOD_MODULES": [TREE]}, **without) as server:
        assert error_of(server.ask("counter")) == (1001, "Cannot call 'counter'.")
        assert "No module named 'toto'" in server.said()
