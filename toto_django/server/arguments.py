"""The command line: Toto's spelling and today's, ``--session_ttl`` and ``--session-ttl``."""

import argparse
from collections.abc import Callable, Iterable
from typing import Any

from toto_django.server.kinds import FLAG
from toto_django.server.options import OPTIONS, Option, nearest

__all__ = ["add_arguments", "given", "known_arguments"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, and every option; only what is given becomes an attribute."""
    parser.add_argument(
        "conf", nargs="?", default=None, help="A file of options: TOML, or name = literal lines."
    )
    groups: dict[str, Any] = {}
    for option in OPTIONS.values():
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        groups[option.group].add_argument(_flag(option.name), **_argument(option))


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _argument(option: Option) -> dict[str, Any]:
    words = option.help.replace("%", "%%")
    if option.apply is None and not option.instead:
        words += f" Default: {_shown(option.default)}."
    argument = {"dest": option.name, "default": argparse.SUPPRESS, "help": words, "type": _reader(option)}
    if option.kind is FLAG:
        return {**argument, "nargs": "?", "const": True, "metavar": "true|false"}
    return {**argument, "metavar": option.name.rpartition("_")[2].upper()}


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return "none" if default == "" else str(default)


def _reader(option: Option) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            value = option.kind.read(text)
            if option.kind.is_valid(value):
                return value
        except (ValueError, TypeError):
            """Said below."""
        raise argparse.ArgumentTypeError(f"must be {option.kind.expects}, not {text!r}")

    return read


def known_arguments(parser: argparse.ArgumentParser, arguments: Iterable[str]) -> list[str]:
    """The arguments in the spelling that the parser knows. Ends like `parse_args` where some are unknown."""
    spelled = [_spelled(argument) for argument in arguments]
    _, unknown = parser.parse_known_args(spelled)
    if unknown:
        name = unknown[0].lstrip("-").partition("=")[0]
        parser.error(f"there is no option {unknown[0]!r}.{nearest(name)}")
    return spelled


def _spelled(argument: str) -> str:
    name, is_given, value = argument.partition("=")
    if not name.startswith("--"):
        return argument
    name = name.replace("_", "-")
    option = OPTIONS.get(name[2:].replace("-", "_"))
    if option is not None and option.kind is FLAG and not is_given:
        return f"{name}=true"  # The next word is the file, not a value.
    return f"{name}={value}" if is_given else name


def given(values: dict[str, Any]) -> dict[str, Any]:
    """The options among the attributes of a parser's namespace."""
    return {name: value for name, value in values.items() if name in OPTIONS}
