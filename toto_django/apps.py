from importlib import import_module

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class TotoConfig(AppConfig):
    name = "toto_django"
    verbose_name = _("Toto")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from toto_django import checks, receivers
        from toto_django.registry import registry

        checks.register_all()
        receivers.connect_all()
        registry.discover()
        if apps.is_installed("drf_spectacular"):
            import_module("toto_django.openapi")
