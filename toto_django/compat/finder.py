"""What an import of ``toto`` or ``toto.x`` finds: modules of this package under their old names."""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

from django.core.exceptions import ImproperlyConfigured

__all__ = ["install", "uninstall"]

PACKAGES = ("toto", "toto.methods", "toto.methods.account")

MODULES = {
    "toto.events": "toto_django.compat.events",
    "toto.exceptions": "toto_django.compat.exceptions",
    "toto.handler": "toto_django.compat.handler",
    "toto.invocation": "toto_django.invocation",
    "toto.session": "toto_django.compat.session",
    "toto.tasks": "toto_django.tasks",
    "toto.methods.account.create": "toto_django.compat.account.create",
    "toto.methods.account.login": "toto_django.compat.account.login",
    "toto.methods.account.logout": "toto_django.compat.account.logout",
    "toto.methods.account.update": "toto_django.compat.account.update",
    "toto.methods.client_error": "toto_django.compat.client_error",
}

_DATABASE = "handler.connection has accounts and sessions, TOTO['STORES'] says where they are kept"
_SERVER = "Django serves the methods, under any WSGI or ASGI server"
_WORKER = "toto.tasks runs short work in threads; use a task queue such as Celery for the rest"

INSTEAD = {
    "toto.clientsessioncache": "TOTO['SESSIONS'] names the store of sessions",
    "toto.dbconnection": _DATABASE,
    "toto.httpworkerconnection": _WORKER,
    "toto.jsondbconnection": _DATABASE,
    "toto.mongodbconnection": _DATABASE,
    "toto.mysqldbconnection": _DATABASE,
    "toto.postgresconnection": _DATABASE,
    "toto.redisconnection": _DATABASE,
    "toto.server": _SERVER,
    "toto.service": _SERVER,
    "toto.worker": _WORKER,
    "toto.workerconnection": _WORKER,
    "toto.zmqworkerconnection": _WORKER,
}


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != "toto":
            return None
        if fullname in PACKAGES:
            return ModuleSpec(fullname, _Package(), is_package=True)
        if fullname in MODULES:
            return ModuleSpec(fullname, _Alias())
        # Without `name`, by which ``from toto import x`` would take it for an ordinary miss and say less.
        raise ModuleNotFoundError(_what_to_do(fullname))


class _Package(Loader):
    def exec_module(self, module: ModuleType) -> None:
        module.__doc__ = "Names of Toto, provided by toto_django.compat."


class _Alias(Loader):
    def exec_module(self, module: ModuleType) -> None:
        """The import system goes on with what stands in ``sys.modules`` afterwards."""
        sys.modules[module.__name__] = importlib.import_module(MODULES[module.__name__])


_finder = _Finder()


def install() -> None:
    """Let ``import toto.invocation`` and its like find their successors here.

    Harmless when done already. Raises ImproperlyConfigured where another ``toto`` can be
    imported: its exceptions and decorators are not those of this package.
    """
    if _finder in sys.meta_path:
        return
    other = _other_package()
    if other is not None:
        raise ImproperlyConfigured(
            f"toto_django.compat stands in for the package toto, but there is one: {other}. "
            "Uninstall or rename it, or take toto_django.compat out (docs/moving-from-toto.md)."
        )
    sys.meta_path.insert(0, _finder)


def uninstall() -> None:
    """Take `install` back. Modules that were imported by then keep what they have."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
        for name in (*PACKAGES, *MODULES):
            sys.modules.pop(name, None)


def _other_package() -> str | None:
    """Where it is. A mere folder of that name, without ``__init__.py``, is none."""
    loaded = sys.modules.get("toto")
    if loaded is not None:
        return str(getattr(loaded, "__file__", loaded))
    spec = find_spec("toto")
    return spec.origin if spec is not None else None


def _what_to_do(name: str) -> str:
    instead = INSTEAD.get(name, "toto_django has nothing of this name")
    return f"No module named {name!r}: {instead}. See docs/moving-from-toto.md of toto_django."
