"""The original's password hashes as a Django hasher: imported accounts log in with their old passwords."""

import base64
import hashlib
import re
from typing import Any, Final

from django.contrib.auth.hashers import BasePasswordHasher, get_hasher, mask_hash
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_noop as _

__all__ = ["MAX_ITERATIONS", "TotoPBKDF2PasswordHasher"]

MAX_ITERATIONS: Final = 1_000_000
"""A stored hash that asks for more is refused: what verifies it would be busy for seconds."""
DEFAULT_ITERATIONS: Final = 400
"""What an empty count in the hash means."""
DIGEST_SIZE: Final = 24
"""Bytes."""
SALT_LENGTH: Final = 8
_ENCODED: Final = re.compile(
    r"p5k2\$([1-9a-f][0-9a-f]*)?\$([./0-9A-Za-z]{1,32})\$([./0-9A-Za-z]{32})", re.ASCII
)


class TotoPBKDF2PasswordHasher(BasePasswordHasher):
    """``p5k2$<iterations in hex, empty for 400>$<salt>$<hash>``: the original's text without its first ``$``.

    PBKDF2-HMAC-SHA1; the salt that is hashed is the whole text before the hash, ``$p5k2$…``.
    It belongs into PASSWORD_HASHERS below the hasher for new passwords: a login replaces
    the hash by one of that.
    """

    algorithm = "p5k2"
    iterations = DEFAULT_ITERATIONS

    def salt(self) -> str:
        return super().salt()[:SALT_LENGTH]

    def encode(self, password: str | bytes, salt: str | bytes, iterations: int | None = None) -> str:
        salt = salt.decode() if isinstance(salt, bytes) else salt
        if not salt or "$" in salt:
            raise ValueError("A salt is text without $.")
        count = iterations or self.iterations
        setting = f"{self.algorithm}${'' if count == DEFAULT_ITERATIONS else format(count, 'x')}${salt}"
        return f"{setting}${_digest(password, setting, count)}"

    def decode(self, encoded: str) -> dict[str, Any]:
        """Raises ValueError for what is no such hash, or asks for more than MAX_ITERATIONS."""
        match = _ENCODED.fullmatch(encoded)
        if match is None:
            raise ValueError("The hash is not of the form p5k2$iterations$salt$hash.")
        count, salt, digest = match.groups()
        iterations = int(count, 16) if count else DEFAULT_ITERATIONS
        if iterations > MAX_ITERATIONS:
            raise ValueError(f"The hash asks for more than {MAX_ITERATIONS} iterations.")
        return {"algorithm": self.algorithm, "iterations": iterations, "salt": salt, "hash": digest}

    def verify(self, password: str | bytes, encoded: str) -> bool:
        """A wrong password takes as long as an unknown id, and as a right one, whose hash is replaced."""
        try:
            decoded = self.decode(encoded)
        except ValueError:
            is_right = False
        else:
            digest = _digest(password, encoded.rpartition("$")[0], decoded["iterations"])
            is_right = constant_time_compare(digest, decoded["hash"])
        if not is_right:
            self._harden(password)
        return is_right

    def must_update(self, encoded: str) -> bool:
        """Always: 400 rounds of SHA-1 protect nothing today."""
        return True

    def safe_summary(self, encoded: str) -> Any:
        decoded = self.decode(encoded)
        return {
            _("algorithm"): decoded["algorithm"],
            _("iterations"): decoded["iterations"],
            _("salt"): mask_hash(decoded["salt"], show=2),
            _("hash"): mask_hash(decoded["hash"]),
        }

    def harden_runtime(self, password: str | bytes, encoded: str) -> None:
        missing = self.iterations - self.decode(encoded)["iterations"]
        if missing > 0:
            self.encode(password, self.salt(), missing)

    def _harden(self, password: str | bytes) -> None:
        preferred = get_hasher("default")
        if preferred.algorithm != self.algorithm:
            preferred.encode(password, preferred.salt())  # type: ignore[arg-type]


def _digest(password: str | bytes, setting: str, iterations: int) -> str:
    """Base64 with ``./`` for ``+/``; 24 bytes need no padding."""
    data = password.encode() if isinstance(password, str) else password
    key = hashlib.pbkdf2_hmac("sha1", data, f"${setting}".encode(), iterations, DIGEST_SIZE)
    return base64.b64encode(key, b"./").decode()
