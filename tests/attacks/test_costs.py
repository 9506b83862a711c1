"""Parameters that are small, and would keep a process busy for minutes: refused in the time of any other."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.calls import PASSWORD, Service, error_of
from toto_django.accounts import LONGEST_SPELLING, normalize_user_id
from toto_django.conf import MAX_USER_ID
from toto_django.exceptions import InvalidUserID
from toto_django.throttling import by_parameter, throttle

PATIENCE = 20
"""Seconds for what takes a few hundredths, and took minutes."""
LONG = 50_000
USER_IDS = {
    "marks in the wrong order": "a" + "\u0315\u0300" * LONG,
    "marks in the most wrong order": "a" + "\u0315" * LONG + "\u0300" * LONG,
    "marks that are many": "\u0390" + "\u0301" * LONG,
    "syllables in parts": "\u1100\u1161\u11a8" * LONG,
    "letters that are many": "\ufdfa" * LONG,
    "letters whose case is many": "\ufb03" * LONG,
    "lone surrogates": "\ud800" * LONG,
    "ASCII": "a" * 10 * LONG,
}


@contextmanager
def in_time() -> Iterator[None]:
    begun = time.perf_counter()
    yield
    assert time.perf_counter() - begun < PATIENCE


@pytest.mark.parametrize("user_id", USER_IDS.values(), ids=USER_IDS)
def test_user_id_that_is_hard_to_normalize_is_refused_unread(
    wsgi: Service, register: Any, user_id: str
) -> None:
    register("test.x", throttle("1000/s", by=by_parameter("user_id"))(lambda handler, parameters: "ran"))
    given = {"user_id": user_id, "password": PASSWORD}
    login = wsgi.create("ann")
    with in_time():
        assert error_of(wsgi.call("account.login", given))[0] == 1005
        assert error_of(wsgi.call("account.create", given))[0] == 1010
        assert error_of(wsgi.call("account.update", {**given, "a": 1}, login))[0] == 1010
        assert wsgi.call("test.x", given) == {"result": "ran"}


def test_spelling_may_be_as_long_as_any_that_makes_an_id() -> None:
    longest = "\u03b1\u0313\u0300\u0345" * MAX_USER_ID
    assert len(longest) == LONGEST_SPELLING
    assert len(normalize_user_id("\u1f82" * (MAX_USER_ID // 2))) <= MAX_USER_ID
    with pytest.raises(InvalidUserID):
        normalize_user_id(longest + "a")
    assert normalize_user_id("e\u0301" * MAX_USER_ID) == "é" * MAX_USER_ID


@pytest.mark.parametrize(
    "password", ["x" * 1_000_000, "é" * 500_000, "a" + "\u0315\u0300" * LONG], ids=["ASCII", "é", "marks"]
)
def test_long_password_is_hashed_as_a_short_one(wsgi: Service, settings: Any, password: str) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    settings.AUTH_PASSWORD_VALIDATORS = [
        {"NAME": f"django.contrib.auth.password_validation.{name}"}
        for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
    ]
    begun = time.perf_counter()
    wsgi.call("account.create", {"user_id": "ann", "password": "a short one"})
    short = time.perf_counter() - begun
    begun = time.perf_counter()
    wsgi.call("account.create", {"user_id": "bob", "password": password})
    assert time.perf_counter() - begun < 10 * short + 1


def test_name_of_a_method_is_not_repeated_at_length(wsgi: Service) -> None:
    for name in ("x" * 1_000_000, ["x" * 1_000_000], {"x" * 1_000_000: 1}, [[]] * 300_000):
        assert len(error_of(wsgi.call(name))[1]) < 300


def test_mistakes_are_not_answered_at_length(wsgi: Service, register: Any) -> None:
    def typed(handler: Any, numbers: list[int], *, name: str = "") -> int:
        return len(numbers)

    register("test.typed", typed)
    body = {"method": "test.typed", "parameters": {"numbers": ["x"] * 200_000}}
    assert len(wsgi.post(body).content) < 200_000
    unknown = {f"unknown {number}": number for number in range(20_000)}
    assert (
        len(wsgi.post({"method": "test.typed", "parameters": {"numbers": [], **unknown}}).content) < 200_000
    )
