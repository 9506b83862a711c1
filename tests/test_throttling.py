"""`throttle` and `throttle_passwords` on methods, over HTTP and called directly."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection

from tests.calls import PASSWORD, Login, Service, error_of, signed
from tests.test_accounts import CountingHasher
from toto_django import accounts
from toto_django.invocation import authenticated, requires
from toto_django.rates import SECOND
from toto_django.throttling import (
    apassword_accepted,
    by_parameter,
    password_accepted,
    throttle,
    throttle_passwords,
)

Toto = Callable[..., None]
LOCAL = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "throttling"}
MEMORY = {"default": {"BACKEND": "toto_django.stores.memory.MemoryStore"}}
HOME = "192.0.2.1"
LIMITED = "Too many requests"


@pytest.fixture(autouse=True)
def limits(toto: Toto, settings: Any) -> Any:
    """``limits(login="5/min")``: these rates, and no others."""
    settings.CACHES = {**settings.CACHES, "throttles": LOCAL}
    off = dict.fromkeys(("login", "login.address", "login.account", "create"))

    def change(**rates: str | None) -> None:
        toto(THROTTLES={**off, **{name.replace("_", "."): rate for name, rate in rates.items()}})

    toto(THROTTLE_CACHE="throttles", TRUSTED_PROXIES=["127.0.0.1"])
    change()
    yield change
    caches["throttles"].clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The time, in its only item; it stands still."""
    time = [1_795_000_000 * SECOND]
    for module in ("base", "local"):
        monkeypatch.setattr(f"toto_django.buckets.{module}.now", lambda: time[0])
    return time


def count(handler: Any, parameters: Any) -> str:
    """A method that is registered under throttles of each kind."""
    return "counted"


async def acount(handler: Any, parameters: Any) -> str:
    """See count."""
    return "counted"


def codes(answers: Any) -> list[int]:
    """0 for results, else the error's code."""
    return [answer["error"]["code"] if "error" in answer else 0 for answer in answers]


def post(
    service: Service, method: str, address: str = HOME, login: Login | None = None, **values: Any
) -> Any:
    """The answer to a call from an address."""
    body = json.dumps({"method": method, "parameters": values}).encode()
    headers = {} if login is None else signed(login, body)
    return json.loads(service.send("POST", "/", body, x_forwarded_for=address, **headers).content)


# throttle


@pytest.mark.parametrize("function", [count, acount])
def test_call_over_the_rate_is_1101_with_the_time_to_wait(
    service: Service, register: Any, clock: list[int], function: Any
) -> None:
    register("slow.count", throttle("2/min")(function))
    assert [service.call("slow.count") for _ in range(2)] == [{"result": "counted"}] * 2
    assert service.call("slow.count") == {"error": {"code": 1101, "value": LIMITED, "retry_after": 30}}
    clock[0] += 30 * SECOND - 1
    assert service.call("slow.count")["error"]["retry_after"] == 1
    clock[0] += 1
    assert codes(service.call("slow.count") for _ in range(2)) == [0, 1101]


def test_refused_method_does_not_run(service: Service, register: Any) -> None:
    ran: list[Any] = []
    register("slow.count", throttle("1/min")(lambda handler, parameters: ran.append(parameters)))
    for number in range(3):
        service.call("slow.count", {"number": number})
    assert ran == [{"number": 0}]


def test_each_address_has_its_own_calls(service: Service, register: Any) -> None:
    register("slow.count", throttle("1/min")(count))
    addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.1", "2001:db8::1", "2001:db8::2"]
    assert codes(post(service, "slow.count", address) for address in addresses) == [0, 0, 1101, 0, 1101]


def test_each_account_has_its_own_calls_wherever_it_is(service: Service, register: Any) -> None:
    register("slow.count", throttle("1/min", by="account")(count))
    anna, bert = service.create("anna"), service.create("bert")
    answers = [
        post(service, "slow.count", f"192.0.2.{last}", login) for last, login in enumerate((anna, bert, anna))
    ]
    assert codes(answers) == [0, 0, 1101]


def test_whoever_has_no_account_counts_by_address(service: Service, register: Any) -> None:
    register("slow.count", throttle("1/min", by="account")(count))
    addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.1"]
    assert codes(post(service, "slow.count", address) for address in addresses) == [0, 0, 1101]


def test_bad_signature_is_refused_before_it_counts(service: Service, register: Any) -> None:
    register("slow.count", throttle("1/min", by="account")(count))
    anna = service.create("anna")
    forged = service.post({"method": "slow.count"}, x_toto_session_id=anna.session_id, x_toto_hmac="x")
    assert error_of(forged.json())[0] == 1008
    assert codes([post(service, "slow.count", login=anna)]) == [0]


def test_calls_count_by_a_parameter_in_any_spelling(service: Service, register: Any) -> None:
    register("slow.count", throttle("1/min", by=by_parameter("user_id"))(count))
    given = ["Anna", "anna", "ANNA", "bert", 5, 5, 5.5, None, [], {}, "a\nb", "a\nb"]
    answers = codes(post(service, "slow.count", user_id=value) for value in given)
    assert answers == [0, 1101, 1101, 0, 0, 1101, 0, 0, 1101, 1101, 0, 1101]
    assert codes([service.call("slow.count", []), service.call("slow.count")]) == [1101, 1101]


def test_calls_count_by_a_function_whose_none_does_not(service: Service, register: Any) -> None:
    def by_room(handler: Any, parameters: Any) -> str | None:
        room: str | None = parameters.get("room")
        return room

    register("slow.count", throttle("1/min", by=by_room)(count))
    rooms = ["a", "b", "a", None, None]
    assert codes(post(service, "slow.count", room=room) for room in rooms) == [0, 0, 1101, 0, 0]


def test_several_throttles_all_have_to_let_a_call_pass(
    service: Service, register: Any, clock: list[int]
) -> None:
    register("slow.count", throttle("2/s")(throttle("3/min", by=by_parameter("room"))(count)))
    assert codes(post(service, "slow.count", room="a") for _ in range(3)) == [0, 0, 1101]
    clock[0] += SECOND
    assert codes(post(service, "slow.count", room="a") for _ in range(2)) == [0, 1101]


def test_methods_with_the_same_name_of_a_rate_share_it(service: Service, register: Any, limits: Any) -> None:
    limits(uploads="2/min")
    register("slow.photo", throttle("uploads")(count))
    register("slow.video", throttle("uploads")(acount))
    assert codes(service.call(name) for name in ("slow.photo", "slow.video", "slow.photo")) == [0, 0, 1101]


def test_methods_with_rates_of_their_own_do_not(service: Service, register: Any) -> None:
    register("slow.photo", throttle("1/min")(count))
    register("slow.video", throttle("1/min")(acount))
    assert codes(service.call(name) for name in ("slow.photo", "slow.video", "slow.photo")) == [0, 0, 1101]


def test_rate_is_read_when_it_is_used_and_none_turns_it_off(
    service: Service, register: Any, limits: Any
) -> None:
    register("slow.count", throttle("uploads")(count))
    limits(uploads=None)
    assert codes(service.call("slow.count") for _ in range(3)) == [0, 0, 0]
    limits(uploads="1/min")
    assert codes(service.call("slow.count") for _ in range(3)) == [0, 1101, 1101]


def test_name_without_a_rate_fails_the_call(service: Service, register: Any, caplog: Any) -> None:
    register("slow.count", throttle("unheard")(count))
    assert codes([service.call("slow.count")]) == [1000]
    assert "TOTO['THROTTLES'] has no rate 'unheard'." in caplog.text


def test_wrong_use_fails_at_import() -> None:
    with pytest.raises(ValueError, match="is no rate"):
        throttle("5/week")
    with pytest.raises(ImproperlyConfigured, match="not 'acount'"):
        throttle("5/min", by="acount")


def test_every_member_of_a_batch_counts(service: Service, register: Any) -> None:
    register("slow.count", throttle("3/min")(count))
    answer = service.batch({str(key): {"method": "slow.count"} for key in range(5)})
    assert codes(member for _, member in sorted(answer["batch"].items())) == [0, 0, 0, 1101, 1101]


def test_method_that_is_called_by_another_counts(service: Service, register: Any) -> None:
    inner = throttle("1/min")(count)
    register("slow.outer", lambda handler, parameters: inner(handler, parameters))
    assert codes(service.call("slow.outer") for _ in range(2)) == [0, 1101]


def test_throttle_stands_above_or_below_other_decorators(service: Service, register: Any) -> None:
    register("slow.above", throttle("1/min")(authenticated(count)))
    register("slow.below", authenticated(throttle("1/min")(count)))
    assert codes(service.call("slow.above") for _ in range(2)) == [1004, 1101]
    assert codes(service.call("slow.below") for _ in range(2)) == [1004, 1004]


def test_listing_shows_what_was_written() -> None:
    method = throttle("uploads", by="account")(
        throttle("5/min", by=by_parameter("room"))(throttle_passwords()(count))
    )
    shown = [
        "throttle(uploads, by=account)",
        "throttle(5/min, by=by_parameter(room))",
        "throttle_passwords(user_id)",
    ]
    assert [policy.describe() for policy in method.policies] == shown


@pytest.mark.parametrize("function", [count, acount])
def test_cache_that_is_down_refuses_or_lets_pass(
    service: Service, register: Any, toto: Toto, settings: Any, function: Any
) -> None:
    settings.CACHES = {
        **settings.CACHES,
        "down": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1:1"},
    }
    toto(THROTTLE_CACHE="down")
    register("slow.count", throttle("1/min")(function))
    assert service.call("slow.count") == {"error": {"code": 1104, "value": "Temporarily unavailable"}}
    toto(THROTTLE_FAIL_OPEN=True)
    assert codes(service.call("slow.count") for _ in range(3)) == [0, 0, 0]


# Passwords


def tried(service: Service, password: str, address: str = HOME, user_id: str = "anna") -> int:
    """The code of the answer to a login, 0 for a success."""
    return codes([post(service, "account.login", address, user_id=user_id, password=password)])[0]


def test_wrong_passwords_are_limited_and_then_the_right_one_is_refused_too(
    service: Service, limits: Any, clock: list[int]
) -> None:
    service.create("anna")
    limits(login="3/min")
    assert [tried(service, "wrong") for _ in range(5)] == [1005] * 3 + [1101] * 2
    assert tried(service, PASSWORD) == 1101
    clock[0] += 20 * SECOND
    assert tried(service, PASSWORD) == 0


def test_refused_password_is_not_hashed(service: Service, limits: Any, settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["tests.test_accounts.CountingHasher"]
    service.create("anna")
    limits(login="3/min")
    CountingHasher.hashed = 0
    for _ in range(6):
        tried(service, "wrong")
    assert CountingHasher.hashed == 3


def test_unknown_account_is_limited_as_a_known_one(service: Service, limits: Any) -> None:
    service.create("anna")
    limits(login="2/min")
    assert [
        [tried(service, "wrong", user_id=user_id) for _ in range(3)] for user_id in ("anna", "nobody")
    ] == [[1005, 1005, 1101]] * 2


def test_success_forgives_and_does_not_count(service: Service, limits: Any) -> None:
    service.create("anna")
    limits(login="3/min", login_address="3/min", login_account="3/min")
    assert [tried(service, PASSWORD) for _ in range(5)] == [0] * 5
    assert [tried(service, password) for password in ("wrong", "wrong", PASSWORD)] == [1005, 1005, 0]
    limits(login="3/min")
    assert [tried(service, "wrong") for _ in range(4)] == [1005] * 3 + [1101]


def test_wrong_passwords_from_one_address_do_not_keep_the_owner_out(service: Service, limits: Any) -> None:
    service.create("anna")
    limits(login="3/min", login_address="100/min", login_account="50/h")
    assert [tried(service, "wrong", "198.51.100.7") for _ in range(60)][-57:] == [1101] * 57
    assert tried(service, PASSWORD, "192.0.2.1") == 0


def test_another_spelling_of_the_user_id_is_the_same_account(service: Service, limits: Any) -> None:
    limits(login="2/min")
    assert [tried(service, "wrong", user_id=user_id) for user_id in ("Anna", "ANNA", "anna")] == [
        1005,
        1005,
        1101,
    ]


def test_address_may_not_try_one_account_after_another(service: Service, limits: Any) -> None:
    service.create("anna")
    limits(login="3/min", login_address="10/min")
    assert [tried(service, "wrong", user_id=f"user{number}") for number in range(12)] == [1005] * 10 + [
        1101
    ] * 2
    assert tried(service, PASSWORD) == 1101
    assert tried(service, PASSWORD, "192.0.2.2") == 0


def test_own_success_does_not_reset_what_an_address_did_to_others(service: Service, limits: Any) -> None:
    service.create("mallory")
    limits(login="3/min", login_address="4/min")
    assert [tried(service, "wrong", user_id=f"user{number}") for number in range(2)] == [1005] * 2
    assert tried(service, PASSWORD, user_id="mallory") == 0
    assert [tried(service, "wrong", user_id=f"user{number}") for number in range(3)] == [1005] * 2 + [1101]


def test_account_under_attack_from_everywhere_opens_from_known_addresses_only(
    service: Service, limits: Any
) -> None:
    service.create("anna")
    limits(login="3/min", login_account="10/h")
    assert tried(service, PASSWORD, "192.0.2.1") == 0
    attacked = [tried(service, "wrong", f"198.51.100.{number}") for number in range(12)]
    assert attacked == [1005] * 10 + [1101] * 2
    assert tried(service, PASSWORD, "192.0.2.99") == 1101
    assert tried(service, PASSWORD, "192.0.2.1") == 0
    assert [tried(service, "wrong", "192.0.2.1") for _ in range(4)] == [1005] * 3 + [1101]


def test_attempt_that_one_rate_refuses_costs_nothing_of_the_others(
    service: Service, limits: Any, clock: list[int]
) -> None:
    limits(login="5/min", login_address="1/min", login_account="5/min")
    assert [tried(service, "wrong") for _ in range(9)] == [1005] + [1101] * 8
    limits(login="5/min", login_account="5/min")
    assert [tried(service, "wrong") for _ in range(5)] == [1005] * 4 + [1101]


def test_update_with_a_wrong_password_counts_as_a_login(service: Service, limits: Any) -> None:
    anna = service.create("anna")
    limits(login="3/min")

    def update(password: str) -> int:
        return codes([post(service, "account.update", login=anna, password=password, city="Rome")])[0]

    assert [update(PASSWORD) for _ in range(5)] == [0] * 5
    assert [update("wrong"), tried(service, "wrong"), update("wrong"), update(PASSWORD)] == [
        1005,
        1005,
        1005,
        1101,
    ]


def test_own_methods_that_take_a_password_share_the_limits(
    service: Service, register: Any, limits: Any
) -> None:
    @requires("user_id", "password")
    @throttle_passwords()
    def sign_in(handler: Any, parameters: Any) -> str:
        session = handler.create_session(parameters["user_id"], parameters["password"])
        password_accepted(handler)
        return str(session.user_id)

    @requires("name", "password")
    @throttle_passwords("name")
    async def asign_in(handler: Any, parameters: Any) -> str:
        session = await handler.acreate_session(parameters["name"], parameters["password"])
        await apassword_accepted(handler)
        return str(session.user_id)

    register("own.sign_in", sign_in)
    register("own.asign_in", asign_in)
    service.create("anna")
    limits(login="3/min")

    def tries(password: str) -> list[int]:
        plain = service.call("own.sign_in", {"user_id": "anna", "password": password})
        return codes([plain, service.call("own.asign_in", {"name": "anna", "password": password})])

    assert [tries(PASSWORD), tries(PASSWORD), tries("wrong"), tries("wrong")] == [[0, 0]] * 2 + [
        [1005] * 2,
        [1005, 1101],
    ]


def test_password_that_was_not_asked_for_can_be_accepted(service: Service, register: Any) -> None:
    register("own.method", lambda handler, parameters: password_accepted(handler) or "fine")
    assert codes([service.call("own.method")]) == [0]


def test_new_accounts_are_limited_by_address(service: Service, limits: Any) -> None:
    limits(create="2/h")
    answers = [
        post(service, "account.create", address, user_id=f"user{number}", password=PASSWORD)
        for number, address in enumerate(["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"])
    ]
    assert codes(answers) == [0, 0, 1101, 0]


def test_defaults_let_a_household_through(service: Service, toto: Toto) -> None:
    toto(THROTTLES={})
    for number in range(20):
        service.create(f"user{number}")
        for password, code in (("wrong", 1005), ("wrong", 1005), (PASSWORD, 0)):
            assert tried(service, password, "127.0.0.1", f"user{number}") == code


def test_fifty_wrong_logins_at_once_hash_five_passwords(
    toto: Toto, limits: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    toto(STORES=MEMORY)
    limits(login="5/min")
    accounts.create_account("anna", PASSWORD)
    hashed: list[str] = []
    monkeypatch.setattr(accounts, "check_password", lambda *arguments: hashed.append("once"))
    barrier = threading.Barrier(50)

    def attempt(number: int) -> int:
        barrier.wait(30)
        return tried(Service("wsgi"), "wrong")

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(attempt, range(50)))
    assert sorted(answers) == [1005] * 5 + [1101] * 45
    assert len(hashed) == 5


@pytest.mark.django_db(transaction=True)
def test_wrong_password_counts_though_its_transaction_is_rolled_back(
    toto: Toto, limits: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = "django.core.cache.backends.db.DatabaseCache"
    settings.CACHES = {**settings.CACHES, "throttles": {"BACKEND": backend, "LOCATION": "toto_throttles"}}
    call_command("createcachetable")
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    limits(login="3/min")
    try:
        for kind in ("wsgi", "asgi"):
            service = Service(kind)
            assert [tried(service, "wrong", user_id=kind) for _ in range(4)] == [1005] * 3 + [1101]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE toto_throttles")
        settings.CACHES = {**settings.CACHES, "throttles": LOCAL}
