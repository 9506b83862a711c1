"""The servers that are measured: this project's, and its peers on the fastest servers for each."""

from collections.abc import Mapping
from typing import Any

from benchmarks.processes import Server

__all__ = [
    "BOLT",
    "DJANGO",
    "DRF_GRANIAN",
    "DRF_GUNICORN",
    "MODERN_RPC",
    "MODERN_RPC_WSGI",
    "NINJA",
    "PLAIN_DJANGO_WSGI",
    "RAW",
    "TORNADO",
    "TOTO",
    "TOTO_WSGI",
    "toto",
]

UVICORN = ("-m", "uvicorn", "--no-access-log", "--lifespan", "off", "--port", "{port}")
GRANIAN = ("-m", "granian", "--interface", "wsgi", "--blocking-threads", "8", "--no-log", "--port", "{port}")
GUNICORN = ("-m", "gunicorn", "--worker-class", "gthread", "--threads", "8", "--bind", "127.0.0.1:{port}")
ASGI = ("--factory", "django.core.asgi:get_asgi_application")
WSGI = ("--factory", "django.core.wsgi:get_wsgi_application")

EXAMPLE = {
    "DJANGO_SETTINGS_MODULE": "benchmarks.service.settings",
    "EXAMPLE_DEBUG": "0",
    "EXAMPLE_HOSTS": "127.0.0.1",
    "EXAMPLE_SECRET_KEY": "a long and constant key for benchmarks, which is nobody's secret",
}


def toto(name: str = "toto", *options: str, **environment: str) -> Server:
    """This project's server with the settings of the example project, as in production."""
    return Server(
        name,
        ("manage.py", "toto", "--port={port}", *options),
        environment={**EXAMPLE, **environment},
        prepare="benchmarks.service.prepare",
    )


def _peer(
    name: str, command: tuple[str, ...], urls: str, *apps: str, modules: tuple[str, ...] = (), **more: Any
) -> Server:
    """A peer that is a Django project."""
    settings: Mapping[str, Any] = {"ROOT_URLCONF": f"benchmarks.peers.{urls}", "INSTALLED_APPS": apps, **more}
    return Server(
        name,
        command,
        modules=modules,
        settings=settings,
        environment={"DJANGO_SETTINGS_MODULE": "benchmarks.peers.settings"},
        prepare="benchmarks.peers.prepare",
    )


TOTO = toto()
TOTO_WSGI = Server(
    "toto, granian WSGI",
    (*GRANIAN, "--factory", "toto_django.wsgi:get_wsgi_application"),
    modules=("granian",),
    environment=EXAMPLE,
    prepare="benchmarks.service.prepare",
)
RAW = Server("raw ASGI, uvicorn", (*UVICORN, "benchmarks.peers.raw:application"))
TORNADO = Server("Tornado", ("-m", "benchmarks.peers.tornado_service", "{port}"), modules=("tornado",))
DJANGO = _peer("Django, uvicorn", (*UVICORN, *ASGI), "django_views")
PLAIN_DJANGO_WSGI = _peer("Django, granian WSGI", (*GRANIAN, *WSGI), "django_views", modules=("granian",))
NINJA = _peer("django-ninja, uvicorn", (*UVICORN, *ASGI), "ninja_api", modules=("ninja",))
MODERN_RPC = _peer("django-modern-rpc, uvicorn", (*UVICORN, *ASGI), "modern_rpc", modules=("modernrpc",))
MODERN_RPC_WSGI = _peer(
    "django-modern-rpc, granian WSGI", (*GRANIAN, *WSGI), "modern_rpc", modules=("modernrpc", "granian")
)
_DRF = ("rest_framework", "rest_framework.authtoken")
DRF_GRANIAN = _peer("DRF, granian WSGI", (*GRANIAN, *WSGI), "drf", *_DRF, modules=("granian",))
DRF_GUNICORN = _peer(
    "DRF, gunicorn gthread",
    (*GUNICORN, "django.core.wsgi:get_wsgi_application()"),
    "drf",
    *_DRF,
)
BOLT = _peer(
    "django-bolt, its server in Rust",
    ("-m", "django", "runbolt", "--host", "127.0.0.1", "--port", "{port}", "--no-admin"),
    "bolt",
    "django_bolt",
    modules=("django_bolt",),
    BOLT_API=["benchmarks.peers.bolt:api"],
)
