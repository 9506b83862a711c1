"""The methods that were found."""

from typing import Any

from django.core.checks import CheckMessage, Error

from toto_django.checks.types import Apps
from toto_django.registry import registry

__all__ = ["check_methods"]


def check_methods(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """Names given twice (E011) or not fit to be called (E013), method modules that do not import (E012),
    parameters whose types cannot be checked (E014)."""
    ids = {
        "duplicate": "toto_django.E011",
        "import": "toto_django.E012",
        "name": "toto_django.E013",
        "signature": "toto_django.E014",
    }
    problems = [*registry.problems, *registry.signature_problems()]
    return [Error(f"{problem.where}: {problem.message}", id=ids[problem.kind]) for problem in problems]
