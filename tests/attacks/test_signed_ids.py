"""Forged ids of the signed store, whose ids hold the sessions (one character: tests/test_store_signed.py)."""

import base64
import hashlib
import json
import struct
import time
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings as django_settings
from django.core import signing

from tests.store_contract import soon
from toto_django.http import cookie_signer
from toto_django.serializers import pack
from toto_django.stores import SessionRecord
from toto_django.stores.signed import SALT, SignedStore

FIELDS = ["1700000000.0-" + "x" * 22, "admin", 9e9, 1, b""]
"""Of a session as the store packs it: permanent id, user id, expiry, version, state."""


@pytest.fixture
def store() -> SignedStore:
    return SignedStore("default", {})


@pytest.fixture
def record(store: SignedStore) -> SessionRecord:
    return store.create_session("ann", soon(), b"state")


def decoded(session_id: str) -> bytes:
    return base64.urlsafe_b64decode(session_id + "=" * (-len(session_id) % 4))


def encoded(token: bytes) -> str:
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode()


def test_id_with_any_bit_flipped_opens_nothing(store: SignedStore, record: SessionRecord) -> None:
    token = decoded(record.session_id)
    flipped = [
        token[:at] + bytes([token[at] ^ 1 << bit]) + token[at + 1 :]
        for at in range(len(token))
        for bit in (0, 7)
    ]
    assert store.load_sessions(map(encoded, flipped)) == {}


def test_cut_and_lengthened_ids_open_nothing(store: SignedStore, record: SessionRecord) -> None:
    token = decoded(record.session_id)
    changed = [token[:length] for length in range(len(token))]
    changed += [token[start:] for start in range(1, len(token))]
    changed += [token + b"\0", token + token, b"\0" + token, token + token[-16:], token[:-32] + b"\0" * 32]
    assert store.load_sessions(map(encoded, changed)) == {}


def test_parts_of_two_ids_open_nothing(store: SignedStore, record: SessionRecord) -> None:
    tokens = decoded(record.session_id), decoded(store.create_session("bob", soon(), b"state").session_id)
    mixed = []
    for one, other in (tokens, tokens[::-1]):
        # Fernet's parts: version and time, initialization vector, ciphertext, HMAC.
        for cut in (9, 25, len(one) // 2, len(one) - 32):
            mixed.append(one[:cut] + other[cut:])
        mixed.append(one[len(one) // 2 :] + one[: len(one) // 2])
    # Two of the same second begin alike.
    assert store.load_sessions(encoded(token) for token in mixed if token not in tokens) == {}


def test_id_in_another_spelling_of_base64_opens_nothing(store: SignedStore, record: SessionRecord) -> None:
    token = decoded(record.session_id)
    spellings = [
        *(record.session_id + padding for padding in ("=", "==", "===", "\n", " ")),
        base64.b64encode(token).decode().replace("-", "+"),
        *(f"{record.session_id[:at]}{junk}{record.session_id[at:]}" for at in (1, 40) for junk in "\n.!*é"),
        token.hex(),
        base64.b32encode(token).decode(),
    ]
    assert store.load_sessions(each for each in spellings if each != record.session_id) == {}


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"\0" * 32,
        SALT,
        b"a constant for tests",
        SALT + b"another secret",
        b"toto_django.signing.session_key",
    ],
    ids=["nothing", "zeros", "salt", "secret", "another secret", "another purpose"],
)
def test_session_sealed_with_another_key_opens_nothing(store: SignedStore, key: bytes) -> None:
    sealing = Fernet(base64.urlsafe_b64encode(hashlib.sha256(key).digest()))
    assert store.load_session(sealing.encrypt(pack(FIELDS)).rstrip(b"=").decode()) is None


def test_key_that_opens_is_the_one_of_this_purpose(store: SignedStore) -> None:
    """The forgery above fails for its key alone."""
    secret = django_settings.SECRET_KEY.encode()
    sealing = Fernet(base64.urlsafe_b64encode(hashlib.sha256(SALT + secret).digest()))
    found = store.load_session(sealing.encrypt(pack(FIELDS)).rstrip(b"=").decode())
    assert found is not None
    assert found.user_id == "admin"


def test_session_of_a_secret_that_is_no_fallback_any_more_opens_nothing(
    store: SignedStore, settings: Any
) -> None:
    settings.SECRET_KEY, current = "the leaked one", settings.SECRET_KEY
    leaked = store.create_session("ann", soon())
    settings.SECRET_KEY = current
    settings.SECRET_KEY_FALLBACKS = ["the leaked one"]
    assert store.load_session(leaked.session_id) is not None
    settings.SECRET_KEY_FALLBACKS = []
    assert store.load_session(leaked.session_id) is None
    forged = [*FIELDS[:1], "ann", *FIELDS[2:]]
    sealing = Fernet(base64.urlsafe_b64encode(hashlib.sha256(SALT + b"the leaked one").digest()))
    assert store.load_session(sealing.encrypt(pack(forged)).rstrip(b"=").decode()) is None


@pytest.mark.parametrize("version", [0x00, 0x7F, 0x81, 0xFF])
def test_other_versions_of_the_token_open_nothing(
    store: SignedStore, record: SessionRecord, version: int
) -> None:
    token = decoded(record.session_id)
    assert token[0] == 0x80
    assert store.load_session(encoded(bytes([version]) + token[1:])) is None


def test_token_without_encryption_opens_nothing(store: SignedStore, record: SessionRecord) -> None:
    plain = b"\x80" + struct.pack(">Q", int(time.time())) + b"\0" * 16 + pack(FIELDS)
    for mark in (b"", b"\0" * 32, hashlib.sha256(plain).digest()):
        assert store.load_session(encoded(plain + mark)) is None
    assert store.load_session(encoded(pack(FIELDS))) is None
    assert store.load_session(encoded(json.dumps(["admin"]).encode())) is None


def test_what_django_signs_opens_nothing(store: SignedStore, record: SessionRecord) -> None:
    """A project may sign for clients what they like; its key is the same SECRET_KEY."""
    signed = [
        signing.dumps({"user_id": "admin"}, salt=SALT.decode()),
        signing.Signer(salt=SALT.decode()).sign(record.session_id),
        signing.TimestampSigner().sign("admin"),
        cookie_signer().sign(record.session_id),
        cookie_signer().sign("admin"),
    ]
    assert store.load_sessions(signed) == {}


def test_ids_of_other_stores_open_nothing(store: SignedStore) -> None:
    ids = ["x" * 22, "A" * 43, hashlib.sha256(b"id").hexdigest(), "0" * 32, "gAAAAA", "gAAAAA" + "A" * 200]
    assert store.load_sessions(ids) == {}


def test_huge_ids_are_refused_at_once(store: SignedStore, record: SessionRecord) -> None:
    begun = time.perf_counter()
    for huge in (
        "A" * 1_000_000,
        record.session_id * 10_000,
        encoded(b"\x80" + b"\0" * 1_000_000),
        "é" * 1_000_000,
    ):
        assert store.load_session(huge) is None
    assert time.perf_counter() - begun < 5
