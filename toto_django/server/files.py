"""Files of options: TOML, and Toto's ``name = literal`` files, which are read and never run."""

import ast
import tomllib
from pathlib import Path
from typing import Any

from toto_django.server.problems import OptionProblem

__all__ = ["read_options"]


def read_options(path: str | Path) -> dict[str, Any]:
    """The options of a file, TOML where its name ends so. Raises OptionProblem."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text) if path.suffix == ".toml" else _literals(text)
    except (OSError, ValueError) as error:
        raise OptionProblem(f"{path}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _literals(text: str) -> dict[str, Any]:
    """Assignments of literals. Raises ValueError for anything else."""
    try:
        statements = ast.parse(text).body
    except SyntaxError as error:
        raise ValueError(_reason(error)) from error
    return dict(_assigned(statement) for statement in statements if not _is_text(statement))


def _is_text(statement: ast.stmt) -> bool:
    """A docstring, or text in quotes that stands for a comment."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _assigned(statement: ast.stmt) -> tuple[str, Any]:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            try:
                return name, ast.literal_eval(value)
            except ValueError:
                raise ValueError(f"line {statement.lineno}: the value of {name} is no literal") from None
    raise ValueError(f"line {statement.lineno}: only name = literal is read, nothing is run")
