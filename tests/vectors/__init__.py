"""Golden vectors, for servers and clients alike."""

import base64
import json
from pathlib import Path
from typing import Any

__all__ = ["SIGNING_V2", "body_of"]

SIGNING_V2: dict[str, Any] = json.loads((Path(__file__).parent / "signing_v2.json").read_text("utf-8"))


def body_of(vector: dict[str, Any]) -> bytes:
    """The body that is signed."""
    if "body" in vector:
        return str(vector["body"]).encode()
    return base64.b64decode(vector["body_base64"])
