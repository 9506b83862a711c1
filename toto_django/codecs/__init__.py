"""Which codec reads a body: by its media type, if TOTO["CODECS"] has it on."""

from functools import lru_cache
from typing import Any

from toto_django.codecs.base import Codec, EncodeError, Malformed
from toto_django.codecs.bson import BSONCodec
from toto_django.codecs.form import FormCodec, MultipartCodec, query_arguments
from toto_django.codecs.json import JSONCodec
from toto_django.codecs.msgpack import MessagePackCodec
from toto_django.conf import settings
from toto_django.exceptions import UnsupportedMediaType

__all__ = ["JSON", "Codec", "EncodeError", "Malformed", "codec_for", "make_codec", "query_arguments"]

JSON = JSONCodec()

_CLASSES: tuple[type[Codec], ...] = (JSONCodec, BSONCodec, MessagePackCodec, FormCodec, MultipartCodec)
_BY_MEDIA_TYPE = {media_type: codec for codec in _CLASSES for media_type in codec.media_types}
_BY_NAME = {codec.name: codec for codec in _CLASSES}
_ALWAYS_ON = {FormCodec.name, MultipartCodec.name}


def codec_for(content_type: str) -> Codec:
    """The codec for a Content-Type header; none means JSON. Raises UnsupportedMediaType."""
    found = _class_for(content_type)
    enabled = settings.CODECS
    if found is None or (found.name not in enabled and found.name not in _ALWAYS_ON):
        raise UnsupportedMediaType(_media_type(content_type))
    if isinstance(enabled, dict):
        return _instance(found.name, tuple(enabled.get(found.name, {}).items()))
    return _instance(found.name, ())


def make_codec(name: str, *, max_depth: int) -> Codec:
    """A codec of its own that reads no settings. Raises ValueError for an unknown name."""
    if name not in _BY_NAME:
        raise ValueError(f"There is no codec {name!r}.")
    codec = _BY_NAME[name]()
    codec.max_depth = max_depth
    return codec


@lru_cache(maxsize=128)
def _class_for(content_type: str) -> type[Codec] | None:
    media_type = _media_type(content_type)
    return _BY_MEDIA_TYPE.get(media_type) if media_type else JSONCodec


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


@lru_cache(maxsize=32)
def _instance(name: str, options: tuple[tuple[str, Any], ...]) -> Codec:
    return _BY_NAME[name](**dict(options))
