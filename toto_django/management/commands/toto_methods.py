"""manage.py toto_methods: what can be called."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from toto_django.registry import Method, registry


class Command(BaseCommand):
    help = "Lists the methods with their policies and the first line of their docs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("prefix", nargs="?", default="", help="Only methods whose names begin with this.")

    def handle(self, *args: Any, prefix: str, **options: Any) -> None:
        rows = [
            (name, _policies(method), _first_line(method))
            for name, method in registry
            if name.startswith(prefix)
        ]
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
        for name, policies, first_line in rows:
            line = f"{name:<{widths[0]}}  {policies:<{widths[1]}}  {first_line}"
            self.stdout.write(line.rstrip())


def _policies(method: Method) -> str:
    policies = [policy.describe() for policy in method.policies]
    return ", ".join(["asynchronous", *policies] if method.is_asynchronous else policies) or "public"


def _first_line(method: Method) -> str:
    return (method.function.__doc__ or "").strip().partition("\n")[0]
