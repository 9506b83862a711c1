"""Settings are read when they are used, and each says what it must be."""

import re
from typing import Any

import pytest
from django.test import override_settings

from toto_django.conf import Setting, Settings, settings


def test_keys_are_read_when_they_are_used() -> None:
    with override_settings(TOTO={"MAX_BODY": 1}):
        assert settings.MAX_BODY == 1
        with override_settings(TOTO={"MAX_BODY": 2}):
            assert settings.MAX_BODY == 2
        assert settings.MAX_BODY == 1
    assert settings.MAX_BODY == 10 * 1024 * 1024


def test_without_toto_every_key_has_its_default(settings: Any) -> None:
    del settings.TOTO
    for setting in Settings.all():
        assert getattr(Settings(), setting.name) == setting.default


@pytest.mark.parametrize("setting", Settings.all(), ids=lambda setting: setting.name)
def test_default_is_valid_and_can_be_said_in_words(setting: Setting[Any]) -> None:
    assert setting.valid(setting.default)
    assert setting.expects


def test_every_key_has_a_check_id_of_its_own() -> None:
    ids = [setting.check_id for setting in Settings.all()]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"toto_django\.E1\d\d", check_id) for check_id in ids)


def test_all_lists_every_key() -> None:
    assert {setting.name for setting in Settings.all()} == {name for name in vars(Settings) if name.isupper()}
    assert isinstance(Settings.MAX_BODY, Setting)


@pytest.mark.parametrize(
    ("exposed", "debug", "expected"),
    [(None, True, True), (None, False, False), (True, False, True), (False, True, False)],
)
def test_expose_errors_defaults_to_debug(settings: Any, exposed: Any, debug: bool, expected: bool) -> None:
    settings.DEBUG = debug
    settings.TOTO = {"EXPOSE_ERRORS": exposed}
    assert Settings().expose_errors is expected
