"""manage.py toto_clearsessions: what a daily job runs."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from toto_django.conf import settings
from toto_django.exceptions import Unavailable
from toto_django.stores import get_store


class Command(BaseCommand):
    help = "Deletes expired sessions. They open nothing any more; this only frees their space."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--store",
            help="An alias of TOTO['STORES'], such as one whose sessions are no longer used. "
            "Default: TOTO['SESSIONS'].",
        )

    def handle(self, *args: Any, store: str | None = None, **options: Any) -> None:
        alias = store or settings.SESSIONS
        try:
            count = get_store(alias).clear_expired_sessions()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        except Unavailable as error:
            raise CommandError(f"The store {alias!r} does not answer: {error.__cause__ or error}") from error
        if options["verbosity"] > 0:
            self.stdout.write(f"{count} expired sessions deleted.")
