"""The servers of the stores: whether they answer, and what they lack."""

from collections.abc import Collection
from concurrent.futures import wait
from functools import partial
from typing import Any

from django.core.checks import CheckMessage, Warning

from toto_django.checks.stores import database_of, used_stores
from toto_django.checks.types import Apps
from toto_django.health import PATIENCE, in_thread
from toto_django.stores import Store

__all__ = ["check_store_databases", "check_store_servers"]


def check_store_servers(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """The stores' servers answer (W031) and have what the stores need (W032, W033).

    All are asked at the same time, for PATIENCE seconds. Django's own databases are for
    check_store_databases.
    """
    stores, _ = used_stores()
    asked = {store: in_thread(partial(_ask, store)) for store in stores if not store.uses_account_model}
    wait(asked.values(), PATIENCE)
    messages: list[CheckMessage] = []
    for store, answer in asked.items():
        messages += answer.result() if answer.done() else [_silent(store, f"waited {PATIENCE} seconds")]
    return messages


def check_store_databases(
    app_configs: Apps, databases: Collection[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """See check_store_servers; Django asks its databases only in ``migrate`` and ``check --database``."""
    messages: list[CheckMessage] = []
    for store in used_stores()[0]:
        if store.uses_account_model and database_of(store) in (databases or ()):
            messages += _ask(store)
    return messages


def _ask(store: Store) -> list[CheckMessage]:
    try:
        return store.check_server()
    except Exception as error:
        return [_silent(store, error)]


def _silent(store: Store, reason: Any) -> CheckMessage:
    return Warning(f"The store {store.alias!r} does not answer: {reason}", id="toto_django.W031")
