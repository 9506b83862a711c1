"""Which recording is replayed how: transports, stores and settings."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.conformance import recordings
from tests.conformance.pairs import two_of_toto, two_of_uvicorn
from tests.conformance.recordings import Recording
from tests.conformance.servers import GunicornTransport, TotoTransport
from tests.conformance.stores import DEFAULT, SERVED, STORES
from tests.conformance.transports import AsgiTransport, Transport, WsgiTransport

TWO_PROCESSES = {"f_events_2proc"}
"""Recordings that one process cannot answer: an event for one process wakes all who wait in that process."""

CUSTOM_SIGNING = {
    "c_hmac_custom": {
        "HMAC_VERIFY": "tests.service.signing.verify",
        "HMAC_SIGN": "tests.service.signing.sign",
    },
    "c_hmac_custom_doc": {"HMAC_VERIFY": "tests.service.signing.verify"},
}
WITHOUT_STORE = ("a_none", "d_", "f_", "g_")
"""How the names of recordings begin that say nothing about accounts and sessions."""

WITHOUT_WIRE = ("h_", "i_expiry", "i_renew", "j_")
"""Likewise, that are about accounts, sessions and time: what no server between changes."""

IN_PROCESS: Mapping[str, Callable[[], Transport]] = {"wsgi": WsgiTransport, "asgi": AsgiTransport}
SERVERS = {"gunicorn": GunicornTransport, "toto": TotoTransport}
"""`manage.py toto` serves with uvicorn, which is run by itself in a pair."""
PAIRS = {"uvicorn pair": two_of_uvicorn, "toto pair": two_of_toto}
ASGI = {"asgi", "toto"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One replay."""

    file: str
    transport: str
    strict: bool = False
    store: str = DEFAULT

    def __str__(self) -> str:
        variant = "strict " * self.strict + f"{self.store} " * (self.store != DEFAULT)
        return f"{self.file} {variant}{self.transport}"

    @property
    def marks(self) -> list[str]:
        """Of its test: `service` where it needs Redis or MongoDB, `server` where it starts a web server."""
        needs_service = self.transport in PAIRS or self.store in SERVED
        return ["service"] * needs_service + ["server"] * (self.transport not in IN_PROCESS)

    @property
    def recording(self) -> Recording:
        return recordings.load(self.file)

    def toto(self) -> dict[str, Any]:
        """The TOTO settings but for the store."""
        return {
            # The original lets cookies act by GET, and wherever a request comes from. What the guard
            # changes is in tests/test_cookie_guard.py.
            "COOKIE_GUARD": False,
            **self.recording.settings,
            **CUSTOM_SIGNING.get(self.file, {}),
            **({"HMAC_REQUIRED": True} if self.strict else {}),
        }

    def urlconf(self) -> str:
        return "tests.service.mounted_urls" if self.recording.mounted_at else "tests.service.urls"

    def environment(self, database: str) -> dict[str, str]:
        """What tests.service.settings of a server process reads."""
        return {
            "TOTO_TEST_TOTO": json.dumps(self.toto()),
            "TOTO_TEST_URLCONF": self.urlconf(),
            "TOTO_TEST_NAME": database,
        }


def all_runs() -> Iterator[Run]:
    """Every recording over every transport that matters to it; in process the variants besides."""
    for file in recordings.names():
        servers = () if file.startswith(WITHOUT_WIRE) else SERVERS
        for transport in (*IN_PROCESS, *servers):
            if file in TWO_PROCESSES and transport in ASGI:
                continue
            yield Run(file=file, transport=transport)
            if transport in IN_PROCESS and any(case.strict for case in recordings.load(file).cases):
                yield Run(file=file, transport=transport, strict=True)
        if recordings.load(file).processes > 1:
            for transport in PAIRS:
                yield Run(file=file, transport=transport)
        if not file.startswith(WITHOUT_STORE):
            for store in STORES:
                for transport in IN_PROCESS if store in SERVED else ("asgi",):
                    yield Run(file=file, transport=transport, store=store)
