"""manage.py toto_import: accounts and sessions of an original Toto server."""

import os
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import closing
from typing import Any

from django.contrib.auth.hashers import get_hasher
from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from toto_django.exceptions import Unavailable
from toto_django.hashers import TotoPBKDF2PasswordHasher
from toto_django.importing.address import parsed
from toto_django.importing.base import Selection, Source, SourceError
from toto_django.importing.importer import Importer
from toto_django.importing.json import JSONSource
from toto_django.importing.mongodb import MongoDBSource
from toto_django.importing.redis import RedisSource
from toto_django.importing.report import Progress, Tally
from toto_django.importing.scratch import Claims
from toto_django.importing.sql import SQLSource
from toto_django.stores import account_store, session_store

PASSWORD_VARIABLE = "TOTO_IMPORT_PASSWORD"  # noqa: S105 (the variable's name)
MAX_BATCH = 10_000
AGAIN = "Run the same command again: it goes on from there."
INTERRUPTED = 130
"""The exit status after Ctrl-C, as shells know it."""
SOURCES = {
    "mysql": SQLSource,
    "postgresql": SQLSource,
    "mongodb": MongoDBSource,
    "redis": RedisSource,
    "json": JSONSource,
}
HASHER = f"{TotoPBKDF2PasswordHasher.__module__}.{TotoPBKDF2PasswordHasher.__qualname__}"


class Command(BaseCommand):
    help = "Takes accounts, and live sessions, from an original Toto server's database."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "source",
            help="mysql://user:password@host:port/database, postgresql://..., mongodb://..., redis://.../0 "
            f"or the path of a JSON file. The password may be in the environment, as {PASSWORD_VARIABLE}.",
        )
        parser.add_argument("--sessions", action="store_true", help="Take sessions too, with their state.")
        parser.add_argument("--dry-run", action="store_true", help="Read and report; write nothing.")
        parser.add_argument("--batch-size", type=_batch_size, default=1000, help="Rows in one step (1000).")
        parser.add_argument("--properties", type=_names, help="Take only these fields as properties: a,b.")
        parser.add_argument(
            "--without-properties", type=_names, help="Leave these fields out: a,b.", default=()
        )
        parser.add_argument("--no-progress", action="store_true", help="No progress line on a terminal.")

    def handle(self, *args: Any, **options: Any) -> None:
        _require_hasher()
        try:
            account_store().ping()
            if options["sessions"]:
                _require_adoption()
            selection = Selection(options["properties"], options["without_properties"])
            with closing(_opened(options["source"], selection)) as source, closing(Claims()) as claims:
                self._import(self._importer(source, claims, options), options)
        except (SourceError, Unavailable, Error) as error:
            raise CommandError(_told(error)) from None

    def _importer(self, source: Source, claims: Claims, options: dict[str, Any]) -> Importer:
        verb = "would be taken" if options["dry_run"] else "taken"
        details = self.stdout.write if options["verbosity"] > 1 else None
        has_line = options["verbosity"] > 0 and not options["no_progress"] and self.stderr.isatty()
        terminal: Any = self.stderr._out
        return Importer(
            source=source,
            claims=claims,
            accounts=Tally("accounts", verb, details),
            sessions=Tally("sessions", verb, details),
            progress=Progress(terminal if has_line else None),
            batch_size=options["batch_size"],
            is_dry_run=options["dry_run"],
        )

    def _import(self, importer: Importer, options: dict[str, Any]) -> None:
        """Report how far it came, whatever happens."""
        try:
            importer.take_accounts()
            if options["sessions"]:
                importer.take_sessions()
        except KeyboardInterrupt:
            raise CommandError(f"Interrupted. {AGAIN}", returncode=INTERRUPTED) from None
        except (SourceError, Unavailable, Error) as error:
            hint = f"\n{AGAIN}" if importer.accounts.read else ""
            raise CommandError(f"{_told(error)}{hint}") from None
        finally:
            importer.progress.clear()
            if options["verbosity"] > 0:
                self._report(importer, options["sessions"])

    def _report(self, importer: Importer, with_sessions: bool) -> None:
        for tally in [importer.accounts, importer.sessions][: 1 + with_sessions]:
            for line in tally.lines():
                self.stdout.write(line)


def _opened(text: str, selection: Selection) -> Source:
    """Raises SourceError."""
    address = parsed(text, os.environ.get(PASSWORD_VARIABLE, ""))
    return SOURCES[address.kind](address, selection)


def _require_hasher() -> None:
    algorithm = TotoPBKDF2PasswordHasher.algorithm
    try:
        get_hasher(algorithm)
    except ValueError:
        raise CommandError(
            "Nobody could log in without the hasher of the old passwords. "
            f'Add this line at the end of PASSWORD_HASHERS:\n    "{HASHER}",'
        ) from None
    if get_hasher("default").algorithm == algorithm:
        raise CommandError(f"{HASHER} stands first in PASSWORD_HASHERS: new passwords would get weak hashes.")


def _require_adoption() -> None:
    try:
        session_store().adopt_sessions([])
    except NotImplementedError:
        raise CommandError(
            f"The store {session_store().alias!r} (TOTO['SESSIONS']) cannot keep sessions "
            "under their old ids. Import without --sessions: everybody logs in again."
        ) from None


def _told(error: Exception) -> str:
    if isinstance(error, SourceError):
        return f"The source: {error}"
    return f"A store of this service failed: {' '.join(str(error.__cause__ or error).split())}"


def _names(text: str) -> frozenset[str]:
    return frozenset(filter(None, map(str.strip, text.split(","))))


def _batch_size(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_BATCH:
        raise ArgumentTypeError(f"a whole number from 1 to {MAX_BATCH}")
    return int(text)
