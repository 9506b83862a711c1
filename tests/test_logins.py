"""Logins that fail tell nothing by the work they are, and lock nobody out from where they are known."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.core.cache import caches

from tests.calls import PASSWORD, Service
from tests.test_accounts import CountingHasher
from toto_django import accounts
from toto_django.exceptions import UserNotFound
from toto_django.models import Account

Toto = Callable[..., None]

HOME, ATTACKER = "192.0.2.1", "198.51.100.7"
COUNTING = "tests.test_accounts.CountingHasher"
OF_TOTO = "toto_django.hashers.TotoPBKDF2PasswordHasher"

# Work


@pytest.fixture
def stored(settings: Any, db: None) -> None:
    """Accounts of every kind, named after it."""
    settings.PASSWORD_HASHERS = [COUNTING, OF_TOTO]
    passwords = {
        **{"active": make_password(PASSWORD), "inactive": make_password(PASSWORD)},
        **{"unusable": "!", "never usable": make_password(None), "empty": "", "of nobody": "gone$1$a$b"},
        "of toto": make_password(PASSWORD, hasher="p5k2"),
    }
    for user_id, password in passwords.items():
        Account.objects.create(user_id=user_id, password=password, is_active=user_id != "inactive")


def hashed(work: Callable[[], object]) -> int:
    CountingHasher.hashed = 0
    work()
    return CountingHasher.hashed


def refused(user_id: Any, password: Any) -> None:
    with pytest.raises(UserNotFound) as error:
        accounts.authenticate(user_id, password)
    assert str(error.value) == "Invalid user ID or password (1005)"


KNOWN = ["active", "ACTIVE", "inactive", "unusable", "never usable", "empty", "of nobody", "of toto"]
UNKNOWN = [
    "nobody",
    "",
    "x" * 192,
    "x" * 100_000,
    "a\0b",
    "a\u202eb",
    "\ud800",
    None,
    5,
    ["active"],
    {},
    True,
]


@pytest.mark.parametrize("user_id", [*KNOWN, *UNKNOWN], ids=lambda value: ascii(value)[:30])
def test_wrong_password_is_hashed_once_whatever_the_id(stored: None, user_id: Any) -> None:
    assert hashed(lambda: refused(user_id, "wrong")) == 1


@pytest.mark.parametrize("user_id", ["inactive", "unusable", "never usable", "nobody", "a\0b"], ids=ascii)
@pytest.mark.parametrize("password", [PASSWORD, "!", "", "x" * 100_000], ids=lambda value: ascii(value)[:30])
def test_account_that_nobody_can_log_in_to_is_as_unknown_as_others(
    stored: None, user_id: str, password: str
) -> None:
    assert hashed(lambda: refused(user_id, password)) == 1


@pytest.mark.parametrize("user_id", ["active", "inactive", "nobody", "a\0b"], ids=ascii)
@pytest.mark.parametrize("password", [None, 5, b"bytes", "\ud800"], ids=ascii)
def test_what_is_no_password_is_hashed_for_nobody(stored: None, user_id: str, password: Any) -> None:
    assert hashed(lambda: refused(user_id, password)) == 0


def test_right_password_is_hashed_once_and_once_more_where_its_hash_is_old(stored: None) -> None:
    assert hashed(lambda: accounts.authenticate("active", PASSWORD)) == 1
    assert hashed(lambda: accounts.authenticate("of toto", PASSWORD)) == 1  # The other one is p5k2.
    assert hashed(lambda: accounts.authenticate("of toto", PASSWORD)) == 1


def test_right_password_of_an_inactive_account_is_as_much_work_as_a_wrong_one(stored: None) -> None:
    Account.objects.update(is_active=False)
    for user_id in ("active", "of toto"):
        assert hashed(lambda user_id=user_id: refused(user_id, PASSWORD)) == 1  # type: ignore[misc]
        assert hashed(lambda user_id=user_id: refused(user_id, "wrong")) == 1  # type: ignore[misc]


# Lockout


@pytest.fixture
def counting(toto: Toto, settings: Any) -> Iterator[None]:
    """With the rates that a project has which says nothing."""
    local = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "logins"}
    room = {"OPTIONS": {"MAX_ENTRIES": 10_000}}
    settings.CACHES = {**settings.CACHES, "throttles": local | room}
    toto(HMAC=None, THROTTLES={}, THROTTLE_CACHE="throttles", TRUSTED_PROXIES=["127.0.0.1"])
    yield
    caches["throttles"].clear()


def tried(service: Service, password: str, address: str) -> int:
    """The code of the answer to a login of Anna's, 0 for a success."""
    body = {"method": "account.login", "parameters": {"user_id": "anna", "password": password}}
    answer = json.loads(service.post(body, x_forwarded_for=address).content)
    return int(answer["error"]["code"]) if "error" in answer else 0


def test_one_address_locks_the_owner_out_from_nowhere_else(counting: None, service: Service) -> None:
    service.create("anna")
    assert tried(service, PASSWORD, HOME) == 0
    assert {tried(service, "wrong", ATTACKER) for _ in range(200)} == {1005, 1101}
    assert tried(service, PASSWORD, ATTACKER) == 1101
    assert tried(service, PASSWORD, HOME) == 0
    assert tried(service, PASSWORD, "192.0.2.77") == 0


def test_network_of_one_ipv6_customer_is_one_address(counting: None, service: Service) -> None:
    service.create("anna")
    codes = [tried(service, "wrong", f"2001:db8:0:1::{number:x}") for number in range(200)]
    assert codes == [1005] * 10 + [1101] * 190
    assert tried(service, PASSWORD, "2001:db8:0:2::1") == 0


def test_many_addresses_do_not_lock_the_owner_out_from_a_known_one(counting: None, service: Service) -> None:
    service.create("anna")
    assert tried(service, PASSWORD, HOME) == 0
    codes = [tried(service, "wrong", f"198.51.100.{number}") for number in range(150)]
    assert codes == [1005] * 100 + [1101] * 50
    assert tried(service, PASSWORD, "192.0.2.77") == 1101
    assert [tried(service, password, HOME) for password in ("wrong", "wrong", PASSWORD)] == [1005, 1005, 0]
