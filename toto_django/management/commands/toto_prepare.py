"""manage.py toto_prepare: what each deployment runs, beside migrate."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from toto_django.conf import settings
from toto_django.exceptions import Unavailable
from toto_django.stores import get_store


class Command(BaseCommand):
    help = "Creates what the stores need on their servers, such as indexes. What is there already stays."
    # What it creates is what the checks would warn of.
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        is_said = options["verbosity"] > 0
        has_created = False
        for alias in dict.fromkeys([settings.ACCOUNTS, settings.SESSIONS]):
            for line in _prepared(alias):
                has_created = True
                if is_said:
                    self.stdout.write(f"{alias}: {line}")
        if is_said and not has_created:
            self.stdout.write("Nothing to do.")


def _prepared(alias: str) -> list[str]:
    try:
        store = get_store(alias)
        store.ping()
        return store.prepare()
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from error
    except Unavailable as error:
        raise CommandError(f"The store {alias!r} does not answer: {error.__cause__ or error}") from error
