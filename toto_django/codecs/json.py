"""JSON: UTF-8 in, ASCII out, neither NaN nor Infinity either way (docs/protocol.md 1.4, 4.7)."""

import json
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

from toto_django.codecs.base import Codec, Malformed, as_base64, key_text, too_many_containers

__all__ = ["JSONCodec"]

STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""One that does not end goes on to the end of the body: it is looked at once."""


class JSONCodec(Codec):
    """The standard library's, made strict."""

    name = "json"
    media_types = ("application/json",)
    content_type = "application/json"

    def loads(self, body: bytes, content_type: str = "") -> Any:
        containers = _brackets(body)  # Or as many in strings.
        most = self.container_limit
        if containers > most and _brackets(STRING.sub(b"", body)) > most:
            raise too_many_containers(most)
        try:
            value = _decoded(body.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise Malformed(f"The body is not JSON: {_reason(error)}.") from None
        if containers > self.depth_limit:
            self.check_depth(value)
        return value

    def dumps(self, value: Any) -> bytes:
        try:
            return _encoder.encode(value).encode()
        except (TypeError, ValueError, RecursionError):
            return _encoder.encode(self.as_plain(value, _leaf, key_text)).encode()


def _brackets(body: bytes) -> int:
    return body.count(b"[") + body.count(b"{")


def _decoded(text: str) -> Any:
    """Most bodies have no space around their value: the decoder need not look for it."""
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        return _decoder.decode(text)
    return value if end == len(text) else _decoder.decode(text)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is out of range")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error).partition(";")[0]


def _leaf(value: Any) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        json.dumps(value)
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is not a number of JSON")
        return value
    return as_base64(value)


_decoder = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse_constant)
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # type: ignore[attr-defined]
_encoder = json.JSONEncoder(ensure_ascii=True, allow_nan=False, default=as_base64)
