"""The original's password hashes as Django's (tests/wire/password_vectors.json)."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import check_password, identify_hasher, make_password

from tests.importing.originals import SECRET
from toto_django.hashers import MAX_ITERATIONS, TotoPBKDF2PasswordHasher

VECTORS = json.loads((Path(__file__).parent.parent / "wire" / "password_vectors.json").read_text())
HASHER = TotoPBKDF2PasswordHasher()

pytestmark = pytest.mark.usefixtures("old_hashes")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["note"][:30])
def test_recorded_hash_verifies_its_password_alone(vector: dict[str, Any]) -> None:
    encoded = vector["hash"].removeprefix("$")
    assert check_password(vector["password"], encoded)
    assert not check_password(vector["password"] + "x", encoded)
    decoded = HASHER.decode(encoded)
    assert HASHER.encode(vector["password"], decoded["salt"], decoded["iterations"]) == encoded


def test_new_hash_verifies_and_has_the_originals_form() -> None:
    encoded = make_password("pässword", hasher="p5k2")
    assert encoded.startswith("p5k2$$")
    assert len(f"${encoded}") == 48
    assert check_password("pässword", encoded)
    assert not check_password("password", encoded)
    assert make_password("pässword", hasher="p5k2") != encoded


def test_parts_of_a_hash_are_told_without_giving_it_away() -> None:
    encoded = SECRET[1:]
    digest = encoded.rpartition("$")[2]
    assert HASHER.decode(encoded) == {
        "algorithm": "p5k2",
        "iterations": 400,
        "salt": "abcdefgh",
        "hash": digest,
    }
    summary = "".join(map(str, identify_hasher(encoded).safe_summary(encoded).values()))
    assert "400" in summary
    assert digest not in summary
    assert "abcdefgh" not in summary


def test_hash_is_always_to_be_replaced() -> None:
    assert HASHER.must_update(SECRET[1:])
    replaced: list[str] = []
    assert check_password("secret", SECRET[1:], replaced.append)
    assert replaced == ["secret"]


@pytest.mark.parametrize(
    "encoded",
    [
        "p5k2$",
        "p5k2$$abcdefgh",
        "p5k2$$abcdefgh$",
        "p5k2$$abcdefgh$tooshort",
        SECRET,
        SECRET[1:] + "x",
        SECRET[1:].replace("$$", "$0$"),
        SECRET[1:].replace("$$", "$-1$"),
        SECRET[1:].replace("$$", "$3E8$"),
        SECRET[1:].replace("$$", "$03e8$"),
        SECRET[1:].replace("abcdefgh", "abc efgh"),
        SECRET[1:].replace("$$", f"${MAX_ITERATIONS + 1:x}$"),
        SECRET[1:].replace("$$", f"${'f' * 4000}$"),
    ],
)
def test_what_is_no_such_hash_verifies_nothing(encoded: str) -> None:
    assert not HASHER.verify("secret", encoded)
    with pytest.raises(ValueError, match="hash"):
        HASHER.decode(encoded)


def test_count_up_to_the_bound_is_worked_off() -> None:
    encoded = HASHER.encode("secret", "abcdefgh", 5000)
    assert encoded.startswith("p5k2$1388$")
    assert HASHER.verify("secret", encoded)
    assert HASHER.decode(f"p5k2${MAX_ITERATIONS:x}$abcdefgh${'x' * 32}")["iterations"] == MAX_ITERATIONS


@pytest.mark.parametrize("salt", ["", "a$b"])
def test_salt_that_would_break_the_form_is_refused(salt: str) -> None:
    with pytest.raises(ValueError, match="salt"):
        HASHER.encode("secret", salt)


@pytest.mark.parametrize("encoded", [SECRET[1:], "p5k2$garbage"])
def test_wrong_password_costs_what_the_preferred_hasher_costs(
    encoded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.contrib.auth.hashers import MD5PasswordHasher

    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: Any, password: str, salt: str) -> Any:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    assert not HASHER.verify("wrong", encoded)
    assert hashed == ["wrong"]
    hashed.clear()
    assert HASHER.verify("secret", SECRET[1:])
    assert hashed == []


def test_runtime_of_a_weaker_hash_is_filled_up(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int | None] = []
    monkeypatch.setattr(
        TotoPBKDF2PasswordHasher, "encode", lambda self, password, salt, count=None: calls.append(count)
    )
    HASHER.harden_runtime("secret", SECRET[1:].replace("$$", "$64$"))
    assert calls == [300]
    HASHER.harden_runtime("secret", SECRET[1:])
    assert calls == [300]
