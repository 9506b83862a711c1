"""The signed store."""

from typing import Any

import pytest

from tests.store_contract import RevocationContract, SessionContract

BACKEND = "toto_django.stores.signed.SignedStore"
LARGE = 4 * 1024 * 1024


class TestSignedStore(RevocationContract):
    backend = BACKEND
    options = {"MAX_SIZE": LARGE, "REVOCATION_CACHE": "default"}

    @pytest.fixture(autouse=True)
    def empty_cache(self, settings: Any) -> None:
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


class TestSignedStoreWithoutRevocation(SessionContract):
    backend = BACKEND
    options = {"MAX_SIZE": LARGE}
