"""Where the output of the server's processes goes."""

import logging
import os
import sys

__all__ = ["open_log", "set_up_logging"]

FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"


def set_up_logging(is_access_logged: bool = False) -> None:
    """Show on stdout what the project's LOGGING gives no handler."""
    for name in ("toto_django", "uvicorn"):
        logger = logging.getLogger(name)
        if not logger.hasHandlers():
            handler = logging.StreamHandler(sys.stdout)
            handler.setFormatter(logging.Formatter(FORMAT))
            logger.addHandler(handler)
            logger.setLevel(logger.level or logging.INFO)
    errors, access = logging.getLogger("uvicorn.error"), logging.getLogger("uvicorn.access")
    errors.setLevel(errors.level or logging.WARNING)
    access.setLevel(access.level or logging.INFO if is_access_logged else logging.WARNING)


def open_log(path: str) -> None:
    """Let stdout and stderr go to the end of a file, made where it is missing. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
