"""Who calls: the account of every project here, and how many sessions or tokens take turns."""

import base64
import hmac

__all__ = ["COUNT", "PASSWORD", "USER_ID", "signature"]

USER_ID = "bench"
PASSWORD = "a long password"
COUNT = 1000


def signature(message: bytes, user_id: str = USER_ID) -> str:
    """Of a body, as deployed clients make it."""
    return base64.b64encode(hmac.digest(user_id.encode(), message, "sha1")).decode()
