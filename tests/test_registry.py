"""Names and where they come from: `method`, discovery, trees, duplicates, failing imports."""

import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.calls import Service
from tests.service.methods import misc
from toto_django import method
from toto_django.checks import check_methods
from toto_django.conf import Settings
from toto_django.exceptions import InvalidMethod, MissingMethod
from toto_django.invocation import authenticated, requires
from toto_django.messages import ABSENT
from toto_django.registry import Method, MethodRegistry, registry

Toto = Callable[..., None]
Tree = Callable[..., str]

INVOKE = "def invoke(handler, parameters):\n    return {!r}\n"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tree]:
    """``tree({"a/b.py": source})`` writes a package and returns its dotted path."""
    monkeypatch.syspath_prepend(tmp_path)
    root = f"tree_{tmp_path.name.replace('-', '_')}"

    def written(files: dict[str, str]) -> str:
        for name, source in {"__init__.py": "", **files}.items():
            path = tmp_path / root / name
            for folder in reversed(path.parents):
                if folder.is_relative_to(tmp_path / root):
                    folder.mkdir(exist_ok=True)
                    (folder / "__init__.py").touch()
            path.write_text(source)
        return root

    yield written
    for name in [name for name in sys.modules if name.partition(".")[0] == root]:
        del sys.modules[name]


@pytest.fixture
def global_names() -> Iterator[None]:
    """Names added to the one registry are removed again, and problems forgotten."""
    names, problems = set(registry.names()), list(registry.problems)
    yield
    for name in set(registry.names()) - names:
        registry.unregister(name)
    registry.problems[:] = problems


def nothing(handler: Any, parameters: Any) -> Any:
    """For names."""


def something(handler: Any, parameters: Any) -> Any:
    """For names."""


# Finding


@pytest.mark.parametrize("name", [ABSENT, None])
def test_absent_or_null_name_is_a_missing_method(name: Any) -> None:
    with pytest.raises(MissingMethod):
        registry.find(name)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("nope", "nope"),
        ("ECHO", "ECHO"),
        (" echo", " echo"),
        ("echo.", "echo."),
        ("", ""),
        ("echo.invoke", "echo.invoke"),
        ("echo.__class__", "echo.__class__"),
        ("account.create.accounts", "account.create.accounts"),
        ("ret", "ret"),
        (5, "5"),
        (False, "false"),
        (["a", {"é": None}], '["a", {"\\u00e9": null}]'),
        (b"echo", "\"b'echo'\""),
        ({b"a": 1}, "{"),
        ("é" * 300, "é" * 255 + "…"),
    ],
    ids=repr,
)
def test_any_other_unknown_name_is_an_invalid_method_that_is_shown(name: Any, shown: str) -> None:
    with pytest.raises(InvalidMethod) as refused:
        registry.find(name)
    assert refused.value.value.startswith(f"Cannot call '{shown}")
    assert refused.value.value.endswith("'.")


@pytest.mark.parametrize("name", ["_private", "a._b.c", "__init__", "", "a.", ".a", "a..b"])
def test_private_and_empty_names_cannot_be_registered(name: str) -> None:
    assert registry.get("_private") is None, "the tree has such a module"
    added = MethodRegistry()
    added.register(name, nothing)
    assert added.names() == []
    assert [(problem.kind, problem.where) for problem in added.problems] == [("name", name)]


def test_registry_lists_its_methods_in_the_order_of_their_names() -> None:
    added = MethodRegistry()
    for name in ("b", "a.b", "a"):
        added.register(name, nothing)
    assert added.names() == ["a", "a.b", "b"] == [name for name, _ in added]
    assert len(added) == 3
    assert added.find("a").source == f"{__name__}.nothing"
    added.unregister("a")
    assert added.get("a") is None


# @method


def test_bare_method_is_named_by_app_label_and_function(global_names: None) -> None:
    def greet(handler: Any, parameters: Any) -> Any: ...

    greet.__module__ = misc.__name__
    assert method(greet).names == ("service.greet",)
    assert registry.get("service.greet") is not None


def test_bare_method_outside_of_every_app_must_be_named() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"nothing lies in no installed app"):
        method(nothing)


def test_method_above_or_below_other_decorators_registers_all_of_them(global_names: None) -> None:
    @method("test.above")
    @authenticated
    @requires("x")
    def above(handler: Any, parameters: Any) -> Any: ...

    @authenticated
    @method("test.between")
    @requires("x")
    def between(handler: Any, parameters: Any) -> Any: ...

    @authenticated
    @requires("x")
    @method("test.below")
    def below(handler: Any, parameters: Any) -> Any: ...

    for name in ("test.above", "test.between", "test.below"):
        policies = [policy.describe() for policy in registry.find(name).policies]
        assert policies == ["authenticated", "requires(x)"]


def test_one_function_can_have_several_names(global_names: None) -> None:
    method("test.one")(method("test.two")(nothing))
    assert registry.find("test.one").function is registry.find("test.two").function is nothing


def test_method_looks_like_its_function() -> None:
    made = Method.of(nothing)
    assert (made.__name__, made.__doc__, made.__module__) == ("nothing", "For names.", __name__)
    assert Method.of(made) is made


class Callable_:
    def __call__(self, handler: Any, parameters: Any) -> Any:
        return "called"


@pytest.mark.parametrize(
    "function",
    [Callable_(), functools.partial(lambda bound, handler, parameters: bound, "called")],
    ids=["object", "partial"],
)
def test_any_callable_can_be_a_method(function: Any) -> None:
    added = MethodRegistry()
    added.register("x", function)
    assert added.find("x")(None, {}) == "called"


# Duplicates


def test_second_method_of_a_name_is_a_problem_and_the_first_one_stays() -> None:
    added = MethodRegistry()
    added.register("x", nothing)
    added.register("x", something)
    assert added.find("x").function is nothing
    [problem] = added.problems
    assert (problem.kind, problem.where) == ("duplicate", "x")
    assert "nothing" in problem.message
    assert "something" in problem.message


def test_same_function_again_is_no_problem() -> None:
    added = MethodRegistry()
    added.register("x", nothing)
    added.register("x", authenticated(nothing))
    assert added.problems == []
    assert len(added.find("x").policies) == 1


def test_two_functions_of_one_qualified_name_are_duplicates() -> None:
    def make() -> Any:
        return lambda handler, parameters: None

    added = MethodRegistry()
    first = make()
    added.register("x", first)
    added.register("x", make())
    assert added.find("x").function is first
    assert [problem.kind for problem in added.problems] == ["duplicate"]


@pytest.mark.parametrize("own_first", [True, False])
def test_own_method_replaces_a_built_in_one_without_a_problem(own_first: bool) -> None:
    built_in = registry.find("account.login")
    added = MethodRegistry()
    for each in (nothing, built_in) if own_first else (built_in, nothing):
        added.register("account.login", each)
    assert added.find("account.login").function is nothing
    assert added.problems == []


# Discovery


def test_apps_trees_and_built_in_methods_are_discovered() -> None:
    assert {"misc.status", "auth.required", "echo", "account.create", "client_error"} <= set(registry.names())
    assert registry.problems == []


def test_tree_names_methods_by_their_paths(tree: Tree) -> None:
    root = tree({"a.py": INVOKE.format(1), "b/c.py": INVOKE.format(2), "b/__init__.py": INVOKE.format(3)})
    added = MethodRegistry()
    added.add_tree(root)
    assert {name: found(None, {}) for name, found in added} == {"a": 1, "b": 3, "b.c": 2}


def test_tree_module_without_a_callable_is_no_method(tree: Tree) -> None:
    root = tree({"a.py": "x = 1\n", "b.py": "invoke = 5\n", "_c.py": INVOKE.format(1)})
    added = MethodRegistry()
    added.add_tree(root)
    assert added.names() == []


def test_tree_keeps_policies_and_the_closing_function(tree: Tree) -> None:
    source = "from toto_django.invocation import *\n@authenticated\n" + INVOKE.format(1)
    root = tree({"a.py": source + "def on_connection_close(handler):\n    pass\n"})
    added = MethodRegistry()
    added.add_tree(root)
    found = added.find("a")
    assert [policy.name for policy in found.policies] == ["authenticated"]
    assert found.on_connection_close is not None


@pytest.mark.parametrize("source", ["import nowhere", "syntax error", "1 / 0"])
def test_module_that_does_not_import_is_a_problem_and_the_others_are_served(tree: Tree, source: str) -> None:
    root = tree({"a.py": source + "\n", "b.py": INVOKE.format(1)})
    added = MethodRegistry()
    added.add_tree(root)
    assert added.names() == ["b"]
    [problem] = added.problems
    assert (problem.kind, problem.where) == ("import", f"{root}.a")
    assert problem.message.partition(":")[0] in {"ModuleNotFoundError", "SyntaxError", "ZeroDivisionError"}


def test_problems_become_system_check_messages(global_names: None, tree: Tree) -> None:
    registry.add_tree(tree({"a.py": "import nowhere\n", "echo.py": INVOKE.format(1)}))
    registry.register("_private", nothing)
    messages = {message.id: message.msg for message in check_methods(None)}
    assert "No module named 'nowhere'" in messages["toto_django.E012"]
    assert "both named 'echo'" in messages["toto_django.E011"]
    assert messages["toto_django.E013"].startswith("_private: ")


def test_tree_named_by_the_setting_is_discovered(tree: Tree, toto: Toto) -> None:
    toto(METHOD_MODULES=[tree({"a.py": INVOKE.format(1)})], BUILTIN_METHODS=False)
    added = MethodRegistry()
    added.discover()
    assert added.names() == ["a"]


@pytest.mark.parametrize(
    "modules", [["no.such.package"], ["tests.service.tree.echo.x"], [""], "tree", 5, None]
)
def test_tree_that_cannot_be_found_never_stops_the_start(modules: Any, toto: Toto) -> None:
    toto(METHOD_MODULES=modules)
    added = MethodRegistry()
    added.discover()
    assert added.problems or not Settings.METHOD_MODULES.valid(modules)


# On the wire


def test_method_that_was_registered_later_can_be_called(service: Service, register: Any) -> None:
    register("test.later", lambda handler, parameters: parameters["x"])
    assert service.call("test.later", {"x": 5}) == {"result": 5}
