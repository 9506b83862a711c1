"""Fixtures for pytest, found through the entry point ``pytest11`` (docs/testing.md).

Pytest imports this before settings are configured, in every project that has this package
installed. So what needs Django is imported where it is used.
"""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    import uvicorn

    from toto_django.client import Client
    from toto_django.test import AsyncTotoClient, TotoClient

__all__ = ["TotoAccount", "pytest_configure"]

PATIENCE = 15.0
"""Seconds in which the live server starts, and ends."""


class TotoAccount(NamedTuple):
    """An account that a test has made."""

    user_id: str
    password: str

    def __repr__(self) -> str:
        return f"TotoAccount({self.user_id!r})"


class _WithDatabase:
    """The database fixtures of pytest-django under names of ours, so that it may be missing."""

    @pytest.fixture
    def toto_db(self, db: None) -> None:
        """The database, in a transaction that is rolled back."""

    @pytest.fixture
    def toto_transactional_db(self, transactional_db: None) -> None:
        """The database, where threads see what others have committed."""


class _WithoutDatabase:
    """The same names where pytest-django is missing."""

    @pytest.fixture
    def toto_db(self) -> None:
        pytest.skip("The fixtures of toto_django need pytest-django.")

    toto_transactional_db = toto_db


def pytest_configure(config: pytest.Config) -> None:
    """Fixtures that fit what is installed."""
    has_django = config.pluginmanager.hasplugin("django")
    config.pluginmanager.register(_WithDatabase() if has_django else _WithoutDatabase())


@pytest.fixture
def toto_client(toto_db: None) -> TotoClient:
    """A TotoClient, with the database."""
    from toto_django.test import TotoClient

    return TotoClient()


@pytest.fixture
def async_toto_client(toto_transactional_db: None) -> AsyncTotoClient:
    """An AsyncTotoClient, with a database that threads share, since plain methods run in some."""
    from toto_django.test import AsyncTotoClient

    return AsyncTotoClient()


@pytest.fixture
def toto_account(toto_db: None) -> Callable[..., TotoAccount]:
    """``toto_account()`` makes an account.

    ``toto_account("ada", password="...", display_name="Ada")`` says which: the other keywords
    are its properties.
    """
    from toto_django.accounts import create_account

    def create(user_id: str = "", password: str = "", **properties: Any) -> TotoAccount:
        chosen = password or secrets.token_urlsafe(16)
        name = user_id or f"user-{secrets.token_hex(4)}"
        return TotoAccount(create_account(name, chosen, properties), chosen)

    return create


@pytest.fixture
def toto_live_client(toto_transactional_db: None) -> Iterator[Client]:
    """A Client of a real server: uvicorn with toto_django.asgi, in a thread of this process.

    Its URL is ``toto_live_client.url``.
    """
    pytest.importorskip("httpx", reason="toto_live_client needs the extra `client`.")
    pytest.importorskip("uvicorn", reason="toto_live_client needs the extra `server`.")
    import uvicorn
    from django.urls import reverse

    from toto_django.asgi import get_asgi_application
    from toto_django.client import Client

    config = uvicorn.Config(get_asgi_application(), lifespan="off", log_level="warning", ws="auto")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            _until_started(server, thread)
            path = reverse("toto_django:dispatch", kwargs={"path": ""})
            with Client(f"http://127.0.0.1:{port}{path}", signing=_signing()) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join(PATIENCE)


def _signing() -> str | None:
    """Under HMAC_UPGRADE that which all accounts may use."""
    from toto_django.conf import settings

    return settings.HMAC and ("v2" if settings.HMAC_UPGRADE else settings.HMAC)


def _until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + PATIENCE
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("The live server does not start.")
        time.sleep(0.01)
