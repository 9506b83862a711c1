"""BSON by pymongo: binary, dates, ObjectId and 64-bit integers are native (docs/protocol.md 12.2)."""

import datetime
from typing import Any

import bson
from bson.codec_options import CodecOptions
from bson.errors import BSONError

from toto_django.codecs.base import Codec, EncodeError, Malformed, as_text, check_depth, items_of, key_text

__all__ = ["BSONCodec"]

SMALLEST_LEVEL = 7
"""Bytes that one level of nesting takes at least: its type, an empty name, a length, a terminator."""


class BSONCodec(Codec):
    """Options are those of bson's CodecOptions.

    Each object or list takes seven bytes at least, which bounds how many there are.
    """

    name = "bson"
    media_types = ("application/bson",)
    content_type = "application/bson"

    def __init__(self, **options: Any) -> None:
        self.options = CodecOptions[dict[str, Any]](**{"tz_aware": True, **options})

    def loads(self, body: bytes, content_type: str = "") -> Any:
        try:
            value = bson.decode(body, self.options)
        except (BSONError, ValueError, OverflowError, RecursionError) as error:
            reason = str(error).partition(" (")[0]  # Advice for programmers follows.
            raise Malformed(f"The body is not BSON: {reason}.") from None
        if len(body) > SMALLEST_LEVEL * self.depth_limit:
            has_others = b"\x0f" in body or b"$ref" in body
            check_depth(value, self.depth_limit, _items_of if has_others else items_of)
        return value

    def dumps(self, value: Any) -> bytes:
        """BSON has documents only: ``value`` is a mapping."""
        try:
            return bson.encode(value, codec_options=self.options)
        except (BSONError, TypeError, ValueError, OverflowError, RecursionError):
            plain = self.as_plain(value, self._leaf, _key)
            if not isinstance(plain, dict):
                raise EncodeError(("document",), "BSON has no other values at the top") from None
            return bson.encode(plain, codec_options=self.options)

    def _leaf(self, value: Any) -> Any:
        """The value itself where BSON has its type, else its text."""
        if isinstance(value, bytearray | memoryview):
            return bytes(value)
        try:
            bson.encode({"": value}, codec_options=self.options)
        except (BSONError, ValueError, OverflowError) as error:
            if isinstance(value, str | bytes | int | float | datetime.datetime):
                raise ValueError(str(error)) from error
            return as_text(value)
        return value


def _items_of(container: Any) -> list[Any]:
    """See items_of; code with a scope, and references, are the documents that they hold."""
    return [_document(item) for item in items_of(container)]


def _document(value: Any) -> Any:
    if isinstance(value, bson.Code):
        return value.scope
    return value.as_doc() if isinstance(value, bson.DBRef) else value


def _key(key: Any) -> str:
    text = key_text(key)
    if "\0" in text:
        raise ValueError("a name in BSON cannot hold U+0000")
    text.encode()
    return text
