"""Bodies of answers, bounded while they are read."""

import zlib

from toto_django.remote.errors import AnswerTooLarge, InvalidAnswer

__all__ = ["ENCODINGS", "BodyReader"]

ENCODINGS = "gzip"
"""What clients say that they accept."""
GZIP = zlib.MAX_WBITS | 16


class BodyReader:
    """Collects the chunks of a body, which may be compressed, up to a number of bytes."""

    def __init__(self, limit: int, encoding: str = "") -> None:
        if encoding.lower() not in ("", "identity", "gzip"):
            raise InvalidAnswer(f"The answer is encoded as {encoding[:40]!r}.")
        self._limit = limit
        self._gzip = zlib.decompressobj(GZIP) if encoding.lower() == "gzip" else None
        self._body = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Raises AnswerTooLarge, InvalidAnswer."""
        self._body += chunk if self._gzip is None else self._unpacked(chunk)
        if len(self._body) > self._limit:
            raise AnswerTooLarge(f"The answer is larger than {self._limit} bytes.")

    def _unpacked(self, chunk: bytes) -> bytes:
        """At most one byte more than there may be."""
        assert self._gzip is not None
        try:
            return self._gzip.decompress(chunk, self._limit + 1 - len(self._body))
        except zlib.error:
            raise InvalidAnswer("The answer is no gzip, though it says so.") from None

    def body(self) -> bytes:
        if self._gzip is not None and not self._gzip.eof:
            raise InvalidAnswer("The answer is cut off.")
        return bytes(self._body)
