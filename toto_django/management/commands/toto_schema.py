"""manage.py toto_schema: the methods as an OpenRPC document or types, and what has changed since another."""

import json
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from toto_django.description.compatibility import changes
from toto_django.description.openrpc import document
from toto_django.description.python import python
from toto_django.description.typescript import typescript

FORMATS: dict[str, Callable[[dict[str, Any]], str]] = {
    "openrpc": lambda made: json.dumps(made, indent=2) + "\n",
    "typescript": typescript,
    "python": python,
}


class Command(BaseCommand):
    help = (
        "Writes the OpenRPC description of the methods, or types of them; or compares it with an older one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--format", choices=FORMATS, default="openrpc", help="What to write. Default: openrpc."
        )
        parser.add_argument("--output", type=Path, metavar="FILE", help="Write there, not to the terminal.")
        parser.add_argument("--url", help="The service's absolute URL, for the description's servers.")
        parser.add_argument(
            "--check",
            type=Path,
            metavar="FILE",
            help="Tell what changed since this description; exit with 1 if it breaks clients.",
        )

    def handle(
        self,
        *args: Any,
        format: str,
        output: Path | None,
        url: str | None,
        check: Path | None,
        **options: Any,
    ) -> None:
        made = document(url)
        if check is not None:
            self._compare(_read(check), made)
        text = FORMATS[format](made)
        if output is not None:
            output.write_text(text, encoding="utf-8")
        elif check is None:
            self.stdout.write(text, ending="")

    def _compare(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        try:
            found = changes(old, new)
        except (KeyError, TypeError, AttributeError) as error:
            raise CommandError("The file is no OpenRPC description of this project.") from error
        for change in found:
            self.stdout.write(str(change))
        broken = sum(change.is_breaking for change in found)
        if broken:
            raise CommandError(f"{broken} change{'s' if broken > 1 else ''} would break clients.")


def _read(path: Path) -> dict[str, Any]:
    try:
        recorded: dict[str, Any] = json.loads(path.read_text())
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise CommandError(f"{path} is not JSON: {error}.") from error
    return recorded
