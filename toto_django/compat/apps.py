from types import ModuleType

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from toto_django.compat.finder import install


class CompatConfig(AppConfig):
    name = "toto_django.compat"
    label = "toto_django_compat"
    verbose_name = _("Names of Toto")

    def __init__(self, app_name: str, app_module: ModuleType | None) -> None:
        """Apps are made before any model or method is imported, wherever they stand in INSTALLED_APPS."""
        super().__init__(app_name, app_module)
        install()
