"""manage.py toto: the server."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from toto_django.server import TotoServer
from toto_django.server.arguments import add_arguments, given, known_arguments
from toto_django.server.problems import ServerProblem


class Command(BaseCommand):
    help = "Serves the project, in the foreground or as a daemon (--start, --stop, --status, --reload)."
    # Only before something is started: a daemon can be stopped whatever the checks say.
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, allow_abbrev=False, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--skip-checks", action="store_true", help="Skip the system checks.")
        add_arguments(parser)

    def run_from_argv(self, argv: list[str]) -> None:
        self._called_from_command_line = True
        arguments = known_arguments(self.create_parser(argv[0], argv[1]), argv[2:])
        super().run_from_argv([*argv[:2], *arguments])

    def handle(self, *args: Any, conf: str | None = None, **options: Any) -> None:
        server = TotoServer()
        try:
            server.read(given(options), conf)
            if server.starts and not options["skip_checks"]:
                self.check()
                connections.close_all()
            server.act()
        except ServerProblem as problem:
            raise CommandError(str(problem), returncode=problem.exit_code) from problem
