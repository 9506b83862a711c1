"""manage.py toto_clearsessions: what a daily job runs."""

from typing import Any

from django.core.management.base import BaseCommand

from toto_django.stores import session_store


class Command(BaseCommand):
    help = "Deletes expired sessions. They open nothing any more; this only frees their space."

    def handle(self, *args: Any, **options: Any) -> None:
        count = session_store().clear_expired_sessions()
        if options["verbosity"] > 0:
            self.stdout.write(f"{count} expired sessions deleted.")
