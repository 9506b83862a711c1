"""``python -m toto_django.starting accounts``: the folder of a template, for ``startproject --template``."""

from argparse import ArgumentParser
from pathlib import Path

__all__ = ["main"]

FOLDER = Path(__file__).resolve().parent
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/manage.py-tpl"))


def main(arguments: list[str] | None = None) -> None:
    """Print the folder; ends with 2 for an unknown name."""
    parser = ArgumentParser(
        prog="python -m toto_django.starting",
        description="Write the folder of a template, for django-admin startproject --template.",
    )
    parser.add_argument("name", choices=NAMES)
    print(FOLDER / parser.parse_args(arguments).name)


if __name__ == "__main__":
    main()
