"""client_error: browsers report their errors (docs/protocol.md 8.7)."""

import json
import logging
from typing import Any

from toto_django.description.documenting import documented
from toto_django.handler import Handler
from toto_django.invocation import requires
from toto_django.registry import method

__all__ = ["client_error"]

logger = logging.getLogger("toto_django.client_error")

LONGEST_REPORT = 4096


@method("client_error")
@requires("client_error", "client_type")
@documented(
    parameters={"client_error": {}, "client_type": {"type": "string"}},
    others=True,
    result={"type": "object", "properties": {"logged": {"type": "boolean"}}, "required": ["logged"]},
)
def client_error(handler: Handler, parameters: dict[str, Any]) -> dict[str, bool]:
    """Log an error of a browser client."""
    is_logged = parameters["client_type"] == "browser_js"
    if is_logged:
        # JSON escapes all control characters but U+007F.
        report = json.dumps(parameters["client_error"], default=str, skipkeys=True)
        logger.warning("%s", report[:LONGEST_REPORT].replace("\x7f", "?"))
    return {"logged": is_logged}
