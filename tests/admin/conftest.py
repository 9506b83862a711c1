from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from tests.admin.site import admin_installed
from toto_django import accounts, sessions
from toto_django.models import Account


@pytest.fixture(scope="package", autouse=True)
def _site(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), admin_installed():
        yield


@pytest.fixture
def alice(db: None) -> Account:
    accounts.create_account("alice", "old password")
    return Account.objects.get(user_id="alice")


@pytest.fixture
def live(alice: Account) -> sessions.Session:
    """A session of alice's."""
    return sessions.create_session("alice")


@pytest.fixture
def staff(client: Client) -> Client:
    """A client whose user may enter the admin and do nothing there."""
    user = get_user_model().objects.create_user("staff", password="x", is_staff=True)
    client.force_login(user)
    return client
