"""Session ids: what clients hold, and what stores keep of it."""

import hashlib
import secrets

__all__ = ["hashed_session_id", "new_session_id"]


def new_session_id(suffix: str = "") -> str:
    """22 URL-safe characters, 128 random bits (docs/protocol.md 7.2), and what follows them."""
    return secrets.token_urlsafe(16) + suffix


def hashed_session_id(session_id: str) -> str:
    """SHA-256 in hex. Ids are random, so a salt or a slow hash would add nothing."""
    return hashlib.sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()
