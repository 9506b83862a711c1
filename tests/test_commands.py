"""toto_methods and toto_clearsessions."""

import io
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command

from tests.calls import Service
from toto_django.models import Session
from toto_django.registry import Method
from toto_django.stores import session_store

Register = Callable[..., Method]


def run(*arguments: str, **options: Any) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue()


def test_methods_are_listed_with_their_policies_and_docs(register: Register) -> None:
    def documented(handler: Any, parameters: Any) -> Any:
        """Say something.

        And more.
        """

    register("test.a", documented)
    lines = [line.split() for line in run("toto_methods").splitlines()]
    by_name = {words[0]: " ".join(words[1:]) for words in lines}
    assert by_name["test.a"] == "public Say something."
    assert by_name["account.create"].startswith("requires(user_id, password) Make an account")
    assert by_name["auth.required_requires"] == "authenticated, requires(x)"
    assert by_name["async_.late_session"] == "asynchronous, authenticated"
    assert by_name["req.jsonp_callback"] == "jsonp(callback)"
    assert list(by_name) == sorted(by_name)


def test_prefix_lists_only_the_methods_that_begin_with_it() -> None:
    names = [line.split()[0] for line in run("toto_methods", "account.").splitlines()]
    assert names == ["account.create", "account.login", "account.logout", "account.update"]
    assert run("toto_methods", "no such prefix") == ""


def test_lines_of_the_list_end_without_blanks() -> None:
    assert all(line == line.rstrip() for line in run("toto_methods").splitlines())


@pytest.mark.django_db
def test_expired_sessions_are_deleted_and_counted() -> None:
    for expires in (time.time() - 10, time.time() - 1, time.time() + 1000):
        session_store().create_session("", expires)
    assert run("toto_clearsessions") == "2 expired sessions deleted.\n"
    assert Session.objects.count() == 1
    assert run("toto_clearsessions", verbosity=0) == ""


def test_session_that_has_not_expired_still_opens(service: Service) -> None:
    login = service.create()
    run("toto_clearsessions")
    assert service.call("auth.required", {}, login)["result"]["user_id"] == "anna"
