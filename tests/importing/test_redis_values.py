"""Whole Redis values as the original wrote them (tests/wire/pickle_vectors.json)."""

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.calls import Login, Service
from tests.importing.conftest import Import
from tests.importing.originals import JSONFile, Original, RedisKeys, pickled
from toto_django.stores import session_store

VECTORS = json.loads((Path(__file__).parent.parent / "wire" / "pickle_vectors.json").read_text())
WHOLE = [vector for vector in VECTORS if "session_id" in vector["value"]]
ID = "fZiJb9KPS_W4_LwrmVtaAw"

pytestmark = pytest.mark.service


@pytest.fixture
def redis(original_of: Callable[[str], Original]) -> RedisKeys:
    made = original_of("redis")
    assert isinstance(made, RedisKeys)
    return made


@pytest.mark.parametrize("vector", WHOLE, ids=["redis", "cache over MySQL"])
def test_recorded_session_goes_on_for_an_account_that_came_from_elsewhere(
    vector: dict[str, Any], file: JSONFile, redis: RedisKeys, take: Import, wsgi: Service
) -> None:
    file.add_account("Alice@x")
    take(file)
    recorded = base64.b64decode(vector["pickle_b64"])
    assert b"F1826888897.804517\n" in recorded
    redis.client.set(f"session:{ID}", recorded.replace(b"F1826888897.804517\n", b"F4000000000.5\n"), ex=600)
    run = take(redis, "--sessions")
    assert run.accounts == "Accounts: 0 read, 0 taken, 0 already there, 0 skipped."
    assert run.sessions == "Sessions: 1 read, 1 taken, 0 already there, 0 skipped."
    login = Login(ID, "alice@x", 4_000_000_000.5)
    answer = wsgi.call("sess.get", {"k": "cart"}, login)
    assert answer["result"] == {"value": [1]}
    assert answer["session"] == {"session_id": ID, "user_id": "alice@x", "expires": 4_000_000_000.5}


def test_session_without_an_expiry_has_the_one_of_its_key(redis: RedisKeys, take: Import) -> None:
    redis.client.set(f"session:{ID}", pickled({"session_id": ID}), px=600_500)
    redis.client.set(f"session:{ID[:-1]}x", pickled({"session_id": ID}))
    redis.client.set(f"session:{ID[:-1]}y", pickled(["no dict"]))
    run = take(redis, "--sessions")
    assert "skipped: its expiry is no time: 1" in run.out
    assert "skipped: its value is no dict: 1" in run.out
    record = session_store().load_session(ID)
    assert record is not None
    assert record.expires == pytest.approx(time.time() + 600.5, abs=30)


def test_keys_of_the_application_are_left_alone(redis: RedisKeys, take: Import) -> None:
    redis.add_account("ada")
    redis.client.set("accounts", "x")
    redis.client.set("my:account:bob", "x")
    before = {key: redis.client.dump(key) for key in redis.client.scan_iter()}
    run = take(redis, "--sessions")
    assert run.accounts == "Accounts: 1 read, 1 taken, 0 already there, 0 skipped."
    assert {key: redis.client.dump(key) for key in redis.client.scan_iter()} == before
