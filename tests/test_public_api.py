"""What is public: ``__all__`` of every module, the ten decorators, the twins' signatures."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import toto_django
from toto_django.sessions import Session
from toto_django.stores import Store

NOT_API = ("migrations", "management", "apps", "admin")
"""What Django reads by its own rules; the admin only where django.contrib.admin is installed."""
STAND_ALONE = {Session: {"update"}}
"""Methods whose twin has another signature on purpose: Session.update is a dict's update too."""


def modules() -> Iterator[ModuleType]:
    yield toto_django
    yield from _below(toto_django)


def _below(package: ModuleType) -> Iterator[ModuleType]:
    for info in pkgutil.iter_modules(package.__path__):
        if info.name in NOT_API:
            continue
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        yield module
        if info.ispkg:
            yield from _below(module)


MODULES = list(modules())
each_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)


def defined(module: ModuleType) -> set[str]:
    """The public functions and classes that a module defines."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    }


@each_module
def test_all_names_what_is_there(module: ModuleType) -> None:
    names = getattr(module, "__all__", [])
    assert len(set(names)) == len(names)
    assert [name for name in names if not hasattr(module, name)] == []
    assert [name for name in names if name.startswith("_")] == []
    for name in names:
        value = getattr(module, name)
        assert not isinstance(value, ModuleType), f"{name} is a module"


@each_module
def test_every_public_function_and_class_is_in_all(module: ModuleType) -> None:
    assert defined(module) - set(getattr(module, "__all__", [])) == set()


@each_module
def test_star_import_gives_exactly_all(module: ModuleType) -> None:
    if not hasattr(module, "__all__"):
        assert defined(module) == set()
        return
    namespace: dict[str, Any] = {}
    exec(f"from {module.__name__} import *", namespace)
    assert namespace.keys() - {"__builtins__"} == set(module.__all__)


def test_package_gives_the_decorator_and_its_version() -> None:
    assert toto_django.__all__ == ["method"]
    assert toto_django.__version__.count(".") == 2


def test_star_import_of_invocation_gives_the_ten() -> None:
    namespace: dict[str, Any] = {}
    exec("from toto_django.invocation import *", namespace)
    assert namespace.keys() - {"__builtins__"} == {
        "anonymous_session",
        "asynchronous",
        "authenticated",
        "authenticated_with_parameter",
        "default_parameters",
        "error_redirect",
        "jsonp",
        "optionally_authenticated",
        "raw_response",
        "requires",
    }


@each_module
def test_everything_public_is_documented(module: ModuleType) -> None:
    own = [getattr(module, name) for name in getattr(module, "__all__", []) if name in defined(module)]
    without = [value.__name__ for value in own if not (value.__doc__ or "").strip()]
    errors = {value.__name__ for value in own if inspect.isclass(value) and issubclass(value, Exception)}
    assert set(without) - errors == set()


# Twins


def twins() -> Iterator[Any]:
    """Every pair of a function and its ``a`` twin, on modules and on classes."""
    classes = {value for module in MODULES for value in vars(module).values() if inspect.isclass(value)}
    own = {value for value in classes if value.__module__.startswith("toto_django")}
    for holder in [*MODULES, *sorted(own, key=lambda value: value.__qualname__)]:
        skipped = STAND_ALONE.get(holder, set())
        for name, value in vars(holder).items():
            twin = vars(holder).get(f"a{name}")
            if inspect.isfunction(value) and inspect.iscoroutinefunction(twin) and name not in skipped:
                yield pytest.param(value, twin, id=f"{holder.__name__}.{name}")


@pytest.mark.parametrize(("function", "twin"), list(twins()))
def test_twin_has_the_same_signature_and_refers_to_it(function: Any, twin: Any) -> None:
    own, other = inspect.signature(function), inspect.signature(twin)
    shared = [parameter for name, parameter in other.parameters.items() if name in own.parameters]
    assert shared == list(own.parameters.values())
    extra = [parameter for name, parameter in other.parameters.items() if name not in own.parameters]
    assert all(parameter.default is not parameter.empty for parameter in extra)


def test_every_method_of_the_store_contract_has_its_twin() -> None:
    plain = [
        name
        for name in vars(Store)
        if inspect.isfunction(vars(Store)[name]) and not name.startswith(("_", "a"))
    ]
    assert len(plain) > 10
    assert [name for name in plain if not inspect.iscoroutinefunction(getattr(Store, f"a{name}", None))] == []
