"""``attacks.*``: methods that attacked servers have beside those of tests/service/realtime.py."""

import time
from typing import Any

from toto_django import method
from toto_django.events import EventManager


@method("attacks.collect_slowly")
def collect_slowly(handler: Any, parameters: Any) -> None:
    """Handle every event of a name, a hundred a second."""
    EventManager.instance().register_handler(parameters["event"], lambda args: time.sleep(0.01), persist=True)
