"""What a process answers to whoever waits when it ends."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from toto_django.server.process import _answer


def answered(path: str) -> tuple[int, Mapping[bytes, bytes], Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"text/csv")]
    asyncio.run(_answer({"method": "POST", "path": path, "headers": headers}, send))
    start, body = sent
    return start["status"], dict(start["headers"]), json.loads(body["body"])


@pytest.fixture(autouse=True)
def mounted(settings: Any) -> None:
    """The service below a prefix."""
    settings.ROOT_URLCONF = "tests.service.mounted_urls"


def test_call_is_answered_as_calls_are() -> None:
    status, headers, body = answered("/service/rt/wait")
    assert (status, body) == (200, {"error": {"code": 1104, "value": "Temporarily unavailable"}})
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"connection"] == b"close"
    assert int(headers[b"content-length"]) == len(json.dumps(body))


def test_other_page_is_unavailable() -> None:
    assert answered("/elsewhere/")[0] == 503
