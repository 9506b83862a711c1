"""MessagePack: text is str, bytes are bin; the old raw family is read too (docs/protocol.md 12.2)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgpack

from toto_django.codecs.base import Codec, Malformed, as_text, too_many_containers

__all__ = ["Extension", "MessagePackCodec"]

INTEGERS = range(-(2**63), 2**64)


class Extension(msgpack.ExtType):  # type: ignore[misc]
    """A client's extension type: kept apart from those that `toto_django.serializers` has of its own."""

    __slots__ = ()


class MessagePackCodec(Codec):
    """``use_bin_type=False`` answers clients that know only the old raw family."""

    name = "msgpack"
    media_types = ("application/msgpack", "application/x-msgpack", "application/vnd.msgpack")
    content_type = "application/msgpack"

    def __init__(self, use_bin_type: bool = True) -> None:
        self.use_bin_type = use_bin_type

    def loads(self, body: bytes, content_type: str = "") -> Any:
        try:
            value = self._unpack(body)
        except (
            msgpack.UnpackException,
            ValueError,
            TypeError,
            OverflowError,
            RecursionError,
            MemoryError,
        ) as error:
            raise Malformed(f"The body is not MessagePack: {str(error) or type(error).__name__}.") from None
        if len(body) > self.depth_limit:
            self.check_depth(value)
        return value

    def dumps(self, value: Any) -> bytes:
        try:
            return self._pack(value)
        except (TypeError, ValueError, OverflowError, RecursionError):
            return self._pack(self.as_plain(value, self._leaf, self._leaf))

    def _unpack(self, body: bytes) -> Any:
        unpack = partial(msgpack.unpackb, body, strict_map_key=False, timestamp=3, ext_hook=Extension)
        most = self.container_limit
        hooks = partial(_counting, most) if len(body) > most else dict  # An empty list takes one byte.
        try:
            return unpack(**hooks())
        except UnicodeDecodeError:
            old = unpack(unicode_errors="surrogateescape", **hooks())
            return self.as_plain(old, _raw, _raw)

    def _pack(self, value: Any) -> bytes:
        data: bytes = msgpack.packb(value, default=as_text, use_bin_type=self.use_bin_type)
        return data

    def _leaf(self, value: Any) -> Any:
        if isinstance(value, int) and value not in INTEGERS:
            raise OverflowError("the integer does not fit into 64 bits")
        self._pack(value)
        return value


def _counting(most: int) -> dict[str, Callable[[Any], Any]]:
    """Hooks that count objects and lists, and raise Malformed for one too many."""
    left = most

    def count(container: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise too_many_containers(most)
        return container

    return {"object_hook": count, "list_hook": count}


def _raw(value: Any) -> Any:
    """Old raw data that is not UTF-8 is no text: its bytes."""
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogateescape")
    return value
