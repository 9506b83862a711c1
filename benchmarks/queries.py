"""The work with one query of the ORM, for every Django project here."""

from typing import Any

from django.contrib.auth.models import User

from benchmarks.work import work

__all__ = ["NAME", "work_with_query"]

NAME = "user0"
"""Of a user who is in the database."""


def work_with_query(parameters: Any) -> dict[str, Any]:
    return {**work(parameters), "user": User.objects.get(username=NAME).username}
