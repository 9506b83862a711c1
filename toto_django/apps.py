from django.apps import AppConfig
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
