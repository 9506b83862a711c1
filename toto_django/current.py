"""What this context is at work on. Tasks and worker threads that a call starts find the same."""

from contextvars import ContextVar
from typing import Any

__all__ = ["current_exchange", "current_handler"]

current_exchange: ContextVar[Any] = ContextVar("toto_django.current_exchange", default=None)
"""The `Exchange` of the request or frame that is being answered, None outside of one."""

current_handler: ContextVar[Any] = ContextVar("toto_django.current_handler", default=None)
"""The `Handler` of the innermost call, a batch's own outside of its members, as long as calls are observed;
else None."""
