"""toto_django.accounts."""

import string
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher, check_password, identify_hasher
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.ids import stable_repr
from toto_django import accounts, sessions
from toto_django.accounts import normalize_user_id
from toto_django.exceptions import InvalidParameters, InvalidUserID, TotoException, UserIDExists, UserNotFound
from toto_django.models import Account as AccountModel
from toto_django.stores import get_store


class OldHasher(MD5PasswordHasher):
    """What hashes were made with before."""

    algorithm = "old"


class InterruptedHasher(MD5PasswordHasher):
    """Somebody changes the password while this one hashes."""

    algorithm = "interrupted"
    interruption: ClassVar[list[Callable[[], None]]] = []

    def encode(self, password: str, salt: str) -> str:
        while self.interruption:
            self.interruption.pop()()
        return super().encode(password, salt)


class CountingHasher(MD5PasswordHasher):
    """Counts the passwords that it hashes."""

    algorithm = "counting"
    hashed = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).hashed += 1
        return super().encode(password, salt)


@pytest.fixture
def memory(settings: Any) -> None:
    """Accounts and sessions in memory."""
    stores = {"default": {"BACKEND": "toto_django.stores.memory.MemoryStore"}}
    settings.TOTO = {**settings.TOTO, "STORES": stores}


in_memory = pytest.mark.usefixtures("memory")


@pytest.fixture
def ann(memory: None) -> str:
    """The id of an account with a property."""
    return accounts.create_account("ann", "secret", {"name": "Ann"})


def session_count(user_id: str = "ann") -> int:
    return get_store("default").count_sessions_of(user_id)


# Ids


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        *[("ann", "ann"), ("ANN", "ann"), ("Ann@Example.ORG", "ann@example.org"), (" ann ", " ann ")],
        *[("a n n", "a n n"), ("$where", "$where"), ("A:b*%_'\"\\", "a:b*%_'\"\\"), ("a\u00a0b", "a b")],
        *[("ÉMILE", "émile"), ("E\u0301mile", "émile"), ("Straße", "strasse"), ("ΣΊΣΥΦΟΣ", "σίσυφοσ")],
        *[("\ufb01n", "fin"), ("\uff21\uff22", "ab"), ("\u212a", "k"), ("①", "1"), ("İ", "i\u0307")],
        *[("😀", "😀"), ("X" * 191, "x" * 191), ("é" * 191, "é" * 191), ("e\u0301" * 191, "é" * 191)],
    ],
)
def test_id_has_one_normal_form(given: str, normal: str) -> None:
    assert normalize_user_id(given) == normal
    assert normalize_user_id(normal) == normal


@pytest.mark.parametrize(
    "given",
    [
        *("", None, 0, 1, True, 1.5, b"ann", ["ann"], {"a": 1}, ()),
        *(
            "\x00",
            "a\x00b",
            "a\nb",
            "a\tb",
            "\x7f",
            "a\x85b",
            "\u200b",
            "a\u202eb",
            "\ufeff",
            "\u2028",
            "\ud800",
        ),
        *("x" * 192, "é" * 192, "ß" * 96, "\ufdfa" * 20),
    ],
    ids=ascii,
)
def test_what_can_be_no_id_is_refused(given: Any) -> None:
    with pytest.raises(InvalidUserID):
        normalize_user_id(given)


@hypothesis_settings(deadline=None)
@given(st.text(max_size=30))
def test_normal_form_of_a_normal_form_is_itself(text: str) -> None:
    try:
        normal = normalize_user_id(text)
    except InvalidUserID:
        return
    assert normalize_user_id(normal) == normal
    assert normalize_user_id(text.swapcase()) == normal or not text.isascii()


@in_memory
def test_spellings_of_one_id_are_one_account() -> None:
    assert accounts.create_account("E\u0301MILE", "secret") == "émile"
    assert accounts.authenticate("ÉMILE", "secret") == "émile"
    with pytest.raises(UserIDExists):
        accounts.create_account("émile", "other")


# Creation


@in_memory
def test_created_account_keeps_properties_and_a_hash(ann: str) -> None:
    record = get_store("default").get_account("ann")
    assert record.properties == {"name": "Ann"}
    assert "secret" not in record.password
    assert check_password("secret", record.password)


@in_memory
def test_reserved_names_never_become_properties() -> None:
    reserved = {"user_id": "eve", "password": "x", "new_password": "y"}
    accounts.create_account("ann", "secret", {**reserved, "a": 1})
    assert get_store("default").get_account("ann").properties == {"a": 1}


@in_memory
@pytest.mark.parametrize("password", ["", None, 1, b"secret", ["secret"], "\ud800"], ids=ascii)
def test_password_that_is_no_text_is_refused(password: Any) -> None:
    with pytest.raises(InvalidParameters) as error:
        accounts.create_account("ann", password)
    assert list(error.value.fields) == ["password"]
    assert get_store("default").get_account("ann") is None


@in_memory
def test_password_validators_are_asked(settings: Any) -> None:
    validation = "django.contrib.auth.password_validation"
    settings.AUTH_PASSWORD_VALIDATORS = [
        {"NAME": f"{validation}.MinimumLengthValidator", "OPTIONS": {"min_length": 6}},
        {"NAME": f"{validation}.UserAttributeSimilarityValidator"},
        {"NAME": f"{validation}.NumericPasswordValidator"},
    ]
    for password, words in (("12345", "too short"), ("annabella1", "too similar"), ("8264926", "numeric")):
        with pytest.raises(InvalidParameters, match=words) as error:
            accounts.create_account("annabella", password)
        assert any(words in message for message in error.value.fields["password"])
    accounts.create_account("annabella", "correct horse")
    with pytest.raises(InvalidParameters) as error:
        accounts.change_password("annabella", "correct horse", "12345")
    assert set(error.value.fields) == {"new_password"}
    assert accounts.authenticate("annabella", "correct horse") == "annabella"


@in_memory
@pytest.mark.parametrize("value", [object(), float("nan"), {"a": [1j]}], ids=stable_repr)
def test_property_that_json_does_not_have_is_refused(value: Any) -> None:
    with pytest.raises(InvalidParameters) as error:
        accounts.create_account("ann", "secret", {"fine": 1, "bad": value})
    assert list(error.value.fields) == ["bad"]
    assert get_store("default").get_account("ann") is None


# Authentication


@in_memory
@pytest.mark.parametrize("user_id", ["bob", "", None, 1, ["ann"], "\x00", "x" * 192, "ann "], ids=ascii)
def test_unknown_id_is_not_found(ann: str, user_id: Any) -> None:
    with pytest.raises(UserNotFound):
        accounts.authenticate(user_id, "secret")


@in_memory
@pytest.mark.parametrize("user_id", ["ann", "nobody"])
@pytest.mark.parametrize(
    "password", ["", "Secret", "secret ", None, 1, b"secret", ["secret"], "\ud800"], ids=ascii
)
def test_wrong_password_is_not_found(ann: str, user_id: str, password: Any) -> None:
    with pytest.raises(UserNotFound):
        accounts.authenticate(user_id, password)


@in_memory
def test_unknown_id_costs_as_many_hashes_as_a_wrong_password(settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    accounts.create_account("ann", "secret")
    get_store("default").create_account("unusable", "!", {})
    counts = {}
    for user_id in ("ann", "nobody", "unusable"):
        CountingHasher.hashed = 0
        with pytest.raises(UserNotFound):
            accounts.authenticate(user_id, "wrong")
        counts[user_id] = CountingHasher.hashed
    assert counts == {"ann": 1, "nobody": 1, "unusable": 1}


@in_memory
def test_old_hash_is_upgraded_at_login_and_sessions_live_on(settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.OldHasher"]
    accounts.create_account("ann", "secret")
    session = sessions.create_session("ann")
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", f"{__name__}.OldHasher"]
    with pytest.raises(UserNotFound):
        accounts.authenticate("ann", "wrong")
    assert identify_hasher(get_store("default").get_account("ann").password).algorithm == "old"
    accounts.authenticate("ann", "secret")
    assert identify_hasher(get_store("default").get_account("ann").password).algorithm == "md5"
    assert accounts.authenticate("ann", "secret") == "ann"
    assert sessions.load_session(session.session_id) is not None


@in_memory
def test_upgrade_of_a_hash_does_not_undo_a_change_of_password(settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.OldHasher"]
    accounts.create_account("ann", "secret")
    settings.PASSWORD_HASHERS = [f"{__name__}.InterruptedHasher", f"{__name__}.OldHasher"]
    InterruptedHasher.interruption.append(lambda: accounts.set_password("ann", "new"))
    with suppress(UserNotFound):
        accounts.authenticate("ann", "secret")
    assert accounts.authenticate("ann", "new") == "ann"


@in_memory
def test_two_logins_that_upgrade_one_hash_both_succeed(settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.OldHasher"]
    accounts.create_account("ann", "secret")
    settings.PASSWORD_HASHERS = [f"{__name__}.InterruptedHasher", f"{__name__}.OldHasher"]
    InterruptedHasher.interruption.append(lambda: sessions.login("ann", "secret"))
    sessions.login("ann", "secret")
    assert session_count("ann") == 2


@in_memory
def test_login_while_the_password_changes_gives_no_session(settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.OldHasher"]
    accounts.create_account("ann", "secret")
    settings.PASSWORD_HASHERS = [f"{__name__}.InterruptedHasher", f"{__name__}.OldHasher"]
    InterruptedHasher.interruption.append(lambda: accounts.set_password("ann", "new"))
    with pytest.raises(UserNotFound):
        sessions.login("ann", "secret")
    assert session_count("ann") == 0


@pytest.mark.django_db
def test_inactive_account_is_not_found_although_its_password_is_right() -> None:
    accounts.create_account("ann", "secret")
    AccountModel.objects.update(is_active=False)
    for refused in (
        lambda: accounts.authenticate("ann", "secret"),
        lambda: accounts.known_user_id("ann"),
        lambda: accounts.generate_password("ann"),
        lambda: accounts.change_password("ann", "secret", "new"),
    ):
        with pytest.raises(UserNotFound):
            refused()


@in_memory
def test_known_id_is_normalized_and_others_are_not_found(ann: str) -> None:
    assert accounts.known_user_id("ANN") == "ann"
    for user_id in ("bob", "", None, 5):
        with pytest.raises(UserNotFound, match="Invalid user ID"):
            accounts.known_user_id(user_id)


# Passwords


@in_memory
@pytest.mark.parametrize(
    "change",
    [
        lambda: accounts.change_password("ANN", "secret", "new"),
        lambda: accounts.set_password("ann", "new"),
        lambda: accounts.generate_password("Ann"),
    ],
    ids=["change", "set", "generate"],
)
def test_new_password_replaces_the_old_and_ends_all_sessions(ann: str, change: Callable[[], Any]) -> None:
    for user_id in ("ann", "ann", "bob"):
        sessions.create_session(user_id)
    password = change() or "new"
    assert (session_count("ann"), session_count("bob")) == (0, 1)
    assert accounts.authenticate("ann", password) == "ann"
    with pytest.raises(UserNotFound):
        accounts.authenticate("ann", "secret")


@in_memory
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("ann", "wrong", "new"), UserNotFound),
        (("bob", "secret", "new"), UserNotFound),
        (("ann", "secret", ""), InvalidParameters),
        (("ann", "secret", None), InvalidParameters),
    ],
)
def test_refused_change_of_password_changes_nothing(
    ann: str, arguments: tuple[Any, ...], error: type[TotoException]
) -> None:
    sessions.create_session("ann")
    with pytest.raises(error):
        accounts.change_password(*arguments)
    assert session_count() == 1
    assert accounts.authenticate("ann", "secret") == "ann"


@in_memory
def test_generated_passwords_are_16_characters_and_differ(ann: str) -> None:
    generated = [accounts.generate_password("ann") for _ in range(50)]
    assert {len(password) for password in generated} == {16}
    assert len(set(generated)) == 50
    assert set("".join(generated)) == set(string.ascii_letters + string.digits)


@in_memory
def test_password_of_an_unknown_id_cannot_be_set() -> None:
    with pytest.raises(UserNotFound, match="Invalid user ID"):
        accounts.generate_password("nobody")
    with pytest.raises(UserNotFound, match="Invalid user ID"):
        accounts.set_password("nobody", "x")
    assert get_store("default").get_account("nobody") is None
