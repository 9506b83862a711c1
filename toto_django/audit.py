"""The logger ``toto_django.audit``: a line at INFO for what happens to accounts and their sessions.

The events are listed in docs/observability.md. Python drops INFO unless LOGGING says otherwise,
and then nothing is done here.
"""

import json
import logging

from toto_django.addresses import client_address
from toto_django.current import current_exchange
from toto_django.logs import one_line

__all__ = ["audit"]

logger = logging.getLogger("toto_django.audit")


def audit(event: str, user_id: object, **details: str) -> None:
    """Write the line of an event, from the request that is being answered; ``details`` are further fields.

    ``user_id`` is the account's, "" for nobody's, or what was sent in its place.
    """
    if not logger.isEnabledFor(logging.INFO):
        return
    exchange = current_exchange.get()
    address = None if exchange is None else client_address(exchange.request)
    fields = {
        "user_id": one_line(user_id),
        "address": None if address is None else one_line(str(address)),
        "request_id": None if exchange is None else exchange.request_id,
        **details,
    }
    shown = [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in fields.items() if value]
    logger.info("%s", " ".join([event, *shown]), extra={"event": event, **fields})
