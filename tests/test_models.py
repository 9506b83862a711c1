"""toto_django.models and their migrations."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core import serializers
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.forms import ModelForm, modelform_factory

from tests.ids import stable_repr
from toto_django import accounts
from toto_django.models import Account, AccountProperties, ExactCharField, Session

pytestmark = pytest.mark.django_db

VALUES = [
    {},
    {"z": 1, "a": 2, "m": {"z": 1, "a": 2}},
    {"\x00": "\x00", "\ud800": "é😀"},
    {"big": 2**70, "float": 1.0, "tiny": 5e-324},
    {"none": None, "false": False, "zero": 0, "empty": "", "list": [[], {}]},
    {"quotes": "\"'`\\", "percent": "%s %(a)s", "html": "</script>"},
]


def make(user_id: str = "ann", **fields: Any) -> Account:
    return Account.objects.create(user_id=user_id, password="!", **fields)


def test_models_have_no_change_without_migration() -> None:
    output = StringIO()
    call_command("makemigrations", "toto_django", check=True, dry_run=True, stdout=output)
    assert "No changes detected" in output.getvalue()


def test_migrations_are_all_applied() -> None:
    output = StringIO()
    call_command("migrate", "toto_django", check_unapplied=True, plan=True, stdout=output)
    assert "No planned migration operations" in output.getvalue()


def test_objects_name_themselves_without_secrets() -> None:
    session = Session(user_id="ann", id_hash="0123456789abcdef")
    assert str(session) == "ann 01234567"
    assert str(Session(id_hash="0123456789abcdef")) == "(anonymous) 01234567"
    assert str(Account(user_id="ann", password="hash")) == "ann"
    assert str(AccountProperties(account_pk="5", properties={"a": 1})) == "5"


# Exact text


@pytest.mark.parametrize("other", ["Ann", "ann ", " ann", "änn", "a\u0308nn", "ann\u00a0", "\uff41nn"])
def test_lookalike_of_an_id_is_another_id(other: str) -> None:
    make("ann")
    assert not Account.objects.filter(user_id=other).exists()
    assert Account.objects.filter(user_id__in=[other, "x"]).count() == 0
    make(other)
    assert Account.objects.get(user_id="ann") != Account.objects.get(user_id=other)


def test_id_is_unique() -> None:
    make("ann")
    with pytest.raises(IntegrityError), transaction.atomic():
        make("ann")


def test_exact_columns_have_a_binary_collation_where_the_default_folds() -> None:
    fields = [
        field
        for model in (Account, AccountProperties, Session)
        for field in model._meta.get_fields()
        if isinstance(field, ExactCharField)
    ]
    assert [field.name for field in fields] == ["user_id", "account_pk", "user_id"]
    collations = {field.db_parameters(connection).get("collation") for field in fields}
    if connection.vendor == "mysql":
        assert collations <= {"utf8mb4_nopad_bin", "utf8mb4_0900_bin"}
    else:
        assert collations == {None}


def test_deconstructed_fields_are_what_migrations_name() -> None:
    field = Account._meta.get_field("user_id")
    _, path, _, keywords = field.deconstruct()
    assert path == "toto_django.models.ExactCharField"
    assert keywords == {"max_length": 191, "unique": True, "verbose_name": "user ID"}


# Properties


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_properties_read_as_written_in_their_order(value: dict[str, Any]) -> None:
    make(properties=value)
    read = Account.objects.get().properties
    assert json.dumps(read) == json.dumps(value)
    Account.objects.update(properties={"other": 1})
    Account.objects.update(properties=value)
    assert Account.objects.values_list("properties", flat=True).get() == value


def test_properties_are_ascii_text_in_the_database() -> None:
    make(properties={"é": "\x00😀"})
    with connection.cursor() as cursor:
        cursor.execute("SELECT properties FROM toto_django_account")
        assert cursor.fetchone() == ('{"\\u00e9": "\\u0000\\ud83d\\ude00"}',)


def test_properties_of_new_objects_are_not_shared() -> None:
    Account().properties["a"] = 1
    assert Account().properties == {}


@pytest.mark.parametrize(
    "value",
    [1, "text", [1], {"a": object()}, {"a": float("nan")}, None, []],
    ids=stable_repr,
)
def test_what_is_no_json_object_is_invalid(value: Any) -> None:
    account = Account(user_id="ann", password="!", properties=value)
    with pytest.raises(ValidationError) as error:
        account.full_clean()
    assert set(error.value.message_dict) == {"properties"}


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_dumped_objects_load_as_they_were(value: dict[str, Any]) -> None:
    account = make(properties=value)
    beside = AccountProperties.objects.create(account_pk="5", properties=value)
    session = Session.objects.create(
        id_hash="0" * 64, user_id="ann", expires=1.5, state=b"\x00\xff", version=3
    )
    dumped = serializers.serialize("json", [account, beside, session])
    for model in (Account, AccountProperties, Session):
        model.objects.all().delete()
    for loaded in serializers.deserialize("json", dumped):
        loaded.save()
    assert Account.objects.get().properties == AccountProperties.objects.get().properties == value
    loaded = Session.objects.get()
    assert (bytes(loaded.state), loaded.expires, loaded.version) == (b"\x00\xff", 1.5, 3)


# Forms


def form(account: Account, text: str | None = None) -> ModelForm:
    """A form of the properties alone, unbound or as a browser sends it with a text."""
    kind = modelform_factory(Account, fields=["properties"])
    shown = kind(instance=account)
    if text is None:
        return shown
    return kind({"properties": text, "initial-properties": shown["properties"].value()}, instance=account)


def test_form_shows_properties_as_json() -> None:
    account = make(properties={"a": [1, None], "b": "é"})
    assert form(account)["properties"].value() == '{"a": [1, null], "b": "\\u00e9"}'


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_form_sent_back_unchanged_changes_nothing(value: dict[str, Any]) -> None:
    account = make(properties=value)
    sent = form(account, form(account)["properties"].value())
    assert not sent.has_changed()
    sent.save()
    assert Account.objects.get().properties == value


@pytest.mark.parametrize("text", ["{", "[1]", "1", '"a"', "null", '{"a": NaN}', "text"])
def test_text_that_is_no_json_object_is_an_error_of_the_form(text: str) -> None:
    assert set(form(make(), text).errors) == {"properties"}


def test_emptied_form_field_is_an_empty_object() -> None:
    accounts.create_account("ann", "secret", {"a": 1})
    form(Account.objects.get(), "").save()
    assert Account.objects.get().properties == {}
    assert accounts.authenticate("ann", "secret") == "ann"


def test_fields_of_text_stay_text_for_django() -> None:
    assert isinstance(Account._meta.get_field("user_id"), models.CharField)
    assert isinstance(Account._meta.get_field("properties"), models.TextField)
