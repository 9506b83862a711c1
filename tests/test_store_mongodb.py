"""The MongoDB store."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from tests.store_contract import StoreContract

URL = os.environ.get("TOTO_TEST_MONGODB", "mongodb://127.0.0.1:27217/?replicaSet=rs0")
DATABASE = f"toto_test_{os.getpid()}"

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def server() -> Iterator[MongoClient[Any]]:
    with MongoClient(URL) as client:
        yield client
        client.drop_database(DATABASE)


@pytest.fixture(autouse=True)
def database(server: MongoClient[Any]) -> Any:
    """Empty."""
    database = server[DATABASE]
    database.accounts.delete_many({})
    database.sessions.delete_many({})
    return database


class TestMongoDBStore(StoreContract):
    backend = "toto_django.stores.mongodb.MongoDBStore"
    options = {"HOST": URL, "DATABASE": DATABASE}
