"""Methods and their names.

Only what is registered here can be called: a name from the wire is looked up in one
dict, and nothing is ever reached through attributes.
"""

import importlib
import json
import logging
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import WRAPPER_ASSIGNMENTS
from types import MappingProxyType, ModuleType
from typing import Any, overload

from asgiref.sync import iscoroutinefunction
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import module_has_submodule

from toto_django.conf import Settings, settings
from toto_django.exceptions import InvalidMethod, MissingMethod, TotoException
from toto_django.messages import ABSENT, Answer, Redirect, Result
from toto_django.typed.signatures import TypedFunction, adapted, original

__all__ = ["Method", "MethodRegistry", "Policy", "Problem", "method", "registry"]

logger = logging.getLogger("toto_django")

BUILTINS = "toto_django.methods"

Function = Callable[[Any, Any], Any]


class Policy:
    """One thing a decorator asks of a call, or does to its answer."""

    name: str
    uses_session = False
    """`load` reads or makes a session."""
    required_parameters: tuple[str, ...] = ()
    """Without these it refuses a call."""
    added_parameters: Mapping[str, Any] = MappingProxyType({})
    """It adds these where they are absent."""
    own_parameters: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    """It reads these, and the function does not get them: their content descriptors in OpenRPC."""
    errors: tuple[TotoException, ...] = ()
    """What it refuses calls with, beside the errors of sessions."""

    def load(self, handler: Any, parameters: Any) -> None:
        """The only step that waits for a store."""

    async def aload(self, handler: Any, parameters: Any) -> None:
        """See load."""

    def apply(self, handler: Any, parameters: Any) -> Any:
        """The parameters the method is given. Raises a TotoException to refuse the call."""
        return parameters

    def finish(self, handler: Any, result: Result) -> Answer:
        """The answer that a result becomes."""
        return result

    def redirect(self, error: BaseException) -> Redirect | None:
        """Where an error leads instead of being answered."""
        return None

    def describe(self) -> str:
        """One word or call for listings, as the decorator is written."""
        return self.name


@dataclass(frozen=True, eq=False)
class Method:
    """A callable of the wire with its policies, outermost first.

    Calling it directly, as ported methods do, runs the same checks.
    """

    function: Function
    """Called with the handler and the parameters, whatever signature was written."""
    policies: tuple[Policy, ...] = ()
    is_asynchronous: bool = False
    """The call stays open until ``handler.respond`` is called."""
    timeout: float | None = None
    """Seconds that an asynchronous or coroutine method may take; None for METHOD_TIMEOUT."""
    on_connection_close: Callable[[Any], Any] | None = None
    names: tuple[str, ...] = ()
    """The names that `method` gave it."""
    documentation: Any = None
    """What `toto_django.description.documenting.documented` says of it."""
    is_coroutine: bool = field(init=False)

    def __post_init__(self) -> None:
        set_attribute = object.__setattr__
        set_attribute(self, "is_coroutine", iscoroutinefunction(self.function))
        set_attribute(self, "__wrapped__", self.function)
        for attribute in WRAPPER_ASSIGNMENTS:
            if hasattr(self.function, attribute):
                set_attribute(self, attribute, getattr(self.function, attribute))

    @property
    def source(self) -> str:
        """Where it comes from: the dotted path of its function."""
        owner = self.function if hasattr(self.function, "__qualname__") else type(self.function)
        return f"{owner.__module__}.{owner.__qualname__}"

    @property
    def is_builtin(self) -> bool:
        return self.source.startswith(f"{BUILTINS}.")

    def __call__(self, handler: Any, parameters: Any = ABSENT, **named: Any) -> Any:
        """Parameters as on the wire, or by name."""
        if parameters is ABSENT:
            parameters = named
        elif named:
            raise TypeError("Parameters are given as one object or by name, not both.")
        if self.is_coroutine:
            return self._acalled(handler, parameters)
        return self.function(handler, self.admit(handler, parameters))

    async def _acalled(self, handler: Any, parameters: Any) -> Any:
        return await self.function(handler, await self.aadmit(handler, parameters))

    def admit(self, handler: Any, parameters: Any) -> Any:
        """The parameters for the function, once every policy lets the call pass."""
        for policy in self.policies:
            if policy.uses_session:
                policy.load(handler, parameters)
            parameters = policy.apply(handler, parameters)
        return parameters

    async def aadmit(self, handler: Any, parameters: Any) -> Any:
        """See admit."""
        for policy in self.policies:
            if policy.uses_session:
                await policy.aload(handler, parameters)
            parameters = policy.apply(handler, parameters)
        return parameters

    def finish(self, handler: Any, result: Result) -> Answer:
        """What the policies make of a result; the innermost that changes its kind decides."""
        for policy in reversed(self.policies):
            answer = policy.finish(handler, result)
            if not isinstance(answer, Result):
                return answer
            result = answer
        return result

    def redirect(self, error: BaseException) -> Redirect | None:
        for policy in reversed(self.policies):
            if redirect := policy.redirect(error):
                return redirect
        return None

    def changed(self, **changes: Any) -> "Method":
        """A copy with these changes that takes over the registered names, so that `method` may stand anywhere
        among the decorators."""
        copy = replace(self, **changes)
        for name in copy.names:
            registry.register(name, copy)
        return copy

    @classmethod
    def of(cls, function: "Method | Function") -> "Method":
        return function if isinstance(function, cls) else cls(adapted(function))


@dataclass(frozen=True)
class Problem:
    """What went wrong while methods were collected; a system check reports it."""

    kind: str
    """"duplicate", "import", "name" or "signature"."""
    where: str
    message: str


class MethodRegistry:
    """All methods, by name."""

    def __init__(self) -> None:
        self._methods: dict[str, Method] = {}
        self.problems: list[Problem] = []

    def register(self, name: str, function: Method | Function) -> Method:
        """Add a method. A name that is taken is a Problem; the first one stays.

        A project's own method replaces a built-in one of the same name.
        """
        added = Method.of(function)
        if not all(name.split(".")) or _is_private(name):
            self._report("name", name, "A name's parts are not empty and do not begin with an underscore.")
            return added
        taken = self._methods.get(name)
        if (
            taken is not None
            and original(taken.function) is not original(added.function)
            and not taken.is_builtin
        ):
            if not added.is_builtin:
                self._report("duplicate", name, f"{added.source} and {taken.source} are both named {name!r}.")
            return added
        self._methods[name] = added
        return added

    def unregister(self, name: str) -> None:
        self._methods.pop(name, None)

    def find(self, name: Any) -> Method:
        """The method that a call names. Raises MissingMethod, InvalidMethod."""
        if name is ABSENT or name is None:
            raise MissingMethod
        if not isinstance(name, str):
            raise InvalidMethod(json.dumps(name, default=str, skipkeys=True))
        found = self._methods.get(name)
        if found is None:
            raise InvalidMethod(name)
        return found

    def get(self, name: str) -> Method | None:
        return self._methods.get(name)

    def names(self) -> list[str]:
        return sorted(self._methods)

    def signature_problems(self) -> list[Problem]:
        """The methods whose parameters cannot be checked; all others are made ready for their first call."""
        return [
            Problem("signature", name, problem)
            for name, method in self
            if isinstance(method.function, TypedFunction)
            and (problem := method.function.problem() or _stray_parameters(method.function, method.policies))
        ]

    def __iter__(self) -> Iterator[tuple[str, Method]]:
        return iter(sorted(self._methods.items()))

    def __len__(self) -> int:
        return len(self._methods)

    # Collecting

    def discover(self) -> None:
        """Import every app's ``methods``, then the trees of METHOD_MODULES, then the built-in methods."""
        for config in apps.get_app_configs():
            if config.name != "toto_django" and module_has_submodule(config.module, "methods"):
                self._import_all(f"{config.name}.methods")
        roots = settings.METHOD_MODULES
        for root in roots if Settings.METHOD_MODULES.valid(roots) else ():
            self.add_tree(root)
        if settings.BUILTIN_METHODS:
            self._import_all(BUILTINS)

    def add_tree(self, root: str) -> None:
        """Add a package of Toto-style modules with ``invoke(handler, parameters)``, named by their paths."""
        for module in self._modules(root):
            invoke = vars(module).get("invoke")
            name = module.__name__[len(root) + 1 :]
            if not callable(invoke) or not name or _is_private(name):
                continue
            closing = vars(module).get("on_connection_close")
            self.register(name, replace(Method.of(invoke), on_connection_close=closing))

    def _import_all(self, root: str) -> None:
        for _ in self._modules(root):
            """Importing is all: the modules' `method` decorators register."""

    def _modules(self, root: str) -> Iterator[ModuleType]:
        """A module and, if it is a package, all modules below it; those that fail to import are Problems."""
        module = self._import(root)
        if module is None:
            return
        yield module
        for info in pkgutil.iter_modules(getattr(module, "__path__", ())):
            yield from self._modules(f"{root}.{info.name}")

    def _import(self, path: str) -> ModuleType | None:
        try:
            return importlib.import_module(path)
        except Exception as error:
            logger.exception("cannot import the methods of %s", path)
            self._report("import", path, f"{type(error).__name__}: {error}")
            return None

    def _report(self, kind: str, where: str, message: str) -> None:
        problem = Problem(kind, where, message)
        if problem not in self.problems:
            self.problems.append(problem)


def _stray_parameters(function: TypedFunction, policies: tuple[Policy, ...]) -> str | None:
    """Every call would be refused if decorators named what the function does not take."""
    for policy in policies:
        for name in (*policy.required_parameters, *policy.added_parameters):
            if not function.takes(name):
                return f"{function.signature.where} takes no {name!r}, which {policy.name} names."
    return None


def _is_private(name: str) -> bool:
    """Some part of a name begins with an underscore: such modules are helpers, not methods."""
    return any(part.startswith("_") for part in name.split("."))


registry = MethodRegistry()


@overload
def method(name: Function | Method) -> Method: ...
@overload
def method(name: str) -> Callable[[Function | Method], Method]: ...
def method(name: Any) -> Any:
    """Register a method: ``@method`` as ``<app label>.<function>``, ``@method("a.b.c")`` by that name.

    Stands above or below the decorators of `toto_django.invocation`. Raises
    ImproperlyConfigured where no installed app holds the function and no name is given.
    """
    if isinstance(name, str):
        return lambda function: _named(function, name)
    return _named(name, _default_name(name))


def _named(function: Function | Method, name: str) -> Method:
    named = Method.of(function)
    return named.changed(names=(*named.names, name))


def _default_name(function: Any) -> str:
    config = apps.get_containing_app_config(function.__module__)
    if config is None:
        raise ImproperlyConfigured(
            f"{function.__module__}.{function.__name__} lies in no installed app: name it, @method('a.b.c')."
        )
    return f"{config.label}.{function.__name__}"
